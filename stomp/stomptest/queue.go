package stomptest

import (
	"cmp"
	"container/list"
	"slices"
)

// element is a delivery's place in the list of what its subscription has not acked.
type element = *list.Element

// queue holds messages until a subscription takes them: one each, round robin, in order. All of it is guarded by
// Broker.mu.
type queue struct {
	name  string
	owner *session // of a temporary queue, which ends with it; else nil
	ready []*entry // ready[head:] waits
	head  int
	subs  []*subscription
	next  int // who is asked first for the next message
	last  uint64

	durable string // the name of the durable subscription whose messages these are; "" on all others
}

func (q *queue) len() int { return len(q.ready) - q.head }

// clear forgets what waits.
func (q *queue) clear() { q.ready, q.head = nil, 0 }

// push adds a message at the end. dispatch has to follow.
func (q *queue) push(m *message) {
	q.last++
	q.ready = append(q.ready, &entry{msg: m, seq: q.last})
}

// requeue takes messages back to where they stood. dispatch has to follow.
func (q *queue) requeue(back []*entry) {
	if len(back) == 0 {
		return
	}
	for _, e := range back {
		e.redelivered = true
	}
	slices.SortFunc(back, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	k := len(back)
	// What comes back is almost always older than all that waits, and often finds its old place free.
	if q.len() > 0 && q.head >= k && back[k-1].seq < q.ready[q.head].seq {
		q.head -= k
		copy(q.ready[q.head:], back)
		return
	}
	q.ready = append(back, q.ready[q.head:]...)
	q.head = 0
	slices.SortStableFunc(q.ready, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
}

// dispatch hands out what waits, as long as somebody takes it.
func (q *queue) dispatch() {
	for q.len() > 0 {
		e := q.ready[q.head]
		sub := q.pick(e)
		if sub == nil {
			return
		}
		q.ready[q.head] = nil
		if q.head++; q.head == len(q.ready) {
			q.ready, q.head = q.ready[:0], 0
		}
		sub.deliver(e)
	}
	if cap(q.ready) > 4096 {
		q.ready = nil // a backlog's worth of memory is not kept for the next one
	}
}

// pick chooses who gets e: the next in turn that has room, and who refused it only when nobody else has.
func (q *queue) pick(e *entry) *subscription {
	var refused *subscription
	for i := range q.subs {
		n := (q.next + i) % len(q.subs)
		sub := q.subs[n]
		switch {
		case !sub.hasRoom():
		case sub == e.refusedBy:
			refused = sub
		default:
			q.next = (n + 1) % len(q.subs)
			return sub
		}
	}
	return refused
}

func (q *queue) attach(sub *subscription) {
	q.subs = append(q.subs, sub)
	sub.queue = q
}

func (q *queue) detach(sub *subscription) {
	if i := slices.Index(q.subs, sub); i >= 0 {
		q.subs = slices.Delete(q.subs, i, i+1)
		if i < q.next {
			q.next--
		}
	}
}

// topic copies what is sent to it to every subscription. Each has a queue of its own, so that acks, prefetch and
// redelivery work as on a queue, and end with the subscription, unless that is durable.
// It is guarded by Broker.mu.
type topic struct {
	name string
	subs []*subscription
	kept []*queue // of durable subscriptions, with a subscriber or without

	stream bool     // its log is kept, and read from an offset on
	log    []logged // of a stream, by offset
}

func (t *topic) publish(m *message) {
	for _, sub := range t.subs {
		if sub.queue.durable == "" {
			sub.queue.push(m)
			sub.queue.dispatch()
		}
	}
	for _, q := range t.kept {
		q.push(m)
		q.dispatch()
	}
}

func (t *topic) detach(sub *subscription) {
	if i := slices.Index(t.subs, sub); i >= 0 {
		t.subs = slices.Delete(t.subs, i, i+1)
	}
}
