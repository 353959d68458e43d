package outbox

import (
	"time"

	"github.com/webstomp/webstomp/internal/notify"
)

// Which goroutine writes:
//
//	write loop ──sleep──▶ nobody ──Add of a small frame──▶ a sender ──doneInline──▶ nobody
//	     ▲                  │                                 │
//	     └──claim───────────┴──────(waits for the sender)─────┘
//
// A sender never blocks while it writes, so waiting for it is short.

const (
	// inlineBytes is the largest frame that a sender writes itself.
	inlineBytes = 16 << 10

	// inlineGap is how long ago the last write must be for that. It is longer than a goroutine that sends in a loop
	// takes from one frame to the next, since those frames should share system calls, and shorter than any round trip.
	inlineGap = 10 * time.Microsecond
)

// nextWriterLocked decides which goroutine writes the frame that was just accepted. It returns the batch that the
// sender has to write itself, or whether the sender has to wake the write loop. If neither, the goroutine that is
// writing will find the frame.
func (o *Outbox) nextWriterLocked() (mine *batch, wake bool) {
	if o.inline != nil && o.asleep && !o.inlining && o.bytes <= inlineBytes && time.Since(o.made)-o.wrote >= inlineGap {
		o.inlining = true
		return o.takeLocked(nil), false // whoever waits waits for Release: the outbox was empty
	}
	return nil, o.rouseLocked()
}

// rouseLocked reports whether the write loop has to be woken: it sleeps, frames wait, and no sender is writing.
func (o *Outbox) rouseLocked() bool {
	if !o.asleep || o.inlining || o.emptyLocked() {
		return false
	}
	o.asleep = false
	return true
}

func (o *Outbox) emptyLocked() bool { return o.waiting == nil || len(o.waiting.frames) == 0 }

// wakeFor wakes the write loop for something other than a frame. note records what, under the lock, so that the loop
// sees it after its next claim.
func (o *Outbox) wakeFor(note func()) {
	o.mu.Lock()
	note()
	o.mu.Unlock()
	notify.Signal(o.wake)
}

// take returns all frames that wait, nil if there are none. done is the batch of the previous call, or nil.
func (o *Outbox) take(done *batch) *batch {
	o.mu.Lock()
	if o.emptyLocked() {
		o.mu.Unlock()
		done.recycle()
		return nil
	}
	b, room := o.takeLocked(done), o.room.Take()
	o.mu.Unlock()
	room.Wake()
	return b
}

// takeLocked takes all frames that wait and leaves done, emptied, in their place.
func (o *Outbox) takeLocked(done *batch) *batch {
	b := o.waiting
	o.waiting, o.bytes = done.emptied(), 0
	o.taken = o.accepted
	return b
}

// sleep marks the write loop as asleep, after it has flushed all it took. It returns false if frames wait.
func (o *Outbox) sleep() bool {
	o.mu.Lock()
	if !o.emptyLocked() {
		o.mu.Unlock()
		return false
	}
	o.asleep = true
	unused := o.waiting
	o.waiting = nil
	o.mu.Unlock()
	unused.recycle()
	return true
}

// claim makes the write loop the writer again, waiting for a sender that is writing.
func (o *Outbox) claim() {
	o.mu.Lock()
	o.asleep = false
	if !o.inlining {
		o.mu.Unlock()
		return
	}
	inlined := o.inlined.Wait()
	o.mu.Unlock()
	<-inlined
}

// doneInline ends a sender's turn as the writer. If not all that it took is flushed, the write loop has to finish.
func (o *Outbox) doneInline(flushed bool) {
	o.mu.Lock()
	o.inlining = false
	wake := o.rouseLocked()
	var progress notify.Waiters
	if flushed {
		progress = o.flushedLocked()
	} else {
		o.wrote = time.Since(o.made)
		wake = wake || o.asleep
		o.asleep = false
	}
	inlined := o.inlined.Take()
	o.mu.Unlock()
	if wake {
		notify.Signal(o.wake)
	}
	progress.Wake()
	inlined.Wake()
}

// noteFlush records that all frames taken so far are flushed.
func (o *Outbox) noteFlush() {
	o.mu.Lock()
	progress := o.flushedLocked()
	o.mu.Unlock()
	progress.Wake()
}

// flushedLocked is noteFlush. It returns who to wake.
func (o *Outbox) flushedLocked() notify.Waiters {
	o.flushed = o.taken
	o.wrote = time.Since(o.made)
	return o.progress.Take()
}
