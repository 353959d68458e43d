package stomptest

import (
	"context"
	"fmt"
	"sync"
)

// What the record keeps: enough for a test, and bounded for a demo that runs for days.
const (
	recordFrames = 4096
	recordBytes  = 16 << 20
)

// record is what was received of late.
type record struct {
	mu      sync.Mutex // guards what follows
	events  []Event    // events[head:] are kept
	head    int
	first   uint64        // the number of events[head]
	bytes   int           // of the bodies kept
	changed chan struct{} // closed at the next add; nil when nobody waits
}

func (r *record) add(e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	r.bytes += len(e.Frame.Body)
	for len(r.events)-r.head > recordFrames || r.bytes > recordBytes && len(r.events)-r.head > 1 {
		r.bytes -= len(r.events[r.head].Frame.Body)
		r.events[r.head] = Event{}
		r.head++
		r.first++
	}
	if r.head > recordFrames {
		r.events = append([]Event(nil), r.events[r.head:]...)
		r.head = 0
	}
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// since returns what came from number n on, the number that comes next, and what is closed when it does.
func (r *record) since(n uint64) (events []Event, next uint64, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	kept := r.events[r.head:]
	next = r.first + uint64(len(kept))
	if n > r.first {
		kept = kept[min(n-r.first, uint64(len(kept))):]
	}
	return append([]Event(nil), kept...), next, r.changed
}

// Received returns the frames that have come from clients, in order, dropped and refused ones too: the last 4,096,
// and fewer where their bodies add up to more than 16 MiB.
func (b *Broker) Received() []Event {
	events, _, _ := b.record.since(0)
	return events
}

// AwaitReceived returns the first frame from a client that match likes, among those that Received knows and those to
// come. It waits until ctx ends, or the broker is closed; both are errors that say how many frames came. So is it
// when more come at a time than Received keeps.
func (b *Broker) AwaitReceived(ctx context.Context, match func(Event) bool) (Event, error) {
	var n uint64
	for first := true; ; first = false {
		events, next, changed := b.record.since(n)
		if missed := next - uint64(len(events)) - n; missed > 0 && !first {
			return Event{}, fmt.Errorf("stomptest: AwaitReceived: %d frames came and went before match could see them: use Intercept for so many", missed)
		}
		for _, e := range events {
			if match(e) {
				return e, nil
			}
		}
		n = next
		select {
		case <-changed:
		case <-b.stop:
			return Event{}, fmt.Errorf("stomptest: AwaitReceived: the broker was closed before such a frame came (%d others did)", n)
		case <-ctx.Done():
			return Event{}, fmt.Errorf("stomptest: AwaitReceived: no such frame among the %d that came: %w", n, ctx.Err())
		}
	}
}

// Connections returns how many connections are open, with a session or not.
func (b *Broker) Connections() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns)
}

// Sessions returns how many sessions were opened so far: CONNECTED frames.
func (b *Broker) Sessions() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions
}

// StaleAcks returns how many ACK and NACK frames came for messages that had been delivered on another connection.
func (b *Broker) StaleAcks() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.staleAcks
}

// Subscriptions returns how many subscriptions a destination has.
func (b *Broker) Subscriptions(destination string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.subscriptionsLocked(destination))
}

// QueueLen returns how many messages wait for somebody to take them: in a queue, or in all durable subscriptions of a
// topic together. Of a stream it is how many there are.
func (b *Broker) QueueLen(destination string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[destination]; q != nil {
		return q.len()
	}
	n := 0
	if t := b.topics[destination]; t != nil {
		n = len(t.log)
		for _, q := range t.kept {
			n += q.len()
		}
	}
	return n
}

// Unacked returns how many messages of a destination are in the hands of subscriptions that have not acked them.
func (b *Broker) Unacked(destination string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, sub := range b.subscriptionsLocked(destination) {
		n += sub.unacked.Len()
	}
	return n
}
