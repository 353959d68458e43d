package stomptest

// What Spring's simple broker does was seen on Framework 4.3, 6.2.19 and 7.0.10, on Tomcat 9 to 11 and Jetty 12.1;
// see docs/brokers.md.

func spring() behaviour {
	a := behaviour{
		exactVersions: true, beats: beatStyle{none: true, missed: 3},
		pingsDoNotCount: true, clientPicks: true, wholeMessages: true,
		maxText: 16640, tooBigText: "The decoded text message was too big for the output buffer and the endpoint does not support partial messages",
		maxBinary: 8192, tooBigBinary: "No async message support and buffer too small. Buffer size: [8,192], Message size: [%d]",
		maxBody: 65536, messageType: MessageText, binaryByType: true, mangles: true, lengthAlways: true, passesJunk: true,
		ids:          idStyle{message: "", ack: "", separator: "-"},
		remotePrefix: "/remote-temp-queue/",
		allTopics:    true, noReceipts: true, staysAfterDisconnect: true, noReceiptInError: true,
		noAcks: true, noTransactions: true, takesDuplicates: true, ignoresBadSubscribe: true, outlivesCancel: true, noStreams: true,
		reactions: all(reaction{closing: closing{code: 1002}}),
	}
	a.reactions[badVersion] = reaction{ignore: true}
	a.reactions[again] = reaction{ignore: true}
	return a
}

func spring7() behaviour {
	a := spring()
	a.reactions[again] = reaction{closing: closing{code: 1002}}
	a.checksText = true
	a.notTextReason = "A WebSocket text frame was received that could not be decoded to UTF-8 because it contained invalid byte sequences"
	return a
}

func spring7Jetty() behaviour {
	a := spring7()
	a.notTextReason = "Invalid UTF-8"
	a.maxText, a.tooBigText = 65536, "Text message too large: %d > 65,536"
	a.maxBinary, a.tooBigBinary = 65536, "Binary message too large: %d > 65,536"
	return a
}
