// Package inbox is the bounded queue in front of the channel that a consumer ranges over. It is generic over what it
// carries.
package inbox

import (
	"sync"
)

// channelRoom is the largest capacity of the channel. The rest of the bound is the queue behind it, which uses memory
// only while it holds something. An idle subscription pays for its channel, and a larger one is no faster: measured
// with 4, 8, 16 and 32.
const channelRoom = 8

// Owner is what an Inbox needs of the subscription that it belongs to.
type Owner[T any] interface {
	// Size returns how much of the bound v uses, in bytes. It may be called more than once for a value, but not once the
	// consumer may have it: then v is the consumer's, who may change it.
	Size(v T) int64
	// Key returns what makes two values compete for one place, with the policy Latest.
	Key(v T) string
	// Dropped is called for each value that the consumer will not receive.
	Dropped(v T)
	// Go runs f in a goroutine that the owner joins. f returns soon after End.
	Go(f func())
}

// Inbox is a bounded queue in front of a channel.
//
//	Put ──(room in the channel, nothing queued)──────────▶ channel ──▶ consumer
//	  └──────────▶ queue ──▶ feeder, while it holds something ──▶ ┘
//
// Only the holder of the baton sends to the channel or closes it. Put takes the baton for a send that cannot block. A
// feeder goroutine holds it while the queue is not empty, and hands it to a Put that has to drop the oldest value. If
// the Inbox is ended while the baton is held, the channel is closed when it is released. So nothing is ever sent on a
// closed channel, and no lock is held across a channel operation.
//
// Values are delivered in the order of Put, which one goroutine calls. Any goroutine may call the other methods. An
// Inbox may be put together of Shares, whose values wait in one queue; then Put is theirs.
type Inbox[T any] struct {
	owner  Owner[T]
	bound  Bound
	ch     chan T        // nil: outlet takes its place
	outlet Outlet[T]     // nil: there is none
	cut    chan struct{} // closed by End: the feeder stops
	closed chan struct{} // closed when ch is

	// Put takes the baton from a feeder with these, see takeBaton. nil unless the policy is DropOldest or Latest.
	yield   chan struct{} // capacity 1
	yielded chan struct{} // capacity 1

	retract chan struct{} // capacity 1: a Share has ended whose value the feeder may have in its hand; nil: there are none

	mu       sync.Mutex // guards what follows; a leaf: nothing is locked under it
	queue    ring[item[T]]
	baton    bool
	yielding bool // Put wants the baton
	state    state
	ended    bool          // End was called
	stalled  bool          // the bound was reached with Block, and the queue is not half empty yet
	full     int64         // bytes that were held when it was reached
	beyond   int64         // bytes that were put since then
	last     int64         // bytes of the value that was put last beyond the bound
	room     chan struct{} // capacity 1: a stall may be over; nil until the first begins
	account  account
	inHand   bool    // the feeder has a value between queue and channel
	hand     hand[T] // what is known of it
	places   places
	received uint64
	dropped  uint64
	stalls   uint64
}

type state uint8

const (
	open     state = iota
	draining       // takes nothing more; the channel is closed when the queue is empty
	closing        // the channel is closed, or is as soon as the baton is released
)

// item is a value and the share that it belongs to; nil: to none.
type item[T any] struct {
	v  T
	of *tally
}

// Verdict is what happened to a value that was Put.
type Verdict uint8

const (
	Delivered  Verdict = iota // it is in the channel or the queue
	Full                      // it is in the queue, and the bound is reached: wait until Stalled is false
	Filled                    // Full, and the first of its episode
	Dropped                   // it or an older one was dropped
	Overflowed                // it was dropped, and the owner has to End the Inbox: the policy is Fail
	Refused                   // it was dropped: the Inbox had ended
)

// New returns an open Inbox. Its caller has to End it.
func New[T any](owner Owner[T], bound Bound) *Inbox[T] {
	// At most half of the bound lies in the channel, so that an empty queue is a half empty one (see halfEmptyLocked).
	room := max(1, min(bound.Count/2, channelRoom))
	if bound.Policy == Latest {
		room = 0 // what lies in a channel could not be replaced
	}
	in := newInbox(owner, bound)
	in.ch, in.account.sizes = make(chan T, room), make([]int64, room)
	return in
}

func newInbox[T any](owner Owner[T], bound Bound) *Inbox[T] {
	in := &Inbox[T]{
		owner:  owner,
		bound:  bound,
		cut:    make(chan struct{}),
		closed: make(chan struct{}),
	}
	if bound.Policy == Latest {
		in.places.at = make(map[string]int)
	}
	if bound.Policy == DropOldest || bound.Policy == Latest {
		in.yield, in.yielded = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	return in
}

// C returns the consumer's channel; nil if there is an Outlet.
func (in *Inbox[T]) C() <-chan T { return in.ch }

// Closed returns a channel that is closed when C has been.
func (in *Inbox[T]) Closed() <-chan struct{} { return in.closed }

// Cut returns a channel that is closed by End.
func (in *Inbox[T]) Cut() <-chan struct{} { return in.cut }

// Bound returns what New was given.
func (in *Inbox[T]) Bound() Bound { return in.bound }

// Whole returns the Inbox itself; see Share.Whole.
func (in *Inbox[T]) Whole() *Inbox[T] { return in }

// Put offers v to the consumer. It never blocks.
func (in *Inbox[T]) Put(v T) Verdict { return in.put(item[T]{v: v}) }

func (in *Inbox[T]) put(it item[T]) Verdict {
	size := in.owner.Size(it.v)
	in.mu.Lock()
	in.received++
	if it.of != nil {
		it.of.received++
	}
	if in.state != open || it.of != nil && it.of.state != open {
		in.countDroppedLocked(it)
		in.mu.Unlock()
		in.owner.Dropped(it.v)
		return Refused
	}
	if in.baton || in.queue.len() > 0 || !in.fitsLocked(size) {
		if in.dropsInPlace() {
			in.mu.Unlock()
			return in.putInPlace(it, size)
		}
		verdict, next := in.enqueueLocked(it, size)
		in.mu.Unlock()
		switch next {
		case displaceOldest:
			return in.displace(it, size)
		case dropIt:
			in.owner.Dropped(it.v)
		default:
			in.do(next)
		}
		return verdict
	}
	in.baton = true
	in.mu.Unlock()

	sent := false
	select {
	case in.ch <- it.v:
		sent = true
	default: // the channel is full, the bound is not reached
	}

	in.mu.Lock()
	verdict := Delivered
	switch {
	case sent:
		in.account.enter(size)
		if it.of != nil {
			it.of.delivered++
		}
	case in.state == closing || it.of != nil && it.of.state != open:
		in.countDroppedLocked(it)
		verdict = Refused
	default:
		in.pushLocked(it, size)
	}
	next := in.releaseLocked()
	in.mu.Unlock()
	if verdict == Refused {
		in.owner.Dropped(it.v)
	}
	in.do(next)
	return verdict
}

// countDroppedLocked counts a value that is dropped.
func (in *Inbox[T]) countDroppedLocked(it item[T]) {
	in.dropped++
	if it.of != nil {
		it.of.dropped++
	}
}

// enqueueLocked takes a value that cannot go straight into the channel. If it returns displaceOldest, it was not
// taken yet; if it returns dropIt, it was not taken.
func (in *Inbox[T]) enqueueLocked(it item[T], size int64) (Verdict, next) {
	verdict := Delivered
	if !in.fitsLocked(size) {
		switch in.bound.Policy {
		case Block:
			verdict = in.stallLocked()
			in.last = size
			in.beyond += size
		case DropNewest:
			in.countDroppedLocked(it)
			return Dropped, dropIt
		case Fail:
			in.countDroppedLocked(it)
			return Overflowed, dropIt
		case DropOldest:
			in.yielding = in.baton // a feeder has it, and has to hand it over
			in.baton = true
			return Dropped, displaceOldest
		}
	}
	in.pushLocked(it, size)
	if in.baton {
		return verdict, nothing // its holder will find it in the queue
	}
	in.baton = true
	return verdict, startFeeder
}

// stallLocked records that the bound was reached with Block.
func (in *Inbox[T]) stallLocked() Verdict {
	if in.stalled {
		return Full
	}
	in.stalled, in.full, in.beyond = true, in.account.held, 0
	in.stalls++
	if in.room == nil {
		in.room = make(chan struct{}, 1)
	}
	return Filled
}

// Stalled reports whether the bound was reached with Block and the queue is not half empty yet. A signal on Room
// means that this may have changed.
func (in *Inbox[T]) Stalled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled && in.state == open
}

// Overrun is what an Inbox has taken beyond its bound; zero if Stalled is false.
type Overrun struct {
	Held   int64 // bytes that it held when the bound was reached
	Beyond int64 // bytes that were put since then, taken or not
	Last   int64 // bytes of the last of these values
}

// Overrun returns what it has taken beyond its bound.
func (in *Inbox[T]) Overrun() Overrun {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.stalled || in.state != open {
		return Overrun{}
	}
	return Overrun{Held: in.full, Beyond: in.beyond, Last: in.last}
}

// Room returns a channel that is signalled when a stall may be over. It is nil before the first stall.
func (in *Inbox[T]) Room() <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.room
}

// Drain stops taking values. The channel is closed when the consumer has received what is queued.
func (in *Inbox[T]) Drain() {
	in.mu.Lock()
	if in.state != open {
		in.mu.Unlock()
		return
	}
	in.state = draining
	room := in.room
	next := in.closeIfFreeLocked()
	in.mu.Unlock()
	in.do(next)
	signal(room) // a stall is over
}

// End closes the channel. Its buffer stays readable; what is queued behind it is dropped. End may be called more than
// once, and after Drain.
func (in *Inbox[T]) End() {
	in.mu.Lock()
	if in.ended {
		in.mu.Unlock()
		return
	}
	in.ended = true
	in.state = closing
	var d drops[T]
	for in.queue.len() > 0 {
		in.dropLocked(in.popLocked(), &d)
	}
	in.mu.Unlock()
	d.tell(in.owner)
	close(in.cut)
	in.mu.Lock()
	next := in.closeIfFreeLocked()
	in.mu.Unlock()
	in.do(next)
}

// signal sends to a channel of capacity 1, or to none, without blocking.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // one signal is enough
	}
}
