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
	size, pace := s.overrun.add(full)
	if !full.Stalled() || pace == 0 && s.mustReadOn() {
		return nil
	}
	began := s.pause.begin()
	defer s.pause.end()
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
			mayReadOn = mayReadOn || time.Since(began) >= s.overrun.pace(size) // another queue may be full no more
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
// been read: of 16 MiB, that makes 67 after 5 minutes, 124 after an hour, 274 after a day. What counts is what was put
// since the queue was full, on whichever session, taken or not: so a consumer that takes ever so slowly empties half of
// its queue in the end, and it is full no more.
type overrun struct {
	queues map[*inbox.Inbox[Frame]]int64 // bytes beyond the bound of each queue that was full when it was looked at last
	sum    int64                         // of these
}

const (
	// overrunAllowance is more than the buffers of a connection hold.
	overrunAllowance = 16 << 20 // bytes
	overrunRate      = 4 << 20  // bytes a second
	longestOverrun   = 24 * time.Hour
)

// add takes note that something was put into a full queue. It returns how large that was, and how long to wait before
// reading on.
func (o *overrun) add(full *inbox.Inbox[Frame]) (size int64, pace time.Duration) {
	now := full.Overrun()
	before, known := o.queues[full]
	if o.queues == nil {
		o.queues = make(map[*inbox.Inbox[Frame]]int64)
	}
	o.queues[full] = now.Beyond
	o.sum += now.Beyond - before
	if known && o.sum <= overrunAllowance { // the true sum may be smaller: some queues may be full no more
		return now.Last, 0
	}
	return now.Last, o.pace(now.Last)
}

// pace looks at all queues, and returns how long to wait for the size bytes that were put last: the integral of what
// each of them costs, so that one large message takes as long as many small ones.
func (o *overrun) pace(size int64) time.Duration {
	o.sum = 0
	held := int64(0)
	for in := range o.queues {
		now := in.Overrun()
		if now.Beyond == 0 {
			delete(o.queues, in)
			continue
		}
		o.queues[in] = now.Beyond
		o.sum += now.Beyond
		held += now.Held
	}
	allowance := float64(max(overrunAllowance, held))
	to := max(float64(o.sum), allowance)
	from := max(float64(o.sum-size), allowance)
	fourth := func(times float64) float64 { return times * times * times * times }
	seconds := (fourth(to/allowance) - fourth(from/allowance)) * allowance / 4 / overrunRate
	return time.Duration(min(seconds, longestOverrun.Seconds()) * float64(time.Second))
}

// readPause tracks when a full queue stops the reading: the server's silence does not count then.
type readPause struct {
	mu      sync.Mutex // guards what follows; a leaf: nothing is locked below it
	paused  bool
	changed time.Time     // when that has changed last
	total   time.Duration // of the pauses that are over
}

func (p *readPause) begin() (now time.Time) {
	now = time.Now()
	p.mu.Lock()
	p.paused, p.changed = true, now
	p.mu.Unlock()
	return now
}

func (p *readPause) end() {
	now := time.Now()
	p.mu.Lock()
	p.total += now.Sub(p.changed)
	p.paused, p.changed = false, now
	p.mu.Unlock()
}

// spent returns for how long the reading has been stopped altogether.
func (p *readPause) spent() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		return p.total + time.Since(p.changed)
	}
	return p.total
}

// silence returns how long the server has been silent, not counting pauses.
func (p *readPause) silence(lastRead time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused {
		return 0
	}
	if lastRead.Before(p.changed) {
		lastRead = p.changed
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
