// Package outbox is the write half of a connection: the frames that wait to be written, and their one writer. To it a
// frame is bytes.
//
//	senders ──Add──▶ batch that waits ──take──▶ Writer ──▶ ws.Conn
//
// Frames are numbered from 1 in the order in which they will be written. A frame is accepted, then taken (the Writer
// may have begun to write it), then flushed (it was handed to the operating system).
//
// One goroutine at a time takes frames and writes to the connection. That is the write loop, Writer.Run; while it
// sleeps, a sender that finds nothing waiting writes its frame itself, since waking the loop would take longer than
// the system call. See handover.go.
package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/ws"
)

// bound is how many bytes may wait before Add waits as well. It is what a fast socket takes in a millisecond, so that
// the Writer never runs dry because of it.
const bound = 1 << 20

// Outbox holds the frames that wait to be written on one connection, encoded by the goroutines that send them. Its
// methods may be called from any goroutine.
type Outbox struct {
	wake   chan<- struct{} // capacity 1, the connection's own: wakes the write loop
	made   time.Time
	inline func(*batch) // writes a batch in the sender's goroutine and calls doneInline; nil: senders do not write

	mu       sync.Mutex // guards what follows; locked before a Ticket's, and before the locks that encode takes
	waiting  *batch     // nil while the write loop sleeps and nothing waits
	bytes    int        // in waiting
	accepted uint64
	taken    uint64
	flushed  uint64
	longest  int          // bytes of the longest frame accepted
	held     bool         // see Hold
	closed   error        // set: nothing is accepted any more
	failed   error        // set: nothing is written any more
	room     notify.Event // there is room again, nothing is held any more, or failed is set
	progress notify.Event // flushed has grown, or failed is set

	// Which goroutine writes, see handover.go.
	asleep   bool          // the write loop waits to be woken
	inlining bool          // a sender is writing
	inlined  notify.Event  // that sender has finished
	wrote    time.Duration // time of the last write, since made
}

// Options sets how a connection is written to.
type Options struct {
	Split    int            // longer frames become several messages of at most so many bytes; 0: never
	BeatType ws.MessageType // of the message of a heart-beat
}

// New returns the write half of conn. From now on only its Writer writes to conn. Nothing is written before Run.
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
	Encoded []byte         // the frame in a buffer of its own, which the Outbox keeps; nil: encode appends it
	Forced  bool           // ignores the bound and Hold, so that Add does not wait
	Carry   bool           // goes out on the next session if this one ends before its writing begins, see Leftover
	Last    error          // if not nil, later calls of Add return it
	Ticket  *Ticket        // tracks where the frame is; nil: not tracked
}

// Add accepts one frame and returns its number. While there is no room, and between Hold and Release, it waits,
// within ctx, and returns ctx.Err() when that ends. After Fail, or behind an Entry with Last, it returns their error.
//
// encode appends the frame to dst; if the Entry is Encoded, it returns dst as it is. It runs under the Outbox's lock,
// as the last step before the frame gets its place: whatever is added later is written later. It must be quick and
// must not call the Outbox. If it fails, Add returns its error and accepts nothing.
func (o *Outbox) Add(ctx context.Context, e Entry, encode func(dst []byte) ([]byte, error)) (number uint64, err error) {
	for {
		o.mu.Lock()
		if (o.bytes >= bound || o.held) && !e.Forced && o.closed == nil {
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
	size := len(buf) - len(b.buf) + len(e.Encoded)
	o.bytes += size
	o.longest = max(o.longest, size)
	b.buf = buf
	o.accepted++
	withdrawn := e.Ticket != nil && !e.Ticket.enter(o, o.accepted)
	b.frames = append(b.frames, frame{end: len(buf), own: e.Encoded, typ: e.Type, withdrawn: withdrawn, carry: e.Carry, ticket: e.Ticket})
	o.closed = e.Last
	return o.accepted, nil
}

// withdraw removes a frame that was not taken yet, and reports whether it could.
func (o *Outbox) withdraw(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if number <= o.taken {
		return false
	}
	o.waiting.frames[number-o.taken-1].withdrawn = true
	return true
}

// Hold makes Add wait, for a frame that is not Forced, until Release is called.
func (o *Outbox) Hold() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.held = true
}

// Release ends a Hold.
func (o *Outbox) Release() {
	o.mu.Lock()
	o.held = false
	room := o.room.Take()
	o.mu.Unlock()
	room.Wake()
}

// Last returns the number of the frame that was accepted last.
func (o *Outbox) Last() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.accepted
}

// Longest returns how many bytes the longest frame has that was accepted.
func (o *Outbox) Longest() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.longest
}

// IsFlushed reports whether the frame of that number and all before it are flushed.
func (o *Outbox) IsFlushed(number uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.flushed >= number
}

// AwaitFlush waits, within ctx, until the frame of that number and all before it are flushed. It returns ctx.Err()
// when ctx ends first, or Fail's error.
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

// Waiting returns how many frames, and bytes of them, were accepted and not taken by the Writer yet.
func (o *Outbox) Waiting() (frames int, bytes int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return int(o.accepted - o.taken), int64(o.bytes)
}

// Backlog reports whether a sender waits for room, and how many frames were taken so far. If a sender waits and that
// number does not grow, the peer is not reading.
func (o *Outbox) Backlog() (waiting bool, taken uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.room.Waiting(), o.taken
}

// IsClosed reports whether Add accepts nothing any more.
func (o *Outbox) IsClosed() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.closed != nil
}

// Fail makes Add and every wait return err: the connection is over. Only the first call has an effect.
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
