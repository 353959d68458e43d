package stomp

import (
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/outbox"
)

// waitForRoom stops the read loop while a queue with OverflowBlock is full (promise 2), unless a call waits for what
// only reading can bring (receipts.isAwaited), or writing has stalled. Then it reads on beyond the bound, ever more
// slowly (overrun).
func (s *session) waitForRoom(full *inbox.Inbox[Frame]) error {
	pace := s.overrun.pause(full)
	if !full.Stalled() || pace == 0 && s.mustReadOn() {
		return nil
	}
	s.pause.set(true)
	defer s.pause.set(false)
	awaited := s.env.receipts.awaitedSignal()
	look := time.NewTicker(writeStallAfter)
	defer look.Stop()
	paced := time.NewTimer(pace)
	defer paced.Stop()
	for mayReadOn := false; full.Stalled() && !(mayReadOn && s.mustReadOn()); {
		select {
		case <-full.Room():
		case <-full.Cut():
		case <-awaited:
		case <-paced.C:
			mayReadOn = true
		case <-look.C:
			s.stall.look(s.out)
		case <-s.cut:
			return ErrConnectionLost
		}
	}
	return nil
}

// mustReadOn reports whether something waits that only reading brings on, whoever's queue is full.
func (s *session) mustReadOn() bool { return s.env.receipts.isAwaited() || s.stall.lasts(s.out) }

// overrun is the reading beyond the bounds of full queues, for the sake of answers. It is owned by the read loop.
//
// Nobody knows which call the consumer of a full queue is in, nor how much lies in front of its answer, so reading
// has to go on for any. But a server may leave an answer out, and a publisher with receipts always waits for one: what
// this costs must have a bound in practice. So overrunAllowance, or once more what the full queues held, is read at
// full speed. What comes then is read at overrunRate, divided by the third power of how many times the allowance has
// been read: of 16 MiB, that makes 66 after 5 minutes, 120 after an hour, 270 after a day. What counts is what was put
// since the queue was full, taken or not: so a consumer that takes ever so slowly empties half of its queue in the end,
// and it is full no more.
type overrun struct {
	full   map[*inbox.Inbox[Frame]]struct{} // the queues that are full
	beyond int64                            // bytes that were put into them since they were
}

const (
	// overrunAllowance is more than the buffers of a connection hold.
	overrunAllowance = 16 << 20 // bytes
	overrunRate      = 4 << 20  // bytes a second
	longestOverrun   = 24 * time.Hour
)

// pause takes note that something was put into a full queue, and returns how long to wait before reading on.
func (o *overrun) pause(full *inbox.Inbox[Frame]) time.Duration {
	if o.full == nil {
		o.full = make(map[*inbox.Inbox[Frame]]struct{})
	}
	o.full[full] = struct{}{}
	before, held := o.beyond, int64(0)
	o.beyond = 0
	for in := range o.full {
		h, b := in.Overrun()
		if b == 0 {
			delete(o.full, in)
		}
		held, o.beyond = held+h, o.beyond+b
	}
	allowance := max(overrunAllowance, held)
	if o.beyond <= allowance {
		return 0
	}
	times := float64(o.beyond) / float64(allowance)
	seconds := float64(max(0, o.beyond-before)) * times * times * times / overrunRate
	return time.Duration(min(seconds, longestOverrun.Seconds()) * float64(time.Second))
}

// readPause tracks when a full queue stops the reading: the server's silence does not count then.
type readPause struct {
	mu      sync.Mutex // guards what follows; a leaf: nothing is locked below it
	paused  bool
	resumed time.Time
}

func (p *readPause) set(paused bool) {
	p.mu.Lock()
	p.paused, p.resumed = paused, time.Now()
	p.mu.Unlock()
}

// silence returns how long the server has been silent, not counting pauses.
func (p *readPause) silence(lastRead time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		return 0
	}
	if lastRead.Before(p.resumed) {
		lastRead = p.resumed
	}
	return time.Since(lastRead)
}

// writeStallAfter is how long nothing is written, while senders wait for room, before reading goes on despite a full
// queue. A working server accepts something much sooner; one that does not read until we do never will.
const writeStallAfter = 200 * time.Millisecond

// writeStall tracks whether writing has stalled while we do not read: the server waits for us to read before it
// reads, the senders wait for the server, and the consumer of the full queue may be one of them. It is owned by the
// read loop.
type writeStall struct {
	taken   uint64 // frames taken for writing at the last look
	stalled bool
}

// look is called every writeStallAfter. Writing has stalled if nothing was taken since the last call.
func (w *writeStall) look(o *outbox.Outbox) {
	waiting, taken := o.Backlog()
	w.stalled = waiting && taken == w.taken
	w.taken = taken
}

// lasts reports whether the stall that look found still lasts.
func (w *writeStall) lasts(o *outbox.Outbox) bool {
	if w.stalled {
		waiting, taken := o.Backlog()
		w.stalled = waiting && taken == w.taken
	}
	return w.stalled
}
