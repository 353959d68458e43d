package stomp

import "fmt"

// AckMode says how the messages of a subscription are acknowledged (clause M2).
type AckMode int

const (
	AckAuto             AckMode = iota // acknowledged by being sent
	AckClient                          // by Ack, which covers all earlier messages too
	AckClientIndividual                // by Ack, each message alone; not in STOMP 1.0
)

// String returns the mode as SUBSCRIBE names it: "auto", "client" or "client-individual".
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

// Overflow says what happens when the queue of a subscription or a Group is full ([WithBuffer]).
type Overflow int

const (
	// OverflowBlock stops reading from the connection until the queue is half empty. Nothing is lost: TCP passes the
	// pressure on to the broker. Meanwhile our heart-beats go on, and the server's silence is not counted. Reading
	// continues, and the queue grows above its bound, while a call waits for a receipt, a reply or Flush, and while a
	// [Receipt] is pending, so that a consumer may wait in its own loop; and while senders wait for a server that
	// does not read until we do. All full queues together grow by 16 MiB at full speed, or as much as they held, and
	// then ever more slowly: by some 4 times as much in 5 minutes, 8 times in an hour, 17 times in a day.
	OverflowBlock Overflow = iota
	// OverflowDropOldest drops the oldest frames that wait, until the one that arrives has room. Dropped in
	// [SubscriptionStats] counts them. It goes with AckAuto alone: what is dropped is never acknowledged, and the
	// broker's window stays closed.
	OverflowDropOldest
	// OverflowDropNewest drops the frame that arrives; everything else is as with OverflowDropOldest.
	OverflowDropNewest
	// OverflowFail ends the subscription, or the Group, with [ErrSlowConsumer], and sends UNSUBSCRIBE. What waits
	// behind the channel's buffer is dropped.
	OverflowFail
	// OverflowLatest keeps one frame of each destination, the newest: it takes the place of the one that waits, which
	// is dropped and counted. The destination is the MESSAGE's, so a subscription with a wildcard keeps the newest of
	// each topic. The bound counts destinations; beyond it, the one that has waited for longest is dropped. The
	// channel has no buffer: what it gives is the newest that has arrived. It goes with AckAuto alone.
	OverflowLatest
)

// String returns "block", "drop oldest", "drop newest", "fail" or "latest".
func (o Overflow) String() string {
	switch o {
	case OverflowBlock:
		return "block"
	case OverflowDropOldest:
		return "drop oldest"
	case OverflowDropNewest:
		return "drop newest"
	case OverflowFail:
		return "fail"
	case OverflowLatest:
		return "latest"
	}
	return fmt.Sprintf("Overflow(%d)", int(o))
}

// MessageType is the type of the WebSocket messages that carry outgoing frames.
type MessageType int

const (
	// MessageAuto sends a frame that is valid UTF-8 as text and any other as binary, which all brokers accept (clause
	// W3).
	MessageAuto   MessageType = iota
	MessageText               // always text
	MessageBinary             // always binary, which ActiveMQ Classic ignores
)

// String returns "auto", "text" or "binary".
func (t MessageType) String() string {
	switch t {
	case MessageAuto:
		return "auto"
	case MessageText:
		return "text"
	case MessageBinary:
		return "binary"
	}
	return fmt.Sprintf("MessageType(%d)", int(t))
}
