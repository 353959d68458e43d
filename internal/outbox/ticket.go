package outbox

import "sync"

// Ticket tells where one frame is: whoever waits for what comes of it may give up at any time, also while the frame is
// carried from one session to the next. The zero value is a frame that no Outbox has accepted yet.
type Ticket struct {
	mu        sync.Mutex // guards what follows; a leaf: nothing is locked below it
	out       *Outbox    // nil: not accepted yet, or between two sessions
	number    uint64     // in out
	begun     bool       // its writing began in an earlier session
	withdrawn bool       // nobody wants it written any more
}

// enter notes where the frame is now; false when nobody wants it any more. The Outbox's lock is held.
func (t *Ticket) enter(out *Outbox, number uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.withdrawn {
		return false
	}
	t.out, t.number = out, number
	return true
}

// Withdraw says that the frame need not be written any more. unsent: not a single byte of it was, and none will be.
func (t *Ticket) Withdraw() (unsent bool) {
	t.mu.Lock()
	t.withdrawn = true
	out, number, begun := t.out, t.number, t.begun
	t.mu.Unlock()
	// What was written in an earlier session is not written again, if that can be helped.
	withdrawn := out == nil || out.withdraw(number)
	return withdrawn && !begun
}

// Leave takes the frame off the Outbox of w, whose Run has returned. here: it was there, under that number. begun: its
// writing had begun there.
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
