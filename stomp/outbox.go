package stomp

import (
	"context"
	"sync"
	"time"
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
//
// One goroutine at a time is the writer, who takes frames and writes to the
// connection: the write loop, unless it sleeps and a sender has taken its place
// for one frame (see writeInline).
type outbox struct {
	wake  chan<- struct{} // capacity 1, the connection's own: the write loop sleeps and there is work
	write func(*batch)    // writes what a sender has taken, and calls inlined; nil: none may. Set before the first frame
	made  time.Time

	mu       sync.Mutex    // guards what follows; never held across a wait
	waiting  *batch        // nil while the write loop is asleep and nothing waits
	octets   int           // in waiting
	asleep   bool          // the write loop waits to be woken
	inline   bool          // a sender is the writer
	quiet    chan struct{} // closed when it no longer is; nil while nobody waits for that
	wrote    time.Duration // when something was written last, since made
	closed   error         // set: nothing is accepted any more
	err      error         // set: nothing is written any more
	room     chan struct{} // closed when there is room again; nil while nobody waits
	accepted uint64
	taken    uint64
	flushed  uint64
	progress chan struct{} // closed when flushed moves or err is set; nil while nobody waits
}

func newOutbox(wake chan<- struct{}) *outbox { return &outbox{wake: wake, made: time.Now()} }

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
	if o.write != nil && o.asleep && !o.inline && octets <= inlineOctets && time.Since(o.made)-o.wrote >= inlineGap {
		o.inline = true
		b, _ := o.takeLocked(nil) // nobody waits for room: the outbox was empty
		o.mu.Unlock()
		o.write(b)
		return number
	}
	wake := o.rouse()
	o.mu.Unlock()
	if wake {
		signal(o.wake)
	}
	return number
}

// rouse tells whether the write loop is to be woken: it sleeps, and there is
// something to write that no sender is at. mu is held.
func (o *outbox) rouse() bool {
	if !o.asleep || o.inline || o.waiting == nil || len(o.waiting.frames) == 0 {
		return false
	}
	o.asleep = false
	return true
}

// poke wakes the write loop for something that is no frame, which note notes: the
// loop's next claim comes after it.
func (o *outbox) poke(note func()) {
	o.mu.Lock()
	note()
	o.mu.Unlock()
	signal(o.wake)
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

// take gives the write loop all that waits; nil when there is nothing. done is
// the batch of the call before, or nil.
func (o *outbox) take(done *batch) *batch {
	o.mu.Lock()
	if o.waiting == nil || len(o.waiting.frames) == 0 {
		o.mu.Unlock()
		if done != nil {
			batches.Put(done.empty())
		}
		return nil
	}
	b, room := o.takeLocked(done)
	o.mu.Unlock()
	if room != nil {
		close(room)
	}
	return b
}

// takeLocked takes all that waits and leaves done in its place. mu is held; room
// is to be closed afterwards, if it is not nil.
func (o *outbox) takeLocked(done *batch) (b *batch, room chan struct{}) {
	if done != nil {
		done.empty()
	}
	b, o.waiting, o.octets = o.waiting, done, 0
	o.taken = o.accepted
	room, o.room = o.room, nil
	return b, room
}

// sleep is the write loop's word that it goes to sleep, having flushed; false
// when there is something to write after all.
func (o *outbox) sleep() bool {
	o.mu.Lock()
	if o.waiting != nil && len(o.waiting.frames) > 0 {
		o.mu.Unlock()
		return false
	}
	o.asleep = true
	unused := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	if unused != nil {
		batches.Put(unused)
	}
	return true
}

// claim makes the write loop the writer again, whatever has woken it. A sender
// that is the writer is waited for: it never blocks.
func (o *outbox) claim() {
	o.mu.Lock()
	o.asleep = false
	var quiet chan struct{}
	if o.inline {
		quiet = make(chan struct{})
		o.quiet = quiet
	}
	o.mu.Unlock()
	if quiet != nil {
		<-quiet
	}
}

// inlined is a sender's word that it has written what it took. flushed: all of
// it has left; else the write loop has to finish.
func (o *outbox) inlined(flushed bool) {
	o.mu.Lock()
	o.inline = false
	o.wrote = time.Since(o.made)
	var progress chan struct{}
	if flushed {
		o.flushed = o.taken
		progress, o.progress = o.progress, nil
	}
	wake := o.rouse()
	if !flushed && o.asleep {
		o.asleep, wake = false, true
	}
	quiet := o.quiet
	o.quiet = nil
	o.mu.Unlock()
	if wake {
		signal(o.wake)
	}
	if progress != nil {
		close(progress)
	}
	if quiet != nil {
		close(quiet)
	}
}

// flush notes that everything taken so far has been handed to the operating
// system.
func (o *outbox) flush() {
	o.mu.Lock()
	o.flushed = o.taken
	o.wrote = time.Since(o.made)
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
