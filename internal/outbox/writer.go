package outbox

import (
	"errors"
	"runtime"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/ws"
)

// ErrStopped is what Run returns when it was told to stop.
var ErrStopped = errors.New("outbox: stopped")

// flushEvery is after how many bytes the Writer flushes, however much there is to write, so that calls that wait for
// a flush return. It does so between two batches; within one, a heart-beat that is due goes out (clause M7). At 256
// KiB the extra flush costs nothing measurable.
const flushEvery = 256 << 10

var heartBeat = []byte{'\n'} // clause W4

// Writer writes what an Outbox accepts, and heart-beats, and flushes the WebSocket's own frames (pongs).
type Writer struct {
	out     *Outbox
	conn    *ws.Conn
	options Options

	// Owned by the goroutine that writes, see handover.go.
	batch     *batch // what it is writing; nil: nothing
	begun     uint64 // the number of the last frame whose writing began
	unflushed int    // bytes written since the last flush, more or less
	inlineErr error  // of the last sender that wrote itself

	beatDue  atomic.Bool // a heart-beat is to be written
	finished atomic.Bool // Run returns when all is written

	frames atomic.Uint64
	beats  atomic.Uint64
}

// Frames returns how many frames were written. It may be called from any goroutine, as Beats.
func (w *Writer) Frames() uint64 { return w.frames.Load() }

// Beats returns how many heart-beats were written.
func (w *Writer) Beats() uint64 { return w.beats.Load() }

// Beat has a heart-beat written soon. It never waits, and may be called from any goroutine, as Finish.
func (w *Writer) Beat() { w.out.wakeFor(func() { w.beatDue.Store(true) }) }

// Finish makes Run return nil as soon as all that was accepted is flushed.
func (w *Writer) Finish() { w.out.wakeFor(func() { w.finished.Store(true) }) }

// Run is the write loop. It takes all frames that wait, writes them into the connection's buffer and flushes once, so
// that frames sent at the same time share a system call. It returns nil after Finish, ErrStopped when stop is closed,
// or the error of a write. After that nothing writes to the connection.
func (w *Writer) Run(stop <-chan struct{}) error {
	defer w.out.claim() // from a sender
	for {
		if err := w.writeWaiting(); err != nil {
			return err
		}
		select {
		case <-w.conn.Pending(): // the Outbox signals it too
		case <-stop:
			return ErrStopped
		}
		w.out.claim()
		finished := w.finished.Load()
		err := w.inlineErr
		if err == nil {
			err = w.writeBeat()
		}
		if err == nil {
			err = w.flush() // a pong, the beat, or what a sender could not finish
		}
		switch {
		case err != nil:
			return err
		case finished:
			return w.writeWaiting()
		}
	}
}

// writeWaiting writes until the Outbox is empty, and flushes. The loop sleeps then.
func (w *Writer) writeWaiting() error {
	var done *batch
	yielded := false
	for {
		b := w.out.take(done)
		done = b
		switch {
		case b != nil:
			yielded = false
		case w.unflushed == 0 && w.out.sleep():
			return nil
		case w.unflushed > 0 && !yielded:
			// Goroutines that are ready to run may be about to send. Their frames should share this system call, which costs
			// many times as much.
			yielded = true
			runtime.Gosched()
			continue
		default:
			if err := w.flush(); err != nil {
				return err
			}
			continue
		}
		if err := w.writeBatch(b); err != nil {
			return err
		}
		if err := w.writeBeat(); err != nil { // however long senders keep the loop busy
			return err
		}
		if w.unflushed == 0 {
			w.out.noteFlush() // all of it was withdrawn: no system call will say so
		}
		if w.unflushed >= flushEvery {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
}

// writeInline writes what a sender has taken, while the write loop sleeps. It does not block: what the connection
// does not take is left to the loop.
func (w *Writer) writeInline(b *batch) {
	w.conn.Hold(true)
	err := w.writeBatch(b)
	w.conn.Hold(false)
	flushed := false
	if err == nil {
		b.recycle()
		flushed, err = w.conn.TryFlush()
	}
	if flushed {
		w.unflushed = 0
	}
	w.inlineErr = err
	w.out.doneInline(flushed)
}

// writeBatch writes all of b. After an error b stays for Leftover.
func (w *Writer) writeBatch(b *batch) error {
	w.batch = b
	written := 0
	for f, bytes := range b.all {
		w.begun++
		if f.withdrawn {
			continue
		}
		w.frames.Add(1)
		if err := w.writeFrame(f.typ, bytes); err != nil {
			return err
		}
		w.unflushed += len(bytes)
		if written += len(bytes); written < flushEvery {
			continue
		}
		written = 0
		if err := w.writeBeat(); err != nil {
			return err
		}
	}
	w.batch = nil
	return nil
}

// writeBeat writes a heart-beat if one is due.
func (w *Writer) writeBeat() error {
	if !w.beatDue.CompareAndSwap(true, false) {
		return nil
	}
	w.beats.Add(1)
	w.unflushed += len(heartBeat)
	return w.conn.Write(w.options.BeatType, heartBeat)
}

// flush hands all frames that were taken to the operating system.
func (w *Writer) flush() error {
	w.unflushed = 0
	if err := w.conn.Flush(); err != nil {
		return err
	}
	w.out.noteFlush()
	return nil
}
