package stomp

import (
	"sync"
	"sync/atomic"
)

// channelRoom is the largest capacity of a subscription's channel; the rest of
// its bound is the queue behind it, which takes memory only while it holds
// something. An idle subscription costs its channel.
const channelRoom = 32

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
	cut   chan struct{} // closed by end: the feeder gives up; room waits end
	idle  chan struct{} // closed when ch is
	room  chan struct{} // capacity 1: a stall may be over
	spawn func(func())  // starts a feeder; whoever owns the inbox joins it

	// By these put takes the baton from a feeder: see takeBaton.
	yield   chan struct{} // capacity 1
	yielded chan struct{} // capacity 1

	lost *atomic.Uint64 // what all inboxes of the Client have dropped

	mu       sync.Mutex // guards what follows; never held across a channel operation
	queue    ring
	baton    bool
	state    inboxState
	stalled  bool // the queue was full, and is not half empty yet
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
	return &inbox{
		bound: b,
		ch:    make(chan Frame, room),
		cut:   make(chan struct{}),
		idle:  make(chan struct{}),
		room:  make(chan struct{}, 1),
		spawn: spawn,
		lost:  dropped,
		sizes: make([]int64, room),

		yield:   make(chan struct{}, 1),
		yielded: make(chan struct{}, 1),
	}
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

// fits reports whether a frame of n octets is within the bound, or alone.
func (in *inbox) fits(n int64) bool {
	in.settle()
	waiting := in.waiting()
	return waiting == 0 || waiting < in.bound.frames && in.held+n <= in.bound.bytes
}

// waiting counts the frames in queue, channel and the feeder's hand.
func (in *inbox) waiting() int {
	n := in.queue.len() + len(in.ch)
	if in.inHand {
		n++
	}
	return n
}

// settle takes from held what has left the channel since it was last asked.
func (in *inbox) settle() {
	for in.seen+uint64(len(in.ch)) < in.sent {
		in.release()
	}
}

func (in *inbox) release() {
	in.held -= in.sizes[in.seen%uint64(len(in.sizes))]
	in.seen++
}

// account notes that a frame of n octets has gone into the channel.
func (in *inbox) account(n int64) {
	// At most cap(ch) frames are in the channel, so the slot that is taken
	// here belongs to one that has left it.
	for in.seen+uint64(len(in.sizes)) <= in.sent {
		in.release()
	}
	in.sizes[in.sent%uint64(len(in.sizes))] = n
	in.sent++
	in.held += n
}

// displace takes f in the place of the oldest ones. It is entered with mu held
// and leaves without it.
func (in *inbox) displace(f Frame, n int64) verdict {
	in.takeBaton()
	for !in.fits(n) && in.dropOldest() {
	}
	if in.state == inboxEnded { // while mu was not held
		in.dropped(&f)
		in.layDown()
		return putRefused
	}
	in.queue.push(f)
	in.held += n
	in.layDown() // to a feeder
	return putDropped
}

// takeBaton takes the baton from the feeder, if there is one: with a frame in
// the feeder's hand nobody could tell which one is the oldest. The feeder is
// quick to answer, whatever the consumer does. takeBaton is entered and left
// with mu held, and lays it down for the wait.
func (in *inbox) takeBaton() {
	if !in.baton {
		in.baton = true
		return
	}
	in.yielding = true
	in.mu.Unlock()
	in.yield <- struct{}{} // has room: taken or removed below
	<-in.yielded
	select {
	case <-in.yield: // the feeder has seen yielding before this
	default:
	}
	in.mu.Lock()
	in.yielding = false
}

// dropOldest drops what the consumer would have got next: the head of the
// channel, or of the queue where the consumer has emptied the channel. The
// caller has the baton. It is entered and left with mu held, and lays it down
// for the receive.
func (in *inbox) dropOldest() bool {
	in.mu.Unlock()
	var f Frame
	took := false
	select {
	case f, took = <-in.ch:
	default:
	}
	in.mu.Lock()
	switch {
	case took:
		in.reclaims++
	case in.queue.len() > 0:
		f = in.queue.pop()
		in.held -= size(&f)
	default:
		return false
	}
	in.dropped(&f)
	return true
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

// size is what a frame counts for in the bound: the octets of body and header.
func size(f *Frame) int64 {
	n := len(f.Body)
	for i := range f.Header {
		n += len(f.Header[i][0]) + len(f.Header[i][1])
	}
	return int64(n)
}

// layDown gives up the baton: it carries out an end that came meanwhile, and
// starts a feeder for what another put has queued. It is entered with mu held
// and leaves without it.
func (in *inbox) layDown() {
	if in.queue.len() > 0 && in.state != inboxEnded {
		in.mu.Unlock()
		in.spawn(in.feed) // the baton goes to it
		return
	}
	in.baton = false
	closing := in.state != inboxOpen
	if closing {
		in.state = inboxEnded
		in.baton = true // for good: the channel is closed below
	}
	in.mu.Unlock()
	if closing {
		close(in.ch)
		close(in.idle)
	}
}

// feed moves frames from the queue to the channel until the queue is empty,
// the inbox is ended, or put wants the baton.
func (in *inbox) feed() {
	in.mu.Lock()
	for in.state != inboxEnded && in.queue.len() > 0 && !in.yielding {
		f := in.queue.pop()
		in.inHand = true
		in.mu.Unlock()
		sent := false
		select {
		case in.ch <- f:
			sent = true
		case <-in.cut:
		case <-in.yield:
		}
		in.mu.Lock()
		in.inHand = false
		n := size(&f)
		switch {
		case sent:
			in.held -= n
			in.account(n) // which adds it again
		case in.state == inboxEnded:
			in.held -= n
			in.dropped(&f)
		default:
			in.queue.unpop(f)
		}
		if in.stalled && in.halfEmpty() {
			in.stalled = false
			in.mu.Unlock()
			in.signalRoom()
			in.mu.Lock()
		}
	}
	if in.yielding {
		in.mu.Unlock()
		in.yielded <- struct{}{} // has room: put waits for it
		return
	}
	in.layDown()
}

// halfEmpty is when a stall ends: not at the first free place, or reader and
// consumer would take turns frame by frame.
func (in *inbox) halfEmpty() bool {
	in.settle()
	queued := in.waiting() - len(in.ch)
	return queued == 0 || in.waiting() <= in.bound.frames/2 && in.held <= in.bound.bytes/2
}

func (in *inbox) signalRoom() {
	select {
	case in.room <- struct{}{}:
	default:
	}
}

// isStalled reports whether the bound was reached and the queue is not half
// empty yet. A signal on room means that it may have changed.
func (in *inbox) isStalled() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.stalled && in.state == inboxOpen
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
	in.finishIfIdle()
	in.signalRoom() // whoever waits out a stall need not any more
}

// end closes the channel now: its buffer stays readable, what is queued behind
// it is dropped and counted.
func (in *inbox) end() {
	in.mu.Lock()
	if in.state == inboxEnded {
		in.mu.Unlock()
		return
	}
	in.state = inboxEnded
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
