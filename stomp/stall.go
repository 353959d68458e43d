package stomp

import (
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/outbox"
)

// waitForRoom stops the read loop while a queue with OverflowBlock is full (promise 2), unless a call waits for what
// only reading can bring (receipts.isAwaited), or writing has stalled. For a receipt that is late it lets ever less
// through.
func (s *session) waitForRoom(full *inbox.Inbox[Frame]) error {
	s.pause.set(true)
	defer s.pause.set(false)
	awaited := s.env.receipts.awaitedSignal()
	look := time.NewTicker(writeStallAfter)
	defer look.Stop()
	for full.Stalled() && !s.overrun.goesOn(s) && !s.stall.lasts(s.out) {
		select {
		case <-full.Room():
		case <-full.Cut():
		case <-awaited:
		case <-look.C:
			s.stall.look(s.out)
		case <-s.cut:
			return ErrConnectionLost
		}
	}
	return nil
}

// overrun is the reading beyond the bound of a full queue, for the sake of answers. It is owned by the read loop.
//
// A receipt counts for overdueAfter, and until overrunAllowance was read beyond the bound: one that never comes must
// not suspend the bound for the rest of the session, and one of a slow server, or for a slow process, lies behind
// what is still on its way to us. But even then it may be one that lies behind the messages that we do not read, and
// the consumer of the full queue may be waiting for it. So a piece is read every now and then, after longer and
// longer pauses.
type overrun struct {
	since time.Time // when the reading beyond the bound began, or was looked at last
	last  uint64    // the last receipt that had been asked for by then
	begun uint64    // bytes that had been read by then

	pause time.Duration // before the next piece is read for those that are late; 0: none is
	next  time.Time     // when that is
	until uint64        // the piece is over when so many bytes were read
}

const (
	firstOverrun   = time.Second
	longestOverrun = 4 * time.Minute
	overrunPiece   = 64 << 10 // bytes

	// overrunAllowance is more than the buffers of the connection hold, and less than a queue may by default.
	overrunAllowance = 16 << 20 // bytes
)

// goesOn reports whether reading goes on now although a queue is full.
func (o *overrun) goesOn(s *session) bool {
	receipts := s.env.receipts
	now, read := time.Now(), s.conn.BytesRead()
	if receipts.isAwaited() {
		enough := now.Sub(o.since) >= overdueAfter && read-o.begun >= overrunAllowance
		if enough && !o.since.IsZero() {
			receipts.giveUpWaiting(o.last)
		}
		if enough || o.since.IsZero() {
			o.since, o.last, o.begun = now, s.env.counters.receiptIDs.Load(), read
		}
		if receipts.isAwaited() {
			return true
		}
	}
	if !receipts.areLate() {
		o.pause = 0
		return false
	}
	switch {
	case o.pause == 0:
		o.pause, o.next, o.until = firstOverrun, now.Add(firstOverrun), read
	case !now.Before(o.next):
		o.pause = min(2*o.pause, longestOverrun)
		o.next, o.until = now.Add(o.pause), read+overrunPiece
	}
	return read < o.until
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
