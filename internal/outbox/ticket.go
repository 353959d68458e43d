package outbox

import "sync"

// Ticket tracks where one frame is, so that its sender may give up at any time, also while the frame is carried from
// one session to the next. The zero value is a frame that was not accepted yet.
type Ticket struct {
	mu        sync.Mutex // guards what follows; a leaf: nothing is locked below it
	out       *Outbox    // nil: not accepted yet, or between two sessions
	number    uint64     // in out
	begun     bool       // its writing began in an earlier session
	withdrawn bool       // its sender has given up
}

// enter records where the frame is now. It returns false if its sender has given up. The Outbox's lock is held.
func (t *Ticket) enter(out *Outbox, number uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.withdrawn {
		return false
	}
	t.out, t.number = out, number
	return true
}

// IsEntered reports whether an Outbox has the frame, or had it when it was written.
func (t *Ticket) IsEntered() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out != nil
}

// IsFlushed reports whether the Outbox that has the frame has handed it to the operating system.
func (t *Ticket) IsFlushed() bool {
	t.mu.Lock()
	out, number := t.out, t.number
	t.mu.Unlock()
	return out != nil && out.IsFlushed(number)
}

// Withdraw gives up the frame. It reports whether no byte of it was written, nor will be.
func (t *Ticket) Withdraw() (unsent bool) {
	t.mu.Lock()
	t.withdrawn = true
	out, number, begun := t.out, t.number, t.begun
	t.mu.Unlock()
	// A frame that was written in an earlier session is withdrawn as well, but was not unsent.
	withdrawn := out == nil || out.withdraw(number)
	return withdrawn && !begun
}

// Release forgets the Outbox, when nobody will ask any more where the frame is: a Ticket that is kept must not keep
// the connection.
func (t *Ticket) Release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.out = nil
}

// Leave takes the frame off the Outbox of w, whose Run has returned. here reports whether it was there, number is its
// number there, and begun reports whether its writing had begun.
func (t *Ticket) Leave(w *Writer) (number uint64, here, begun bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.out != w.out {
		return 0, false, false
	}
	begun = t.number <= w.begun
	t.out, t.begun = nil, t.begun || begun
	return t.number, true, begun
}
