// Package outbox is the write half of a connection: the frames that wait to be written, and the one who writes them. It
// knows a frame as bytes alone.
//
//	senders ──Add──▶ batch that waits ──take──▶ Writer ──▶ ws.Conn
//
// Frames are numbered from 1 in the order in which they will be written. A frame is accepted, then taken (the Writer may
// have begun to write it), then flushed (it was handed to the operating system).
//
// One goroutine at a time is the one who writes: it takes frames and uses the connection. That is the write loop,
// Writer.Run, but while it sleeps a sender that finds nothing waiting takes its place for one frame: waking the loop would
// take longer than the system call does. See handover.go.
package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/ws"
)

// bound is how many bytes may wait until Add waits as well. It covers what a fast socket takes in a millisecond, so that
// the Writer never runs dry because of it.
const bound = 1 << 20

// Outbox holds the frames that wait to be written on one connection, encoded by the goroutines that send them. Its methods
// may be called from any goroutine.
type Outbox struct {
	wake   chan<- struct{} // capacity 1, the connection's own: the write loop sleeps and there is work
	made   time.Time
	inline func(*batch) // writes what a sender has taken, and calls inlined; nil: no sender may write

	mu       sync.Mutex // guards what follows. Locked before a Ticket's, and before whatever encode locks
	waiting  *batch     // nil while the write loop sleeps and nothing waits
	bytes    int        // in waiting
	accepted uint64
	taken    uint64
	flushed  uint64
	closed   error        // set: nothing is accepted any more
	failed   error        // set: nothing is written any more
	room     notify.Event // there is room again, or failed is set
	progress notify.Event // flushed has grown, or failed is set

	// Who writes, see handover.go.
	asleep   bool          // the write loop waits to be woken
	inlining bool          // a sender writes
	inlined  notify.Event  // it no longer does
	wrote    time.Duration // when something was written last, since made
}

// Options says how a connection is written to.
type Options struct {
	Split    int            // longer frames become several messages of at most so many bytes; 0: never
	BeatType ws.MessageType // of the message of a heart-beat
}

// New returns the write half of conn, which its Writer writes to from now on. Nothing is written before Run.
func New(conn *ws.Conn, o Options) (*Outbox, *Writer) {
	out := &Outbox{wake: conn.Pending(), made: time.Now()}
	w := &Writer{out: out, conn: conn, options: o}
	if conn.Gathers() {
		out.inline = w.writeInline
	}
	return out, w
}

// Entry is how one frame is to be written.
type Entry struct {
	Type    ws.MessageType // of its WebSocket message
	Encoded []byte         // the frame, where it has a buffer of its own, which the Outbox keeps; nil: encode appends it
	Forced  bool           // it is accepted beyond the bound, so that Add does not wait
	Carry   bool           // it goes out on the next session if this one ends before its writing begins: see Leftover
	Last    error          // not nil: nothing is accepted after it, with that error
	Ticket  *Ticket        // tells where the frame is; nil: nobody asks
}

// Add accepts one frame and returns its number. While there is no room it waits, within ctx, and returns ctx.Err() when
// that ends. After Fail, or behind an Entry with Last, it returns their error.
//
// encode appends the frame to dst, or returns dst as it is where the Entry has its frame. It runs under the Outbox's lock
// when the frame is about to get its place, so that what it looks at is so when the frame stands before all later ones.
// It must be quick and must not call the Outbox. Its error is Add's, and nothing is accepted then.
func (o *Outbox) Add(ctx context.Context, e Entry, encode func(dst []byte) ([]byte, error)) (number uint64, err error) {
	for {
		o.mu.Lock()
		if o.bytes >= bound && !e.Forced && o.closed == nil {
			room := o.room.Wait()
			o.mu.Unlock()
			select {
			case <-room:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
			continue
		}
		number, err := o.addLocked(&e, encode)
		var mine *batch
		wake := false
		if err == nil {
			mine, wake = o.nextWriterLocked()
		}
		o.mu.Unlock()
		switch {
		case mine != nil:
			o.inline(mine)
		case wake:
			notify.Signal(o.wake)
		}
		return number, err
	}
}

func (o *Outbox) addLocked(e *Entry, encode func([]byte) ([]byte, error)) (number uint64, err error) {
	if o.closed != nil {
		return 0, o.closed
	}
	if o.waiting == nil {
		o.waiting = batches.Get().(*batch)
	}
	b := o.waiting
	buf, err := encode(b.buf)
	if err != nil {
		return 0, err
	}
	o.bytes += len(buf) - len(b.buf) + len(e.Encoded)
	b.buf = buf
	o.accepted++
	withdrawn := e.Ticket != nil && !e.Ticket.enter(o, o.accepted)
	b.frames = append(b.frames, frame{end: len(buf), own: e.Encoded, typ: e.Type, withdrawn: withdrawn, carry: e.Carry, ticket: e.Ticket})
	o.closed = e.Last
	return o.accepted, nil
}

// withdraw takes a frame back that was not taken yet, and reports whether it could.
func (o *Outbox) withdraw(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number <= o.taken {
		return false
	}
	o.waiting.frames[number-o.taken-1].withdrawn = true
	return true
}

// Last returns the number of the frame that was accepted last.
func (o *Outbox) Last() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

// AwaitFlush waits, within ctx, until the frame of that number and all before it are flushed. It returns ctx.Err() when
// ctx ends first, or Fail's error.
func (o *Outbox) AwaitFlush(ctx context.Context, number uint64) error {
	for {
		o.mu.Lock()
		flushed, err := o.flushed >= number, o.failed
		var progress <-chan struct{}
		if !flushed && err == nil {
			progress = o.progress.Wait()
		}
		o.mu.Unlock()
		switch {
		case flushed:
			return nil
		case err != nil:
			return err
		}
		select {
		case <-progress:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Backlog tells whether a sender waits for room, and how many frames were taken so far: where the one lasts and the other
// stands still, the peer takes nothing.
func (o *Outbox) Backlog() (waiting bool, taken uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room.Waiting(), o.taken
}

// Fail accepts nothing more and ends every wait with err: the connection is over. The first call counts.
func (o *Outbox) Fail(err error) {
	o.mu.Lock()
	if o.failed != nil {
		o.mu.Unlock()
		return
	}
	o.closed, o.failed = err, err
	room, progress := o.room.Take(), o.progress.Take()
	o.mu.Unlock()
	room.Wake()
	progress.Wake()
}
