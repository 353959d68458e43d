package stomptest

import "time"

// What RabbitMQ does was seen on 3.10.8, 4.0.5 and 4.3.6; see docs/brokers.md.

func rabbitMQ() behaviour {
	died := closing{1000, "STOMP died"}
	a := behaviour{
		server: "RabbitMQ/3.10.8", session: "session-%d",
		unescapesConnect: true, exactVersions: true,
		beats:      beatStyle{echo: true, unit: time.Second, least: time.Second},
		checksText: true, idle: byWay[time.Duration]{web: 60 * time.Second}, idleAlways: true,
		connectWithin: byWay[time.Duration]{stream: 10 * time.Second},
		messageType:   MessageText, trailingLF: both(true), saysRedelivered: true, passesJunk: true,
		ids:          idStyle{message: "T_", ack: "T_", separator: "@@", subscription: true},
		remotePrefix: "/reply-queue/amq.gen-", tempRepliesOnly: true,
		dropsLastReceipt: true, disconnectEnd: died,
		noReceiptInError: true, versionsInError: true, ackReceiptFirst: true, beginResets: true, confirmsAtCommit: true,
		idOptional: true, lenient10: true, declaresOnce: true, durable: durableStyle{byID: true},
		reactions: all(reaction{open: true}),
	}
	a.reactions[hard] = reaction{muteOnWeb: true, closing: died}
	a.reactions[badAck] = reaction{muteOnWeb: true, closing: died}
	a.reactions[denied] = reaction{muteOnWeb: true, closing: died}
	a.reactions[silent] = reaction{mute: true, closing: died}
	a.reactions[tooBig] = reaction{mute: true, closing: died}
	a.reactions[again] = reaction{mute: true, closing: closing{code: 1011}}
	a.reactions[framing] = reaction{mute: true, closing: closing{1007, "{bad_frame}"}}
	return a
}

func rabbitMQ4() behaviour {
	a := rabbitMQ()
	a.server = "RabbitMQ/4.3.6"
	a.dropsLastReceipt = false
	a.receiptAfterError = true
	a.reactions[hard].muteOnWeb = false
	// What the limits count, the close codes and their reasons are those of 4.3.6, to the byte.
	a.maxFrame = byWay[int]{web: 4<<20 + 4096, stream: 4 << 20}
	a.maxFirst = byWay[int]{web: 64<<10 + 4096, stream: 64 << 10}
	a.maxText, a.maxBinary = a.maxFrame.web, a.maxFrame.web
	a.maxNames = 100
	a.connectWithin = both(10 * time.Second)
	return a
}
