package inbox

// Share is a part of an Inbox, with counters and an end of its own. Its values wait among those of the other shares,
// in the order of Put over all of them, and count for the one bound. Put is called by the goroutine that calls those
// of the other shares; any goroutine may call the other methods.
type Share[T any] struct {
	in    *Inbox[T]
	tally tally
}

// tally is what is counted of a share. It is guarded by the Inbox's lock.
type tally struct {
	received, delivered, dropped uint64

	queued int   // in the queue and in the feeder's hand
	bytes  int64 // of those
	state  state
	over   bool          // closed is closed, or is as soon as the lock is released
	closed chan struct{} // closed when the share has ended and nothing of it is queued
	told   func()        // called right before; nil: nothing is
}

// NewShared returns an open Inbox for Shares. Its channel has no buffer, so that it is known at any time which values
// the consumer has. Its caller has to End it.
func NewShared[T any](owner Owner[T], bound Bound) *Inbox[T] {
	in := newInbox(owner, bound)
	in.ch, in.retract = make(chan T), make(chan struct{}, 1)
	return in
}

// NewShare returns an open Share of an Inbox that NewShared has made. Its caller has to End it. told, unless it is
// nil, is called right before Closed is closed: whoever waits for that finds what it has done.
func (in *Inbox[T]) NewShare(told func()) *Share[T] {
	return &Share[T]{in: in, tally: tally{closed: make(chan struct{}), told: told}}
}

// Whole returns the Inbox that the Share is a part of.
func (s *Share[T]) Whole() *Inbox[T] { return s.in }

// Closed returns a channel that is closed when the Share has ended, and the consumer gets nothing more of it.
func (s *Share[T]) Closed() <-chan struct{} { return s.tally.closed }

// Put offers v to the consumer. It never blocks.
func (s *Share[T]) Put(v T) Verdict { return s.in.put(item[T]{v, &s.tally}) }

// Stats returns a snapshot of the Share's counters. Stalls are the Inbox's.
func (s *Share[T]) Stats() Stats {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	t := &s.tally
	return Stats{Received: t.received, Delivered: t.delivered, Dropped: t.dropped, Queued: t.queued, QueuedBytes: t.bytes}
}

// Drain stops taking values. Closed is closed when the consumer has what is queued.
func (s *Share[T]) Drain() {
	var d drops[T]
	s.in.mu.Lock()
	if s.tally.state == open {
		s.tally.state = draining
		d.closeIfEmpty(&s.tally)
	}
	s.in.mu.Unlock()
	d.tell(s.in.owner)
}

// End drops what is queued. What the feeder has in its hand is dropped as well, unless the consumer takes it at the
// same time. End may be called more than once, and after Drain.
func (s *Share[T]) End() {
	in := s.in
	var d drops[T]
	in.mu.Lock()
	if s.tally.state == closing {
		in.mu.Unlock()
		return
	}
	s.tally.state = closing
	for range in.queue.len() {
		if it := in.popLocked(); it.of == &s.tally {
			in.dropLocked(it, &d)
		} else {
			in.requeueLocked(it)
		}
	}
	inHand := in.inHand && in.hand.of == &s.tally
	in.hand.retracted = in.hand.retracted || inHand
	d.closeIfEmpty(&s.tally)
	room := in.relieveLocked()
	in.mu.Unlock()
	d.tell(in.owner)
	signal(room)
	if inHand {
		signal(in.retract)
	}
}

// drops is what was dropped, and which shares have ended, under the lock; they are told when it is released.
type drops[T any] struct {
	values []T
	closed []*tally
}

func (d *drops[T]) none() bool { return len(d.values) == 0 && len(d.closed) == 0 }

func (d *drops[T]) tell(owner Owner[T]) {
	for _, v := range d.values {
		owner.Dropped(v)
	}
	for _, t := range d.closed {
		if t.told != nil {
			t.told()
		}
		close(t.closed)
	}
}

// dropLocked drops a value that was queued or in the feeder's hand.
func (in *Inbox[T]) dropLocked(it item[T], d *drops[T]) {
	size := in.owner.Size(it.v)
	in.account.held -= size
	in.countDroppedLocked(it)
	d.values = append(d.values, it.v)
	d.leave(it.of, size)
}

// leave counts that a value of a share, nil for none, waits no more.
func (d *drops[T]) leave(t *tally, size int64) {
	if t == nil {
		return
	}
	t.queued--
	t.bytes -= size
	d.closeIfEmpty(t)
}

// closeIfEmpty has a share closed that has ended, when nothing of it waits.
func (d *drops[T]) closeIfEmpty(t *tally) {
	if t.state != open && t.queued == 0 && !t.over {
		t.over = true
		d.closed = append(d.closed, t)
	}
}
