package stomptest

import "github.com/webstomp/webstomp/internal/wire"

// message is what a SEND brought. It is shared by all who receive it, and not written to.
type message struct {
	destination string      // as the sender wrote it
	header      [][2]string // the sender's other entries, as they are passed on (S4)
	body        []byte
	counted     bool // the sender gave a content-length
}

// ownEntries are the names that the broker writes into a MESSAGE itself; a sender's entries of these names are not
// passed on.
var ownEntries = map[string]bool{
	"destination": true, "content-length": true, "subscription": true, "message-id": true, "ack": true, "redelivered": true,
}

// newMessage makes the message of a SEND. junk passes on what belongs to the sender's dialogue with the broker alone,
// as some servers do.
func newMessage(destination string, header [][2]string, body []byte, junk bool) *message {
	m := &message{destination: destination, body: body}
	_, m.counted = wire.Lookup(header, "content-length")
	for _, e := range header {
		if ownEntries[e[0]] || !junk && (e[0] == "receipt" || e[0] == "transaction") {
			continue
		}
		m.header = append(m.header, e)
	}
	return m
}

// entry is a message's place in one queue.
type entry struct {
	msg         *message
	seq         uint64 // its place in the order of arrival: what comes back finds it again
	redelivered bool
	refusedBy   *subscription // who nacked it last: others come first
}

// delivery is an entry in the hands of a subscription.
type delivery struct {
	entry *entry
	sub   *subscription
	num   uint64 // unique in the broker; the ids of the wire are made of it
	tx    *transaction
	place element // in sub.unacked
}
