package stomp

import "fmt"

// AckMode is how the messages of a subscription are acknowledged (clause M2).
type AckMode int

const (
	AckAuto             AckMode = iota // by being sent
	AckClient                          // by Ack, which covers all earlier ones as well
	AckClientIndividual                // by Ack, one by one; not in STOMP 1.0
)

func (m AckMode) String() string {
	switch m {
	case AckAuto:
		return "auto"
	case AckClient:
		return "client"
	case AckClientIndividual:
		return "client-individual"
	}
	return fmt.Sprintf("AckMode(%d)", int(m))
}

// Overflow says what happens when the queue of a subscription is full.
type Overflow int

const (
	// OverflowBlock stops reading from the connection until the queue is half
	// empty: lossless; TCP carries it back to the broker. Heart-beats go on
	// being sent, the server's silence is not counted meanwhile. While anybody
	// awaits a receipt or a reply, reading goes on and the queue grows above
	// its bound, so that a consumer may send with a receipt from its own loop;
	// likewise while senders wait for a server that reads nothing until we do.
	OverflowBlock Overflow = iota
	OverflowDropOldest
	OverflowDropNewest
	// OverflowFail ends the subscription with ErrSlowConsumer.
	OverflowFail
)

// MessageType is the type of the WebSocket messages that carry our frames.
type MessageType int

const (
	// MessageAuto sends text where the frame is valid UTF-8 and binary where
	// it is not: what all brokers take (clause W3).
	MessageAuto   MessageType = iota
	MessageText               // always text
	MessageBinary             // always binary; ActiveMQ Classic ignores those
)
