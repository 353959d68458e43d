package stomptest

import "time"

// Profile names a server whose habits the broker takes on. Each was observed, or read in its source; the zero Profile is
// a strict server that keeps to the specification.
type Profile uint8

const (
	// Generic answers every mistake with ERROR (message, receipt-id where the frame asked for a receipt, and a body that
	// explains) and closes with code 1002; heart-beats that cease are answered by a cut.
	Generic Profile = iota
	// RabbitMQ is Web STOMP 3.10: most mistakes, a wrong password among them, get an ERROR without a receipt-id and leave
	// the connection open; the worse ones are a bare close 1000 "STOMP died". DISCONNECT has the same end and no RECEIPT
	// on a WebSocket; on a bare socket the RECEIPT comes first. Every ERROR lists the versions. NUL is followed by LF,
	// CONNECT is unescaped, heart-beats come in whole seconds, replies through /temp-queue/, and the receipts of a
	// transaction's SENDs at its COMMIT. 60 s without an byte from the client end the connection.
	RabbitMQ
	// Classic is ActiveMQ Classic on its ws transport: one frame per WebSocket message, the rest is dropped, part of a
	// frame closes; binary messages are ignored; what is not UTF-8 comes out as U+FFFD under the old content-length; text
	// messages above 64 KiB are a close 1009. MESSAGE has a content-length where SEND had one. ERROR carries receipt-id and
	// leaves the connection open.
	Classic
	// Artemis sends binary messages and closes after ERROR without a close frame, except in STOMP 1.0 and 1.1. ERROR has no
	// receipt-id where it is about a SUBSCRIBE, and escapes its header before CONNECTED already. MESSAGE has a
	// content-length whenever its body is not empty (in STOMP 1.0 where SEND had one), and an ack that is its message-id.
	// NACK is taken for an ACK, and acks take effect at once in a transaction. A client of STOMP 1.0 learns version and
	// session from CONNECTED, and has no heart-beats. A WebSocket fragment above 64 KiB cuts the connection.
	Artemis
	// Spring is its simple broker on Tomcat: every destination is a topic, RECEIPT answers DISCONNECT alone and the
	// connection stays open after it, acks and transactions mean nothing, text messages above 16,640 bytes and binary
	// ones above 8,192 are a close 1009, bodies above 64 KiB an ERROR, and no heart-beats unless WithHeartBeat says so. A CONNECT with no version in
	// common is not answered. What is not UTF-8 comes out as U+FFFD unless its content-type is application/octet-stream.
	Spring
	// OpenMQ is 6.3 in what it does to headers: nothing is escaped and nothing unescaped, in any version. An ack is the
	// subscription's id and the message-id, with raw colons. ERROR has no receipt-id and leaves the connection open, NACK
	// discards, heart-beats there are none, NUL is followed by LF.
	OpenMQ
)

func (p Profile) String() string {
	return [...]string{"Generic", "RabbitMQ", "Classic", "Artemis", "Spring", "OpenMQ"}[p]
}

// behaviour is a profile taken apart. Fields are named so that the zero value is the strict server.
type behaviour struct {
	// CONNECTED
	server, session  string // of the latter %d is the connection's number; "": no such entry
	unescapesConnect bool
	exactVersions    bool // accept-version is not trimmed
	bare10           bool // in STOMP 1.0 neither server nor heart-beat, and no heart-beats
	beats            beatStyle

	// what is taken
	oneFramePerMessage bool
	textOnly           bool // binary messages are ignored
	checksText         bool // a text message has to be UTF-8
	maxText, maxBinary int  // bytes of a WebSocket message; 0: no bound
	tooBigText         string
	tooBigBinary       string
	maxBody            int64         // bytes of a frame's body; 0: as WithLimits says
	maxPiece           int           // bytes of one fragment of a WebSocket message; 0: no bound
	idle               time.Duration // without heart-beats: as long may pass without an byte from the client; 0: for ever
	idleAlways         bool          // with heart-beats as well
	pingsDoNotCount    bool          // heart-beats are STOMP's alone
	clientPicks        bool          // the client's favourite among the subprotocols
	unasked            string        // the subprotocol that is selected when none was offered that it knows

	// what is sent
	messageType     MessageType
	binaryByType    bool // MessageText, but binary for application/octet-stream
	mangles         bool // what is not UTF-8 becomes U+FFFD in text messages
	trailingLF      bool
	lengthAsSent    bool // MESSAGE has a content-length where SEND had one
	lengthAsSent10  bool // in STOMP 1.0
	lengthAlways    bool // even of an empty body
	saysRedelivered bool // redelivered is there when it is false, too
	ids             idStyle
	passesJunk      bool
	noEscapes       bool // neither written nor undone; a header that needs one is left out

	// what it means
	allTopics            bool
	remotePrefix         string // of temporary queues, seen by others
	tempRepliesOnly      bool   // /temp-queue/ is for reply-to alone
	noReceipts           bool   // but for DISCONNECT
	dropsLastReceipt     bool   // of DISCONNECT, on a WebSocket
	staysAfterDisconnect bool
	disconnectEnd        closing
	loginError           string // message and body of the ERROR to a wrong login, which is %s in it; "": RabbitMQ's words
	noReceiptInError     bool
	noReceiptOfSubscribe bool // in ERROR
	versionsInError      bool // in every one
	escapesEarly         bool // ERROR before CONNECTED is escaped as the version wants that CONNECT led to
	cancelsNamelessly    bool // the ERROR of Cancel has neither message nor subscription
	outlivesCancel       bool // subscriptions hear nothing of Cancel
	noAcks               bool
	nackIsAck            bool
	nackDiscards         bool
	acksAtOnce           bool // in a transaction, too
	ackReceiptFirst      bool // before it is known to be wrong
	declaresOnce         bool // a connection that has named a queue takes it for there, also when it was deleted
	noTransactions       bool
	beginResets          bool
	confirmsAtCommit     bool
	idOptional           bool
	takesDuplicates      bool
	ignoresBadSubscribe  bool
	lenient10            bool // client-individual and NACK in 1.0

	reactions [classes]reaction
}

// all makes the reactions of a server that treats everything alike.
func all(r reaction) (rs [classes]reaction) {
	for i := range rs {
		rs[i] = r
	}
	return rs
}

func (p Profile) behaviour() behaviour {
	switch p {
	case RabbitMQ:
		return rabbitMQ()
	case Classic:
		return classic()
	case Artemis:
		return artemis()
	case Spring:
		return spring()
	case OpenMQ:
		return openMQ()
	default:
		return generic()
	}
}

func generic() behaviour {
	a := behaviour{
		server: "stomptest/1", session: "session-%d",
		ids:           idStyle{message: "m", ack: "a", separator: "-"},
		remotePrefix:  "/remote-temp-queue/",
		disconnectEnd: closing{code: 1000},
		reactions:     all(reaction{closing: closing{code: 1002}}),
	}
	a.reactions[tooBig].closing = closing{1009, "frame too big"}
	a.reactions[silent] = reaction{mute: true}
	return a
}

func rabbitMQ() behaviour {
	died := closing{1000, "STOMP died"}
	a := behaviour{
		server: "RabbitMQ/3.10.8", session: "session-%d",
		unescapesConnect: true, exactVersions: true,
		beats:      beatStyle{echo: true, unit: time.Second, least: time.Second},
		checksText: true, idle: 60 * time.Second, idleAlways: true,
		messageType: MessageText, trailingLF: true, saysRedelivered: true, passesJunk: true,
		ids:          idStyle{message: "T_", ack: "T_", separator: "@@", subscription: true},
		remotePrefix: "/reply-queue/amq.gen-", tempRepliesOnly: true,
		dropsLastReceipt: true, disconnectEnd: died,
		noReceiptInError: true, versionsInError: true, ackReceiptFirst: true, beginResets: true, confirmsAtCommit: true,
		idOptional: true, lenient10: true, declaresOnce: true,
		reactions: all(reaction{open: true}),
	}
	a.reactions[hard] = reaction{mute: true, closing: died}
	a.reactions[badAck] = reaction{mute: true, closing: died}
	a.reactions[silent] = reaction{mute: true, closing: died}
	a.reactions[tooBig] = reaction{mute: true, closing: died}
	a.reactions[again] = reaction{mute: true, closing: closing{code: 1011}}
	a.reactions[framing] = reaction{mute: true, closing: closing{1007, "{bad_frame}"}}
	return a
}

func classic() behaviour {
	end := reaction{closing: closing{code: 1000}}
	a := behaviour{
		server: "ActiveMQ/5.17.2", session: "ID:stomptest-34589-1:%d",
		unescapesConnect: true, beats: beatStyle{echo: true},
		oneFramePerMessage: true, textOnly: true, pingsDoNotCount: true, unasked: "stomp",
		maxText: 65536, tooBigText: "Text message size [%d] exceeds maximum size [65536]",
		messageType: MessageText, mangles: true, lengthAsSent: true,
		ids:           idStyle{message: "ID:stomptest-34589-1:", ack: "ID:ack-34589-1:", separator: ":"},
		remotePrefix:  "/remote-temp-queue/ID:stomptest-",
		disconnectEnd: closing{code: 1000},
		nackDiscards:  true, takesDuplicates: true, outlivesCancel: true,
		reactions: all(reaction{open: true}),
	}
	a.reactions[badLogin], a.reactions[badVersion] = end, end
	a.reactions[again], a.reactions[framing], a.reactions[tooBig] = end, end, end
	a.reactions[silent] = reaction{mute: true, closing: end.closing}
	return a
}

func artemis() behaviour {
	a := behaviour{
		server: "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine", session: "%d",
		exactVersions: true, beats: beatStyle{ifAsked: true, echo: true, leastSend: 500 * time.Millisecond, otherwise: 30 * time.Second},
		idle: 60 * time.Second, clientPicks: true, maxPiece: 65536,
		bare10: true, messageType: MessageBinary, trailingLF: true, lengthAsSent10: true, saysRedelivered: true, passesJunk: true,
		ids:          idStyle{message: "", ack: "", separator: ","},
		remotePrefix: "/remote-temp-queue/",
		nackIsAck:    true, acksAtOnce: true,
		loginError:           "Security Error occurred: User name [%s] or password is invalid",
		noReceiptOfSubscribe: true, escapesEarly: true, cancelsNamelessly: true,
		reactions: all(reaction{open11: true}),
	}
	for _, c := range []class{badLogin, badVersion, framing, tooBig, silent} {
		a.reactions[c].open11 = false
	}
	return a
}

func spring() behaviour {
	a := behaviour{
		exactVersions: true, beats: beatStyle{none: true, missed: 3},
		pingsDoNotCount: true, clientPicks: true,
		maxText: 16640, tooBigText: "The decoded text message was too big for the output buffer and the endpoint does not support partial messages",
		maxBinary: 8192, tooBigBinary: "No async message support and buffer too small. Buffer size: [8,192], Message size: [%d]",
		maxBody: 65536, messageType: MessageText, binaryByType: true, mangles: true, lengthAlways: true, passesJunk: true,
		ids:          idStyle{message: "", ack: "", separator: "-"},
		remotePrefix: "/remote-temp-queue/",
		allTopics:    true, noReceipts: true, staysAfterDisconnect: true, noReceiptInError: true,
		noAcks: true, noTransactions: true, takesDuplicates: true, ignoresBadSubscribe: true, outlivesCancel: true,
		reactions: all(reaction{closing: closing{code: 1002}}),
	}
	a.reactions[badVersion] = reaction{ignore: true}
	a.reactions[again] = reaction{ignore: true}
	return a
}

func openMQ() behaviour {
	a := generic()
	a.noEscapes, a.trailingLF, a.noReceiptInError, a.nackDiscards = true, true, true, true
	a.beats = beatStyle{none: true}
	a.remotePrefix = "/remote-temp-queue/temporary_destination://queue/"
	a.ids = idStyle{message: "ID:20-127.0.0.1:", separator: ":", joined: true}
	a.reactions = all(reaction{open: true})
	end := reaction{closing: closing{code: 1000}}
	a.reactions[badLogin], a.reactions[badVersion], a.reactions[framing], a.reactions[tooBig] = end, end, end, end
	a.reactions[silent] = reaction{mute: true, closing: end.closing}
	return a
}
