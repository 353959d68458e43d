package stomp

import (
	"sync"
)

// place is where the frame of a receipt is. Whoever waits leaves with its ctx
// at any time, also while the supervisor carries the frame from one session to
// the next.
type place struct {
	mu     sync.Mutex // guards what follows; a leaf
	out    *outbox    // nil: between two sessions, or not accepted yet
	frame  uint64     // its number there
	begun  bool       // its writing began in an earlier session
	left   bool       // nobody waits any more: it is not carried on
	resend *carried   // WithRetry: what to send again; nil: nothing

	answered bool
	unwatch  func() // stops watching the ctx of SendAsync; nil: it is not watched
}

// set notes where the frame is now; false when it is not wanted any more.
func (p *place) set(out *outbox, frame uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return false
	}
	p.out, p.frame = out, frame
	return true
}

// keep notes what to send again.
func (p *place) keep(f *carried) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resend = f
}

// reencode notes how the frame reads in another version, if it is kept at all.
func (p *place) reencode(frame []byte, version Version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resend != nil {
		again := *p.resend
		again.frame, again.version = frame, version
		p.resend = &again
	}
}

// leave says that nobody waits any more, and reports whether that came before
// a single octet was written: the frame never will be.
func (p *place) leave(forced bool) (unsent bool) {
	p.mu.Lock()
	p.left = true
	out, frame, begun := p.out, p.frame, p.begun
	p.mu.Unlock()
	// What was written before is not written again, if that can be helped.
	withdrawn := !forced && (out == nil || out.withdraw(frame))
	return withdrawn && !begun
}
