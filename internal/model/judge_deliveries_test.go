package model_test

import (
	"errors"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// drops reports whether its policy drops frames.
func (s *subscription) drops() bool {
	return s.policy == stomp.OverflowDropOldest || s.policy == stomp.OverflowDropNewest
}

// judgeDeliveriesLocked compares what the broker sent with what consumers got.
func (w *world) judgeDeliveriesLocked() {
	for _, s := range w.subs {
		if s.s == nil || s.reused || s.drops() {
			continue
		}
		for _, c := range w.conns {
			sub := c.last[s.id]
			if sub == nil || c.asks {
				continue
			}
			all := w.leavesLocked(s, c) || w.quiet && c == w.newest && !closed(s.s.Done()) ||
				s.mode == stomp.AckAuto && s.policy != stomp.OverflowFail && s.left != nil && !s.abandoned && s.left.receipt && s.left.epoch != 0 && sub.left && !sub.taken
			missing := ""
			for _, d := range sub.deliveries {
				switch {
				case d.got > 0 && missing != "":
					w.failLocked("%v has not got %s on connection %d, but a later one", s, missing, c.number)
				case d.got > 0 || missing != "":
				case all && d.whole && (!c.lost || d.at.Before(c.lostAt)):
					w.failLocked("%v has not got %s, which was sent on connection %d", s, bodyID([]byte(d.body)), c.number)
					missing = bodyID([]byte(d.body))
				default:
					missing = bodyID([]byte(d.body))
				}
			}
		}
		w.judgeAcksLocked(s)
	}
}

// leavesLocked reports whether a subscription has ended with that connection, and its consumer gets what had arrived.
func (w *world) leavesLocked(s *subscription, c *connection) bool {
	switch {
	case s.mode != stomp.AckAuto, s.policy == stomp.OverflowFail, !s.leftAt.IsZero(), !errors.Is(s.s.Err(), stomp.ErrConnectionLost):
		return false
	case w.plan.odds > 0, w.plan.flood, w.slowed, w.client.Stats().Stalls > 0: // nobody knows what had arrived
		return false
	case !c.lost, c.disconnected, c.last[s.id].taken, len(s.got) > 0 && s.got[0].from.conn != c && s.sessionOnly:
		return false
	case !w.plan.reconnect && s.paused: // it is not waited for
		return false
	}
	return !s.closedAt.IsZero() && (w.endBegan.IsZero() || s.closedAt.Before(w.endBegan) || w.gentle && w.plan.end == byDrain)
}

// judgeAcksLocked checks that Unsubscribe has waited for the acknowledgements.
func (w *world) judgeAcksLocked(s *subscription) {
	if s.mode == stomp.AckAuto || s.left == nil || s.abandoned || s.left.epoch == 0 || w.plan.profile == stomptest.Spring {
		return
	}
	for _, r := range s.got {
		if r.frame.Epoch == s.left.epoch && !r.from.sub.taken && (r.open || r.acked && r.ackedAt.After(s.left.at)) {
			w.failLocked("%v: Unsubscribe has returned before %s was acknowledged", s, r.frame.MessageID())
		}
	}
}
