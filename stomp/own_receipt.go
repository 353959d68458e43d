package stomp

import (
	"context"
	"time"
)

// ownGrace is how long a RECEIPT is awaited that no caller asked for. A server that sends one needs a round trip; one
// that leaves it out must not cost its caller more than this, but for grace. Go-stomp's server answers SEND and not
// UNSUBSCRIBE.
const ownGrace = time.Second

// awaitOwnReceipt waits, within ctx, until a frame is written, and then for its receipt, which no caller asked for:
// not at all if this server is not known to answer, and otherwise for ownGrace. That begins anew as long as coming,
// which counts what comes before the receipt, grows.
func (s *session) awaitOwnReceipt(ctx context.Context, r *pendingReceipt, number uint64, coming func() uint64) error {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	if err := s.awaitFlush(ctx, number); err != nil {
		return err
	}
	if !receipts.mayComeTo(r.command) {
		receipts.remove(r.number) // it would be kept until the session ends
		return nil
	}
	grace := s.newGrace()
	defer grace.stop()
	for before := coming(); ; {
		select {
		case <-r.done:
			return r.err
		case <-ctx.Done():
			if receipts.remove(r.number) == nil { // likewise
				<-r.done // whoever removed it is about to resolve it
				return r.err
			}
			return r.lost(ctxError(ctx), false)
		case <-grace.timer.C:
		}
		if now := coming(); now != before {
			before = now
			grace.begin(ownGrace)
		} else if grace.isOver() && receipts.giveUp(r) {
			return nil
		}
	}
}

// grace is ownGrace, not counting the time in which full queues stop the reading: what is awaited may have come. That
// is up to fullQueueGrace: the wait itself is a reason to read beyond their bounds, ever more slowly.
type grace struct {
	s      *session
	timer  *time.Timer
	spent  time.Duration // in such pauses, when the timer was set
	credit time.Duration // for such pauses
}

const (
	fullQueueGrace = 15 * time.Second
	shortestCredit = 10 * time.Millisecond // a pause that has just begun goes on
)

func (s *session) newGrace() *grace {
	return &grace{s: s, timer: time.NewTimer(ownGrace), spent: s.pause.spent(), credit: fullQueueGrace}
}

func (g *grace) begin(d time.Duration) {
	g.spent = g.s.pause.spent()
	g.timer.Reset(d)
}

// isOver is called when the timer has fired. If reading has paused meanwhile, the timer goes on for as long.
func (g *grace) isOver() bool {
	paused := g.s.pause.spent() - g.spent
	if paused == 0 || g.credit == 0 {
		return true
	}
	more := min(max(paused, shortestCredit), ownGrace, g.credit)
	g.credit -= more
	g.begin(more)
	return false
}

func (g *grace) stop() { g.timer.Stop() }
