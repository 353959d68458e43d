package stomp

import (
	"math"
	"sync/atomic"
	"time"
)

// RECEIPTs that do not come although the session lives. RabbitMQ's STOMP drops the rejections of a queue that is
// full, and of one whose node has died: neither RECEIPT nor ERROR follows (docs/brokers.md). WithRetry means until it
// is confirmed, so its frames are sent again (sendOverdue).

const (
	// overdueAfter is how long a RECEIPT may take. A frame WithRetry is sent again then, and each time after twice as
	// long.
	overdueAfter = 15 * time.Second

	// overdueMost is the longest time between two of these.
	overdueMost = 4 * time.Minute

	// overdueLogEvery is how often the log of a session tells of such frames at most.
	overdueLogEvery = time.Minute
)

// overdue is when a frame WithRetry is sent again on its session.
type overdue struct {
	at     time.Time
	after  time.Duration // the wait until then
	logged atomic.Bool   // that it was sent again on the session where it had gone out before
}

// lookout fires when the next frame is overdue. It is part of receipts, and guarded by its lock.
type lookout struct {
	fire  func()      // of the session that stands; nil: there is none
	timer *time.Timer // nil until the first frame WithRetry of that session
	at    time.Time   // when it fires; zero: it does not
}

// dueLocked says when p is sent again: after that time, unless its RECEIPT comes first.
func (t *receipts) dueLocked(p *pendingReceipt, now time.Time, after time.Duration) {
	p.overdue.at, p.overdue.after = now.Add(after), after
	t.lookAtLocked(p.overdue.at, now)
}

// lookAtLocked has the lookout fire no later than that.
func (t *receipts) lookAtLocked(at, now time.Time) {
	l := &t.lookout
	switch {
	case l.fire == nil, !l.at.IsZero() && !at.Before(l.at):
		return
	case l.timer == nil:
		l.timer = time.AfterFunc(math.MaxInt64, l.fire)
	}
	l.at = at
	l.timer.Reset(at.Sub(now))
}

// sentAgain notes that the frame of p goes out once more, on a session that begins or in a trial.
func (t *receipts) sentAgain(p *pendingReceipt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] == p && p.resend != nil {
		t.dueLocked(p, time.Now(), overdueAfter)
	}
}

// takeOverdue returns the frames to send again now.
func (t *receipts) takeOverdue(now time.Time) (again []carried) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lookout.at = time.Time{}
	for _, p := range t.pending {
		switch {
		case p.resend == nil || p.held || p.overdue.at.IsZero():
			continue
		case p.overdue.at.After(now):
			t.lookAtLocked(p.overdue.at, now)
			continue
		}
		f := *p.resend
		f.receipt = p
		again = append(again, f)
		t.dueLocked(p, now, min(2*p.overdue.after, overdueMost))
	}
	return again
}
