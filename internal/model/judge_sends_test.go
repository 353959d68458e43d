package model_test

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// outcome returns what was said of a SEND at last. known is false while its receipt is pending.
func (s *sending) outcome() (err error, known bool) {
	if s.receipt == nil {
		return s.err, s.returned
	}
	return s.receipt.Err(), closed(s.receipt.Done())
}

// overdueAfter is how long the receipt of a SEND WithRetry has to be overdue, at least, until it is sent for the n-th
// time again on a session that lives.
func overdueAfter(n int) time.Duration { return 15 * time.Second << (n - 1) }

// lostUnwritten is how many bytes may be lost with each connection beyond those that Stats counts as sent: what the
// Client had gathered, what it was writing as the connection broke, and the frame under way.
const lostUnwritten = 2*64<<10 + 40_000

// judgeSendsLocked compares what was said of each SEND with what the broker saw.
func (w *world) judgeSendsLocked() {
	lost, came := 0, 0
	senders := make(map[string][]*sending)
	for _, s := range w.sends {
		if s.kind == published {
			continue
		}
		senders[s.by] = append(senders[s.by], s)
		err, known := s.outcome()
		effects := 0
		for i, one := range s.seen {
			came += s.size
			if one.effect {
				effects++
			}
			before := 0 // how often it came on the same connection
			for _, other := range s.seen[:i] {
				if other.conn == one.conn {
					before++
				}
			}
			if age := one.at.Sub(s.began); before > 0 && (!s.kind.retries() || age < overdueAfter(before)) {
				w.failLocked("%s came %d times on connection %d within %v", s.id, before+1, one.conn.number, age)
			}
		}
		if len(s.seen) > 1 && !s.kind.retries() {
			w.failLocked("%s came %d times", s.id, len(s.seen))
		}
		if !known {
			continue
		}
		if s.patient && !s.poison && err != nil && w.quiet && w.plan.reconnect && w.plan.odds == 0 && w.plan.troubles == 0 && !w.plan.flood &&
			w.plan.profile != stomptest.Spring {
			w.failLocked("%s is refused by nobody, and it was said: %v", s.id, err)
		}
		// A server that confirms nothing leaves every SEND under suspicion.
		if w.plan.odds == 0 && !s.poison && isPoisonous(err) && w.plan.profile != stomptest.Spring {
			w.failLocked("%s is no poison, and it was said: %v", s.id, err)
		}
		asked := s.kind == confirmed || s.kind == async || s.kind.retries()
		switch {
		case stomp.Unsent(err) && len(s.seen) > 0:
			w.failLocked("%s came, and it was said that it was not written: %v", s.id, err)
		case err == nil && asked && effects == 0:
			w.failLocked("%s was confirmed, and did not come", s.id)
		case err != nil && s.kind.retries() && errors.Is(err, stomp.ErrConnectionLost) && w.plan.reconnect && w.endBegan.IsZero() &&
			!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, stomp.ErrNotConnected):
			w.failLocked("%s was sent WithRetry, and it was said: %v", s.id, err)
		case s.kind == plain && errors.Is(err, stomp.ErrConnectionLost) && w.plan.reconnect && w.endBegan.IsZero() && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, stomp.ErrNotConnected):
			w.failLocked("%s may wait for the next session, and it was said: %v", s.id, err)
		case s.kind == racing:
		case err == nil && !asked && len(s.seen) == 0:
			if w.cleanLocked(w.newest) && s.began.After(w.newest.connected) {
				w.failLocked("%s was accepted, did not come, and its connection %d was not lost", s.id, w.newest.number)
			}
			lost += s.size
		case s.kind == inTransaction && s.commit == committed && len(s.seen) == 1:
			if c := s.seen[0].conn; w.cleanLocked(c) && !w.committed[s.seen[0].tx] {
				w.failLocked("%s: its transaction was committed, and COMMIT did not come on connection %d", s.id, c.number)
			}
		}
	}
	losses := w.lossesLocked()
	if !w.cleanLocked(w.newest) {
		losses++
	}
	written := int(w.client.Stats().BytesSent)
	if most := written - came + losses*lostUnwritten; lost > most && w.plan.reconnect && (w.endBegan.IsZero() || w.gentle) {
		w.failLocked("%d bytes were accepted, not confirmed, and did not come; %d may be lost: %d were written, %d came, on %d connections that were lost", lost, most, written, came, losses)
	}
	for by, all := range senders {
		w.judgeOrderLocked(by, all)
	}
}

// cleanLocked reports whether everything that was accepted on a connection must have come.
func (w *world) cleanLocked(c *connection) bool {
	return c != nil && c == w.newest && !c.lost && (w.quiet || w.gentle && c.disconnected)
}

// judgeOrderLocked checks that what one goroutine sent came in that order.
func (w *world) judgeOrderLocked(by string, all []*sending) {
	type arrival struct {
		sight
		s *sending
	}
	var came []arrival
	for _, s := range all {
		if !s.kind.retries() && s.kind != racing && len(s.seen) == 1 {
			came = append(came, arrival{s.seen[0], s})
		}
	}
	slices.SortFunc(came, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.conn.number, b.conn.number), cmp.Compare(a.frame, b.frame))
	})
	for i := 1; i < len(came); i++ {
		if came[i].s.number < came[i-1].s.number {
			w.failLocked("%s came after %s", came[i].s.id, came[i-1].s.id)
		}
	}
}
