package interop

import (
	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// Endpoint is one way to reach one server: a column of the table.
type Endpoint struct {
	Column  string        // the column's head: "RabbitMQ ws"
	Broker  broker.Broker // nil if the server is absent
	URL     string
	TCP     bool          // STOMP on a TCP socket, without WebSocket
	Backend broker.Broker // the broker behind a relay, which must run as well; nil for all others

	// Moves: it is whatever version its source has today. So it fails nothing that it is missing or does not start, and
	// docs/interop.md need not have the same cells as this run.
	Moves bool
	// Absent says why a server that moves does not take part; nil if it does.
	Absent error

	// Options are what every client of this endpoint needs.
	Options []stomp.ConnectOption

	dialect
}

// version is the server's, for the table's head.
func (e *Endpoint) version() string {
	if e.Absent != nil {
		return "missing"
	}
	return e.Broker.Version()
}

// dialect holds how this server does what STOMP leaves to the server.
type dialect struct {
	name string // the server's name in offers

	// prefetch limits a subscription to one unacknowledged message.
	prefetch stomp.SubscribeOption
	// nack says what happens to a message after NACK.
	nack nackMeaning
	// replyTo is the prefix of reply queues; "" for the library's default.
	replyTo string
	// durable returns the options of a durable subscription of that name.
	durable func(name string) durable
	// persistent makes a message survive a restart of the server.
	persistent stomp.SendOption
	// wrongLogin is part of the ERROR after a wrong passcode; "" is the user's name.
	wrongLogin string
	// forbidden is a destination that the server refuses to this login.
	forbidden string
	// deleted says what a subscriber sees when its queue is deleted.
	deleted deletedMeaning
	// limited is an endpoint with a size limit, and a size above it.
	limited limited
	// deflateURL accepts permessage-deflate, if URL does not; else "".
	deflateURL string
	// sendsUncompressed: the server accepts compressed messages and sends none.
	sendsUncompressed bool
	// mayDropError: now and then only the close arrives, without the ERROR before it.
	mayDropError bool
	// mayLoseFirst: after a cut the server may not redeliver a subscription's first
	// unacknowledged message.
	mayLoseFirst bool
	// noHeartBeats: the server agrees to none, so that a client that would promise them sends none.
	noHeartBeats bool
	// oneTransaction: a session has one transaction at a time.
	oneTransaction bool
	// rawHeaderNames: the server does not unescape header names.
	rawHeaderNames bool
}

type nackMeaning int

const (
	requeues    nackMeaning = iota // delivered again at once
	deadLetters                    // moved to the dead letter queue
	discards                       // dropped, as after an ACK
)

type deletedMeaning int

const (
	cancels   deletedMeaning = iota // an ERROR that ends the subscription
	recreates                       // the subscription goes on, on a new queue of that name
)

// durable holds the options of one durable subscription.
type durable struct {
	connect     []stomp.ConnectOption
	subscribe   []stomp.SubscribeOption
	unsubscribe []stomp.FrameOption // these delete it at the server
}

// limited says where a frame with a body of size bytes is refused.
type limited struct {
	url     string // "": the endpoint's own
	connect []stomp.ConnectOption
	size    int
	options []stomp.SendOption
	says    string // part of the client's error
}
