package stomp

import (
	"sync"
	"sync/atomic"
)

// channelRoom is the largest capacity of a subscription's channel; the rest of
// its bound is the queue behind it, which takes memory only while it holds
// something. An idle subscription costs its channel, and more room makes none
// faster: measured with 4, 8, 16 and 32.
const channelRoom = 8

// An inbox is a bounded queue in front of the channel that a consumer ranges
// over.
//
//	put ──(room in the channel, nothing queued)──────────▶ channel ──▶ consumer
//	  └──────────▶ queue ──▶ feeder, while it holds something ──▶ ┘
//
// Frames are sent to the channel by whoever holds the baton, and so is its
// close: put takes the baton for a send that cannot block, a feeder goroutine
// holds it while the queue is not empty (and gives it to a put that has to drop
// the oldest frame). An end that comes while somebody holds
// it is carried out when the baton is laid down, so that nothing is ever sent
// on a closed channel, and no lock is held across a channel operation.
//
// Frames come out in the order of put; the read loop alone puts.
type inbox struct {
	bound buffer
	ch    chan Frame
	cut   chan struct{} // closed by end: feeder and converter give up; waits for room end
	idle  chan struct{} // closed when ch is
	spawn func(func())  // starts a feeder; whoever owns the inbox joins it

	// By these put takes the baton from a feeder: see takeBaton. nil, unless the
	// policy is OverflowDropOldest.
	yield   chan struct{} // capacity 1
	yielded chan struct{} // capacity 1

	lost *atomic.Uint64 // what all inboxes of the Client have dropped

	mu       sync.Mutex // guards what follows; never held across a channel operation
	queue    ring
	baton    bool
	state    inboxState
	isCut    bool          // end was called
	stalled  bool          // the queue was full, and is not half empty yet
	room     chan struct{} // capacity 1: a stall may be over; nil until the first begins
	stats    SubscriptionStats
	held     int64   // octets in queue, channel and the feeder's hand
	sizes    []int64 // of the last cap(ch) frames sent, by sent%cap
	sent     uint64  // frames sent to the channel
	seen     uint64  // of those, how many are known to have left it
	reclaims uint64  // frames that put took back out of the channel
	inHand   bool    // the feeder has one between queue and channel
	yielding bool    // put wants the baton
}

type inboxState uint8

const (
	inboxOpen     inboxState = iota
	inboxDraining            // takes nothing more; closes when the queue is empty
	inboxEnded               // closed, or closed as soon as the baton is down
)

// verdict is what became of a frame that was put.
type verdict uint8

const (
	putDelivered  verdict = iota // in channel or queue
	putFull                      // likewise, but the bound is reached: wait until isStalled is false
	putFilled                    // putFull, and the first of its episode
	putDropped                   // it or an older one is dropped and counted
	putOverflowed                // OverflowFail: it was not taken; the caller ends the inbox
	putRefused                   // the inbox had ended
)

func newInbox(b buffer, spawn func(func()), dropped *atomic.Uint64) *inbox {
	// At most half of the bound lies in the channel, so that an empty queue is
	// a half empty one (see halfEmpty).
	room := max(1, min(b.frames/2, channelRoom))
	in := &inbox{
		bound: b,
		ch:    make(chan Frame, room),
		cut:   make(chan struct{}),
		idle:  make(chan struct{}),
		spawn: spawn,
		lost:  dropped,
		sizes: make([]int64, room),
	}
	if b.policy == OverflowDropOldest {
		in.yield, in.yielded = make(chan struct{}, 1), make(chan struct{}, 1)
	}
	return in
}

// put offers f to the consumer. It never blocks.
func (in *inbox) put(f Frame) verdict {
	n := size(&f)
	in.mu.Lock()
	in.stats.Received++
	if in.state != inboxOpen {
		in.dropped(&f)
		in.mu.Unlock()
		return putRefused
	}
	if !in.baton && in.queue.len() == 0 && in.fits(n) {
		in.baton = true
		in.mu.Unlock()
		sent := false
		select {
		case in.ch <- f:
			sent = true
		default:
		}
		in.mu.Lock()
		if sent {
			in.account(n)
			in.layDown()
			return putDelivered
		}
		if in.state == inboxEnded {
			in.dropped(&f)
			in.layDown()
			return putRefused
		}
		// The channel is full, the bound is not reached: the baton goes to a
		// feeder.
		in.queue.push(f)
		in.held += n
		in.mu.Unlock()
		in.spawn(in.feed)
		return putDelivered
	}
	return in.enqueue(f, n)
}

// enqueue takes what did not go straight into the channel. It is entered with
// mu held and leaves without it.
func (in *inbox) enqueue(f Frame, n int64) verdict {
	result := putDelivered
	if !in.fits(n) {
		switch in.bound.policy {
		case OverflowBlock:
			result = putFull
			if !in.stalled {
				result = putFilled
				in.stalled = true
				if in.room == nil {
					in.room = make(chan struct{}, 1)
				}
				in.stats.Stalls++
			}
		case OverflowDropNewest:
			in.dropped(&f)
			in.mu.Unlock()
			return putDropped
		case OverflowFail:
			in.dropped(&f)
			in.mu.Unlock()
			return putOverflowed
		case OverflowDropOldest:
			return in.displace(f, n)
		}
	}
	in.queue.push(f)
	in.held += n
	start := !in.baton
	in.baton = true
	in.mu.Unlock()
	if start {
		in.spawn(in.feed)
	}
	return result
}

// dropped counts a frame that the consumer will not get.
func (in *inbox) dropped(f *Frame) {
	in.stats.Dropped++
	in.lost.Add(1)
	if f.seq != 0 {
		f.route.acks.forget(f.seq) // in the client modes: nobody can acknowledge it
	}
}

// lose counts a frame that was taken from the channel on its consumer's behalf
// and could not be handed on.
func (in *inbox) lose(f *Frame) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.reclaims++
	in.dropped(f)
}

// drain takes nothing more, lets the consumer have what is queued, and closes
// the channel then. idle tells when.
func (in *inbox) drain() {
	in.mu.Lock()
	if in.state != inboxOpen {
		in.mu.Unlock()
		return
	}
	in.state = inboxDraining
	room := in.room
	in.finishIfIdle()
	signal(room) // whoever waits out a stall need not any more
}

// end closes the channel now: its buffer stays readable, what is queued behind
// it is dropped and counted.
func (in *inbox) end() {
	in.mu.Lock()
	if in.isCut {
		in.mu.Unlock()
		return
	}
	in.isCut = true
	in.state = inboxEnded // after drain it may be that already: then cut is for the converter of SubscribeAs
	for in.queue.len() > 0 {
		f := in.queue.pop()
		in.held -= size(&f)
		in.dropped(&f)
	}
	in.mu.Unlock()
	close(in.cut)
	in.mu.Lock()
	in.finishIfIdle()
}

// finishIfIdle closes the channel unless somebody holds the baton, who will do
// it then. It is entered with mu held and leaves without it.
func (in *inbox) finishIfIdle() {
	if in.baton {
		in.mu.Unlock()
		return
	}
	in.baton = true
	in.layDown()
}

func (in *inbox) snapshot() SubscriptionStats {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.settle()
	s := in.stats
	// What lose took may be on the feeder's way to account still.
	s.Delivered = in.seen - min(in.seen, in.reclaims)
	s.Queued = in.waiting()
	s.QueuedBytes = in.held
	return s
}
