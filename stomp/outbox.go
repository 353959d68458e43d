package stomp

import (
	"context"
	"sync"
)

// outboxBound is how many octets may wait for the write loop before Send waits.
// It covers what a fast socket takes in a millisecond, so that the writer never
// runs dry because of it.
const outboxBound = 1 << 20

// outbox holds the frames that wait for the write loop of one session, encoded
// by the goroutines that send them. Its bound is in octets: beyond it, reserve
// waits.
//
// Frames are numbered from 1 in the order in which they will be written. A
// frame is taken when the write loop may have begun to write it, and flushed
// when it has been handed to the operating system.
type outbox struct {
	wake chan struct{} // capacity 1: the write loop sleeps and there is work

	mu       sync.Mutex // guards what follows; never held across a wait
	waiting  *batch     // nil while the write loop is asleep and nothing waits
	octets   int        // in waiting
	asleep   bool
	closed   error         // set: nothing is accepted any more
	err      error         // set: nothing is written any more
	room     chan struct{} // closed when there is room again; nil while nobody waits
	accepted uint64
	taken    uint64
	flushed  uint64
	progress chan struct{} // closed when flushed moves or err is set; nil while nobody waits
}

func newOutbox() *outbox { return &outbox{wake: make(chan struct{}, 1)} }

// reserve waits, within ctx, until there is room, and returns with mu held:
// the caller appends one frame to waiting.buf and calls commit, or cancel.
func (o *outbox) reserve(ctx context.Context) error {
	for {
		o.mu.Lock()
		if o.closed != nil {
			err := o.closed
			o.mu.Unlock()
			return err
		}
		if o.octets < outboxBound {
			o.open()
			return nil
		}
		if o.room == nil {
			o.room = make(chan struct{})
		}
		room := o.room
		o.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return ctxError(ctx)
		}
	}
}

// force is reserve without a bound, for the frames that keep the session in
// order (UNSUBSCRIBE, DISCONNECT) and must not wait for anybody.
func (o *outbox) force() error {
	o.mu.Lock()
	if o.closed != nil {
		err := o.closed
		o.mu.Unlock()
		return err
	}
	o.open()
	return nil
}

// open makes sure that there is a batch to append to. mu is held.
func (o *outbox) open() {
	if o.waiting == nil {
		o.waiting = batches.Get().(*batch)
	}
}

// shut makes the frame that is being appended the last one. It is called
// between reserve or force and commit.
func (o *outbox) shut(err error) { o.closed = err }

// cancel gives up what reserve or force began.
func (o *outbox) cancel() { o.mu.Unlock() }

// commit accepts the frame that was appended to buf, which is waiting.buf grown
// by it, and returns its number.
func (o *outbox) commit(buf []byte, f outgoing) uint64 {
	n := len(buf) - len(o.waiting.buf)
	o.waiting.buf = buf
	f.end = len(buf)
	return o.add(f, n)
}

// commitBig accepts a frame that has a buffer of its own.
func (o *outbox) commitBig(frame []byte, f outgoing) uint64 {
	f.end, f.big = len(o.waiting.buf), frame
	return o.add(f, len(frame))
}

func (o *outbox) add(f outgoing, octets int) uint64 {
	if f.receipt != nil && !f.receipt.place.set(o, o.accepted+1) {
		f.gone = true
	}
	o.waiting.frames = append(o.waiting.frames, f)
	o.octets += octets
	o.accepted++
	number := o.accepted
	wake := o.asleep
	o.asleep = false
	o.mu.Unlock()
	if wake {
		select {
		case o.wake <- struct{}{}:
		default: // woken already, and not yet come to it
		}
	}
	return number
}

// withdraw takes a frame back that has not been taken yet, and reports whether
// it could.
func (o *outbox) withdraw(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number <= o.taken {
		return false
	}
	o.waiting.frames[number-o.taken-1].gone = true
	return true
}

// take gives the write loop all that waits; nil when there is nothing, and the
// loop is asleep until wake. done is the batch of the call before, or nil.
func (o *outbox) take(done *batch) *batch {
	if done == nil {
		done = batches.Get().(*batch)
	}
	done.empty()
	o.mu.Lock()
	if o.waiting == nil || len(o.waiting.frames) == 0 {
		o.asleep = true
		unused := o.waiting
		o.waiting = nil
		o.mu.Unlock()
		batches.Put(done)
		if unused != nil {
			batches.Put(unused)
		}
		return nil
	}
	b := o.waiting
	o.waiting, o.octets = done, 0
	o.taken = o.accepted
	room := o.room
	o.room = nil
	o.mu.Unlock()
	if room != nil {
		close(room)
	}
	return b
}

// flush notes that everything taken so far has been handed to the operating
// system.
func (o *outbox) flush() {
	o.mu.Lock()
	o.flushed = o.taken
	progress := o.progress
	o.progress = nil
	o.mu.Unlock()
	if progress != nil {
		close(progress)
	}
}

// fail accepts nothing more and ends every wait with err. The session is over.
func (o *outbox) fail(err error) {
	o.mu.Lock()
	if o.err != nil {
		o.mu.Unlock()
		return
	}
	o.closed, o.err = err, err
	room, progress := o.room, o.progress
	o.room, o.progress = nil, nil
	o.mu.Unlock()
	if room != nil {
		close(room)
	}
	if progress != nil {
		close(progress)
	}
}

// state tells whether anybody waits for room, and how many frames were taken.
func (o *outbox) state() (waiting bool, taken uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room != nil, o.taken
}

// last is the number of the frame accepted last.
func (o *outbox) last() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

// awaitFlush waits, within ctx, until the frame of that number and all before
// it have been flushed.
func (o *outbox) awaitFlush(ctx context.Context, number uint64) error {
	for {
		o.mu.Lock()
		if o.flushed >= number {
			o.mu.Unlock()
			return nil
		}
		if o.err != nil {
			err := o.err
			o.mu.Unlock()
			return err
		}
		if o.progress == nil {
			o.progress = make(chan struct{})
		}
		progress := o.progress
		o.mu.Unlock()
		select {
		case <-progress:
		case <-ctx.Done():
			return ctxError(ctx)
		}
	}
}
