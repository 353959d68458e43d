package stomptest

import "time"

// Profile names a server whose habits the broker takes on. Each was observed, or read in its source; the zero Profile
// is a strict server that keeps to the specification.
type Profile uint8

const (
	// Generic answers every mistake with ERROR (message, receipt-id where the frame asked for a receipt, and a body
	// that explains) and closes with code 1002; heart-beats that cease are answered by a cut.
	Generic Profile = iota
	// RabbitMQ is 3.10: most mistakes, a wrong password among them, get an ERROR without a receipt-id and leave the
	// connection open; the worse ones are a bare close 1000 "STOMP died". DISCONNECT has the same end and no RECEIPT
	// on a WebSocket. On a bare socket the RECEIPT to DISCONNECT, and the ERROR to a worse mistake, come before the
	// end. Every ERROR lists the versions. NUL is followed by LF, CONNECT is unescaped, heart-beats come in whole
	// seconds, replies through /temp-queue/, and the receipts of a transaction's SENDs at its COMMIT. 60 s without a
	// byte from the client end a WebSocket, 10 s without CONNECT a bare socket. It stays as it is; RabbitMQ4 is what
	// runs today.
	RabbitMQ
	// Classic is ActiveMQ Classic. On a WebSocket: one frame per message, the rest is dropped, part of a frame
	// closes; binary messages are ignored; what is not UTF-8 comes out as U+FFFD under the old content-length; text
	// messages above 64 KiB are a close 1009. A bare socket carries everything, and NUL is followed by LF there.
	// MESSAGE has a content-length where SEND had one. ERROR carries receipt-id and leaves the connection open.
	Classic
	// Artemis sends binary messages and closes after ERROR without a close frame, except in STOMP 1.0 and 1.1. ERROR
	// has no receipt-id where it is about a SUBSCRIBE, and escapes its header before CONNECTED already. MESSAGE has a
	// content-length whenever its body is not empty (in STOMP 1.0 where SEND had one), and an ack that is its
	// message-id. NACK is taken for an ACK, and acks take effect at once in a transaction. A client of STOMP 1.0
	// learns version and session from CONNECTED, and has no heart-beats. A WebSocket fragment above 64 KiB cuts the
	// connection.
	Artemis
	// Spring is its simple broker on Tomcat: every destination is a topic, RECEIPT answers DISCONNECT alone and the
	// connection stays open after it, acks and transactions mean nothing, text messages above 16,640 bytes and binary
	// ones above 8,192 are a close 1009, bodies above 64 KiB an ERROR, and no heart-beats unless WithHeartBeat says
	// so. A CONNECT with no version in common is not answered. What is not UTF-8 comes out as U+FFFD unless its
	// content-type is application/octet-stream.
	Spring
	// OpenMQ is 6.3 in what it does to headers: nothing is escaped and nothing unescaped, in any version. An ack is
	// the subscription's id and the message-id, with raw colons. ERROR has no receipt-id and leaves the connection
	// open, NACK discards, heart-beats there are none, NUL is followed by LF.
	OpenMQ
	// RabbitMQ4 is RabbitMQ as of 4.3, whose limits are the closest of all 4.x. It differs from 3.10 in these:
	// DISCONNECT has its RECEIPT on a WebSocket, too; a SUBSCRIBE that is a worse mistake has its ERROR before the
	// close, and its RECEIPT between them (an ACK still has no ERROR); a frame above 4 MiB + 4,096 bytes is a close
	// 1009, over several messages 1007, and ends a bare socket above 4 MiB without a word; so does a CONNECT above 64
	// KiB, or with 4,096 bytes more on a WebSocket; more than 100 entries of different names are a close 1007; 10 s
	// without CONNECT end any connection.
	RabbitMQ4
	// Spring7 is Spring as of Framework 7 (Boot 4) on Tomcat 11. A second CONNECT is an ERROR and ends the
	// connection, and a text message that is not UTF-8 is a close 1007.
	Spring7
	// Spring7Jetty is Spring7 on Jetty 12: messages above 65,536 bytes, text or binary, are a close 1009.
	Spring7Jetty
)

// String returns the name of the constant.
func (p Profile) String() string {
	return [...]string{"Generic", "RabbitMQ", "Classic", "Artemis", "Spring", "OpenMQ", "RabbitMQ4", "Spring7", "Spring7Jetty"}[p]
}

// byWay is what differs between a WebSocket and a bare stream.
type byWay[T any] struct{ web, stream T }

func both[T any](v T) byWay[T] { return byWay[T]{v, v} }

func (w byWay[T]) on(c *conn) T {
	if c.ws.IsStream() {
		return w.stream
	}
	return w.web
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
	wholeMessages      bool // nothing of a WebSocket message counts before its end
	oneFramePerMessage bool // likewise, and the rest of it is dropped
	textOnly           bool // binary messages are ignored
	checksText         bool // a text message has to be UTF-8
	notTextReason      string
	maxText, maxBinary int // bytes of a WebSocket message; 0: no bound
	tooBigText         string
	tooBigBinary       string
	maxFrame, maxFirst byWay[int]           // bytes of a frame, and of one before CONNECTED; 0: no bound
	maxNames           int                  // of a frame's header entries; 0: no bound
	maxBody            int64                // bytes of a frame's body; 0: as WithLimits says
	maxPiece           int                  // bytes of one fragment of a WebSocket message; 0: no bound
	connectWithin      byWay[time.Duration] // 0: for ever
	idle               byWay[time.Duration] // without heart-beats: as long may pass without a byte from the client; 0: for ever
	idleAlways         bool                 // with heart-beats as well
	pingsDoNotCount    bool                 // heart-beats are STOMP's alone
	clientPicks        bool                 // the client's favourite among the subprotocols
	unasked            string               // the subprotocol that is selected when none was offered that it knows

	// what is sent
	messageType     MessageType
	binaryByType    bool // MessageText, but binary for application/octet-stream
	mangles         bool // what is not UTF-8 becomes U+FFFD in text messages
	trailingLF      byWay[bool]
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
	receiptAfterError    bool // to a SUBSCRIBE that ends the connection
	declaresOnce         bool // a connection that has named a queue takes it for there, also when it was deleted
	noTransactions       bool
	beginResets          bool
	confirmsAtCommit     bool
	idOptional           bool
	takesDuplicates      bool
	ignoresBadSubscribe  bool
	lenient10            bool // client-individual and NACK in 1.0
	durable              durableStyle
	noStreams            bool

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
	case RabbitMQ4:
		return rabbitMQ4()
	case Spring7:
		return spring7()
	case Spring7Jetty:
		return spring7Jetty()
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
		durable:       durableStyle{byID: true, names: durableNames},
		reactions:     all(reaction{closing: closing{code: 1002}}),
	}
	a.reactions[tooBig].closing = closing{1009, "frame too big"}
	a.reactions[silent] = reaction{mute: true}
	return a
}

func classic() behaviour {
	end := reaction{closing: closing{code: 1000}}
	a := behaviour{
		server: "ActiveMQ/5.17.2", session: "ID:stomptest-34589-1:%d",
		unescapesConnect: true, beats: beatStyle{echo: true},
		wholeMessages: true, oneFramePerMessage: true, textOnly: true, pingsDoNotCount: true, unasked: "stomp",
		maxText: 65536, tooBigText: "Text message size [%d] exceeds maximum size [65536]",
		messageType: MessageText, mangles: true, trailingLF: byWay[bool]{stream: true}, lengthAsSent: true,
		ids:           idStyle{message: "ID:stomptest-34589-1:", ack: "ID:ack-34589-1:", separator: ":"},
		remotePrefix:  "/remote-temp-queue/ID:stomptest-",
		disconnectEnd: closing{code: 1000},
		nackDiscards:  true, takesDuplicates: true, outlivesCancel: true, noStreams: true,
		durable:   durableStyle{names: []string{"activemq.subscriptionName"}},
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
		idle: both(60 * time.Second), clientPicks: true, maxPiece: 65536,
		bare10: true, messageType: MessageBinary, trailingLF: both(true), lengthAsSent10: true, saysRedelivered: true, passesJunk: true,
		ids:          idStyle{message: "", ack: "", separator: ","},
		remotePrefix: "/remote-temp-queue/",
		nackIsAck:    true, acksAtOnce: true, noStreams: true,
		durable:              durableStyle{names: durableNames},
		loginError:           "Security Error occurred: User name [%s] or password is invalid",
		noReceiptOfSubscribe: true, escapesEarly: true, cancelsNamelessly: true,
		reactions: all(reaction{open11: true}),
	}
	for _, c := range []class{badLogin, badVersion, framing, tooBig, silent} {
		a.reactions[c].open11 = false
	}
	return a
}

func openMQ() behaviour {
	a := generic()
	a.noEscapes, a.trailingLF, a.noReceiptInError, a.nackDiscards = true, both(true), true, true
	a.beats = beatStyle{none: true}
	a.remotePrefix = "/remote-temp-queue/temporary_destination://queue/"
	a.noStreams, a.durable = true, durableStyle{names: []string{"durable-subscriber-name"}}
	a.ids = idStyle{message: "ID:20-127.0.0.1:", separator: ":", joined: true}
	a.reactions = all(reaction{open: true})
	end := reaction{closing: closing{code: 1000}}
	a.reactions[badLogin], a.reactions[badVersion], a.reactions[framing], a.reactions[tooBig] = end, end, end, end
	a.reactions[silent] = reaction{mute: true, closing: end.closing}
	return a
}
