package stomptest

import (
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

// A durable subscription is a queue that belongs to a topic, and not to a subscription: it collects while nobody reads
// it. STOMP has none; each server has its own way to ask for one.

// durableStyle is how SUBSCRIBE asks for a durable subscription, and UNSUBSCRIBE ends it. The zero value has none.
type durableStyle struct {
	// byID: the id, or x-queue-name, names it where durable:true and auto-delete:false ask for it.
	byID bool
	// names are the entries that name it, together with the client-id of CONNECT.
	names []string
}

// durableNames are those that Artemis takes, the one that counts first.
var durableNames = []string{"durable-subscriber-name", "durable-subscription-name", "activemq.subscriptionName"}

// ofClient is what the name of a durable subscription begins with that a client's id is part of.
const ofClient = "client "

// durableName returns the name of the durable subscription that the header of a SUBSCRIBE or UNSUBSCRIBE speaks of;
// "" when it speaks of none.
func (s *session) durableName(id string, h [][2]string) string {
	style := s.b.act.durable
	if style.byID && wire.Get(h, "durable") == "true" && wire.Get(h, "auto-delete") == "false" {
		if name := wire.Get(h, "x-queue-name"); name != "" {
			return "queue " + name
		}
		return "id " + id
	}
	for _, entry := range style.names {
		if name := wire.Get(h, entry); name != "" && s.clientID != "" {
			return ofClient + s.clientID + "." + name
		}
	}
	return ""
}

// keep returns the queue of a topic's durable subscription, and makes it when there is none.
func (t *topic) keep(name string) *queue {
	for _, q := range t.kept {
		if q.durable == name {
			return q
		}
	}
	q := &queue{name: t.name, durable: name}
	t.kept = append(t.kept, q)
	return q
}

// forget ends a topic's durable subscription for good, unless somebody reads it. It reports whether there was one.
func (t *topic) forget(name string) bool {
	i := slices.IndexFunc(t.kept, func(q *queue) bool { return q.durable == name && len(q.subs) == 0 })
	if i >= 0 {
		t.kept = slices.Delete(t.kept, i, i+1)
	}
	return i >= 0
}

// endDurableLocked ends a durable subscription that nobody reads, on whatever topic it is: a second UNSUBSCRIBE of
// Classic's, which has its name alone. Where the subscription's id is the name, the topic would have to be known, too.
// It reports whether there was one. Broker.mu is held.
func (b *Broker) endDurableLocked(name string) bool {
	if !strings.HasPrefix(name, ofClient) {
		return false
	}
	for _, t := range b.topics {
		if t.forget(name) {
			b.tidyTopic(t)
			return true
		}
	}
	return false
}
