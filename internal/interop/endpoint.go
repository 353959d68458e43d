package interop

import (
	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// Endpoint is one way into one server: a column of the table.
type Endpoint struct {
	Column string // as short as a table's head must be: "RabbitMQ ws"
	Broker broker.Broker
	URL    string
	Bare   bool          // STOMP on a TCP socket, without WebSocket
	Behind broker.Broker // that must run as well; may be nil

	// Options are what everybody needs here.
	Options []stomp.ConnectOption

	dialect
}

// dialect is how this server says what STOMP leaves to it.
type dialect struct {
	name string // of the entry in offers

	// prefetch bounds the unacknowledged messages of a subscription to one.
	prefetch stomp.SubscribeOption
	// nack is what becomes of a message that was refused.
	nack nackMeaning
	// replyTo is the prefix of the reply queues, where the default is not served.
	replyTo string
	// durable says how a durable subscription is made and ended.
	durable func(name string) durable
	// persistent asks for a message that survives the server.
	persistent stomp.SendOption
	// forbidden is a destination that this login may not subscribe to.
	forbidden string
	// deleted is what its subscriber sees when a queue is deleted.
	deleted deletedMeaning
	// limited is a way in with a limit that can be met, and a size above it.
	limited limited
	// deflateURL is a way in that takes permessage-deflate, if URL does not.
	deflateURL string
	// inflates: it takes compressed messages and sends none.
	inflates bool
	// losesERROR: now and then only its close arrives, and not the ERROR before.
	losesERROR bool
	// keepsFirst: after a cut it may keep back a subscription's first message that
	// is not acknowledged.
	keepsFirst bool
	// rawNames: header names pass as they are, so that no escape can be tried.
	rawNames bool
}

type nackMeaning int

const (
	requeues nackMeaning = iota // delivered again at once
	buries                      // moved to the dead letter queue
	discards                    // as good as an ACK
)

type deletedMeaning int

const (
	cancels deletedMeaning = iota // an ERROR that ends the subscription
	renews                        // the subscription goes on, on a queue that is made anew
)

// durable are the options of one durable subscription.
type durable struct {
	connect     []stomp.ConnectOption
	subscribe   []stomp.SubscribeOption
	unsubscribe []stomp.FrameOption // that end it for good
}

// limited is where a frame with a body of size octets is refused.
type limited struct {
	url     string // "" for the endpoint's own
	connect []stomp.ConnectOption
	size    int
	options []stomp.SendOption
	says    string // part of our error
}
