package outbox

import (
	"time"

	"github.com/webstomp/webstomp/internal/notify"
)

// Who writes:
//
//	write loop ──sleep──▶ nobody ──Add of a small frame──▶ a sender ──doneInline──▶ nobody
//	     ▲                  │                                 │
//	     └──claim───────────┴──────(waits for the sender)─────┘
//
// A sender never blocks while it writes, so whoever waits for it does not wait for long.

const (
	// inlineBytes is up to which size a sender writes its frame itself.
	inlineBytes = 16 << 10

	// inlineGap is for how long nothing must have been written for that: longer than a goroutine that sends in a loop
	// takes from one frame to the next, whose frames had better share system calls, and shorter than any round trip.
	inlineGap = 10 * time.Microsecond
)

// nextWriterLocked decides who writes the frame that was just accepted. It returns the batch that the sender has to write
// itself, or tells whether it has to wake the write loop; where neither, the one who writes now will find the frame.
func (o *Outbox) nextWriterLocked() (mine *batch, wake bool) {
	if o.inline != nil && o.asleep && !o.inlining && o.bytes <= inlineBytes && time.Since(o.made)-o.wrote >= inlineGap {
		o.inlining = true
		mine, _ = o.takeLocked(nil) // nobody waits for room: the outbox was empty
		return mine, false
	}
	return nil, o.rouseLocked()
}

// rouseLocked tells whether the write loop is to be woken: it sleeps, and there is something to write that no sender is
// at.
func (o *Outbox) rouseLocked() bool {
	if !o.asleep || o.inlining || o.emptyLocked() {
		return false
	}
	o.asleep = false
	return true
}

func (o *Outbox) emptyLocked() bool { return o.waiting == nil || len(o.waiting.frames) == 0 }

// wakeFor wakes the write loop for something that is no frame. note makes a note of it: when the loop has claimed the
// writing next, it finds that.
func (o *Outbox) wakeFor(note func()) {
	o.mu.Lock()
	note()
	o.mu.Unlock()
	notify.Signal(o.wake)
}

// take gives the write loop all that waits; nil when there is nothing. done is the batch of the call before, or nil.
func (o *Outbox) take(done *batch) *batch {
	o.mu.Lock()
	if o.emptyLocked() {
		o.mu.Unlock()
		done.recycle()
		return nil
	}
	b, room := o.takeLocked(done)
	o.mu.Unlock()
	room.Wake()
	return b
}

// takeLocked takes all that waits and leaves done in its place. Those who wait for room are returned.
func (o *Outbox) takeLocked(done *batch) (*batch, notify.Waiters) {
	b := o.waiting
	o.waiting, o.bytes = done.emptied(), 0
	o.taken = o.accepted
	return b, o.room.Take()
}

// sleep lets the write loop go to sleep, which has flushed all it took; false when there is something to write after all.
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

// claim makes the write loop the one who writes again, whatever has woken it.
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

// doneInline ends a sender's time as the one who writes. flushed: all that it took is flushed; else the write loop has to
// finish.
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

// noteFlush notes that all that was taken so far is flushed.
func (o *Outbox) noteFlush() {
	o.mu.Lock()
	progress := o.flushedLocked()
	o.mu.Unlock()
	progress.Wake()
}

// flushedLocked is noteFlush; it returns those to wake.
func (o *Outbox) flushedLocked() notify.Waiters {
	o.flushed = o.taken
	o.wrote = time.Since(o.made)
	return o.progress.Take()
}
