package stomp

import (
	"context"
	"errors"
	"time"
)

// Restoring a session: first every SUBSCRIBE, in the order in which they were made, then the frames carried over.
// Only then is the session active, so that waiting sends come last (promise 3).

// begin makes s the active session. If the subscriptions have to be restored one by one, it leaves that to a loop of
// the session.
func (v *supervisor) begin(s *session) {
	v.sessions++
	s.epoch = v.sessions
	v.alone = nil
	if v.suspects {
		s.restore = func() error {
			if v.restoreOneByOne(s) {
				v.activate(s)
			}
			return nil
		}
		return
	}
	v.activate(s)
}

// activate restores what is not restored yet, and makes s the session that calls use.
func (v *supervisor) activate(s *session) {
	c := v.client
	for restored := false; ; restored = true {
		for _, sub := range c.openSubscriptions() {
			if sub.wants(s) {
				v.subscribe(s, sub)
			}
		}
		if !restored {
			v.carried = s.resend(v.carried)
		}
		ending, complete := c.use(s)
		if ending { // Close and Disconnect found no session to end
			s.abort(ErrClosed)
			return
		}
		if complete {
			break
		}
	}
	c.log.Info("stomp: connected", "url", s.info.URL, "version", string(s.info.Version), "server", s.info.Server,
		"heart-beat-send", s.info.HeartBeatSend, "heart-beat-receive", s.info.HeartBeatReceive, "epoch", s.epoch,
		"after", time.Since(v.outage.began).Round(time.Millisecond), "failed-attempts", v.outage.attempts)
	c.setStatus(func(st *Status) {
		*st = Status{State: StateConnected, Epoch: s.epoch, Err: v.lost, Session: s.info}
	})
}

// use makes s the Client's session unless the Client is ending. complete is false when s has not seen a subscription
// made meanwhile.
func (c *Client) use(s *session) (ending, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.endReason != nil {
		return true, false
	}
	for _, sub := range c.subs {
		if sub.wants(s) {
			return false, false
		}
	}
	c.sess = s
	return false, true
}

// subscribe sends the SUBSCRIBE of a subscription on s. If it cannot be sent in this session's version, that
// subscription alone ends.
func (v *supervisor) subscribe(s *session, sub *subscription) {
	err := sub.sendSubscribe(context.Background(), s, true)
	if err != nil && !errors.Is(err, errSessionOver) && !errors.Is(err, errEnded) {
		sub.fail(err, false)
	}
}
