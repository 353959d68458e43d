package stomp

import (
	"context"
	"errors"
	"time"
)

// Restoring a session: first every SUBSCRIBE, in the order in which they were made, then the frames carried over.
// Only then is the session active, so that waiting sends come last (promise 3).

// restoreLimit is how long trials, and functions that are asked for entries, may keep a new session from being used,
// but for a trial that gets longer (see trialTime).
const restoreLimit = time.Second

// begin makes s the active session. If something is held back, or a function is asked for entries of SUBSCRIBE, it
// leaves that to a loop of the session.
func (v *supervisor) begin(s *session) {
	v.sessions++
	s.epoch = v.sessions
	v.stop = v.client.life.Done()
	until := time.Now().Add(restoreLimit)
	simple := len(v.held) == 0
	for _, sub := range v.client.openSubscriptions() {
		var why error
		if x := sub.suspicion; x != nil && x.held {
			why = x.words
		}
		sub.holdBack(why)
		simple = simple && why == nil && sub.cfg.headerFunc == nil
	}
	if simple {
		v.activate(s, until)
		return
	}
	s.restore = func() error { return v.restoreWithTrials(s, until) }
}

// subscribeAll sends the SUBSCRIBEs that s has not seen yet, except for those held back. until is for how long it
// waits for functions that are asked for entries.
func (v *supervisor) subscribeAll(s *session, until time.Time) {
	for _, sub := range v.client.openSubscriptions() {
		if sub.wants(s) {
			v.subscribe(s, sub, until)
		}
	}
}

// activate restores what is not restored yet, and makes s the session that calls use. It returns false when the
// Client is ending.
func (v *supervisor) activate(s *session, until time.Time) bool {
	c := v.client
	for restored := false; ; restored = true {
		v.subscribeAll(s, until)
		if !restored {
			v.carried = s.resend(v.carried)
		}
		ending, complete := c.use(s)
		if ending { // Close and Disconnect found no session to end
			s.abort(ErrClosed)
			return false
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
	return true
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
func (v *supervisor) subscribe(s *session, sub *subscription, until time.Time) {
	if sub.cfg.headerFunc != nil {
		v.subscribeAsking(s, sub, until)
		return
	}
	sub.restoreOn(s, nil)
}

// restoreOn sends SUBSCRIBE on a new session, with these further entries.
func (sub *subscription) restoreOn(s *session, more Header) {
	err := sub.sendSubscribe(context.Background(), s, more, true)
	if err != nil && !errors.Is(err, errSessionOver) && !errors.Is(err, errEnded) {
		sub.fail(err)
	}
}
