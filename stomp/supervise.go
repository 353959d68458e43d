package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// attemptLimit bounds one attempt to connect where nobody else does: when reconnecting, and where Connect has another
// endpoint or another try. A broker that accepts connections and says nothing must not hold up the others.
const attemptLimit = 15 * time.Second

// refusalsBelieved is how often in a row a server that had taken us before has to reject our credentials (401, 403, ERROR
// to CONNECT) until that is believed.
const refusalsBelieved = 3

// supervisor owns the Client's sessions: it runs one, backs off, dials, and runs the next. While a session runs, its loops
// are all there is: the supervisor has a goroutine only from the end of one to the start of the next. What follows is that
// goroutine's, or the one's that restores a session.
type supervisor struct {
	client   *Client
	sessions uint64    // so far
	endpoint int       // of the present or last session
	delays   int       // n of the next delay's ceiling; since a session that lasted
	refusals int       // in a row
	carried  []carried // what goes out first on the next session
	suspects bool      // the last session may have ended for a SUBSCRIBE

	alone *subscription // whose SUBSCRIBE is under way alone; nil: none is
}

// run runs s and its successors until the Client ends, and ends it. It does not wait for that.
func (v *supervisor) run(s *session) {
	began := time.Now()
	s.start(func() { v.reconnectOrEnd(s, began) })
}

// reconnectOrEnd finds a successor for a session that is over, or ends the Client.
func (v *supervisor) reconnectOrEnd(s *session, began time.Time) {
	c := v.client
	left, err := s.join()
	v.carried = append(left, v.carried...)
	v.retire(s, err)
	if time.Since(began) >= c.cfg.backoff.Max {
		v.delays = 0
	}
	if !c.cfg.once && c.ending() == nil {
		c.log.Warn("stomp: connection lost", "error", err, "epoch", s.epoch)
		var next *session
		if next, err = v.reconnect(err); next != nil {
			v.begin(next)
			v.run(next)
			return
		}
	}
	c.end(err, len(v.carried) > 0)
}

// retire lets go of a session that has ended.
func (v *supervisor) retire(s *session, err error) {
	c := v.client
	v.suspects = v.findRefused(s, err)
	c.mu.Lock()
	s.addTo(&c.past)
	c.sess = nil
	c.mu.Unlock()
	close(s.retired)
	if c.cfg.once || c.ending() != nil {
		return // the Client ends, and its subscriptions with it
	}
	for _, sub := range c.openSubscriptions() {
		if r := sub.current(); sub.cfg.sessionOnly && r != nil && r.session == s {
			sub.end(err, false)
		}
	}
}

// reconnect tries until there is a session. It returns nil with the reason when there will be none.
func (v *supervisor) reconnect(cause error) (*session, error) {
	c := v.client
	for attempt := 1; ; attempt++ {
		v.delays++
		delay := c.cfg.backoff.delay(v.delays)
		c.setStatus(func(st *Status) {
			*st = Status{State: StateReconnecting, Epoch: st.Epoch, Attempt: attempt, RetryAt: time.Now().Add(delay), Err: cause, Session: st.Session}
		})
		timer := time.NewTimer(delay)
		select {
		case <-timer.C:
		case <-c.life.Done():
			timer.Stop()
			return nil, cause
		}
		endpoint := (v.endpoint + attempt - 1) % len(c.cfg.urls)
		s, err := c.try(c.life, endpoint)
		if err == nil {
			v.endpoint, v.refusals = endpoint, 0
			return s, nil
		}
		if c.ending() != nil {
			return nil, err
		}
		cause = err
		c.log.Debug("stomp: attempt failed", "attempt", attempt, "error", err)
		if rejectsCredentials(err) {
			v.refusals++
		} else {
			v.refusals = 0
		}
		if v.refusals >= refusalsBelieved || attempt == c.cfg.backoff.Attempts {
			return nil, err
		}
	}
}

// rejectsCredentials reports whether that is what the server did.
func rejectsCredentials(err error) bool {
	var failed *ConnectError
	if !errors.As(err, &failed) {
		return false
	}
	var refused *Error
	return failed.StatusCode == http.StatusUnauthorized || failed.StatusCode == http.StatusForbidden || errors.As(failed.Err, &refused)
}

// try makes one attempt at an endpoint, bounded in time.
func (c *Client) try(ctx context.Context, endpoint int) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	return c.dial(ctx, c.cfg.urls[endpoint])
}

// first makes the first session, within the ctx of Connect: each endpoint once, and again and again WithInitialRetry.
func (c *Client) first(ctx context.Context) (s *session, endpoint int, err error) {
	for round := 1; ; round++ {
		hopeless := true
		for endpoint = range c.cfg.urls {
			if len(c.cfg.urls) == 1 && !c.cfg.initialRetry {
				s, err = c.dial(ctx, c.cfg.urls[endpoint]) // ctx alone bounds it
			} else {
				s, err = c.try(ctx, endpoint)
			}
			if err == nil {
				return s, endpoint, nil
			}
			var failed *ConnectError
			hopeless = hopeless && errors.As(err, &failed) && failed.Permanent()
			c.log.Debug("stomp: attempt failed", "error", err)
			if ctx.Err() != nil {
				return nil, 0, err
			}
		}
		if !c.cfg.initialRetry || hopeless || round == c.cfg.backoff.Attempts {
			return nil, 0, err
		}
		timer := time.NewTimer(c.cfg.backoff.delay(round))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, 0, givenUp(ctx, err)
		}
	}
}

// givenUp is the error of a Connect whose ctx ended while it waited for its next attempt; err is what the last one met.
func givenUp(ctx context.Context, err error) error {
	last := new(ConnectError)
	errors.As(err, &last) // what dial returns is one
	again := *last
	again.Err = fmt.Errorf("%w (the last attempt: %w)", ctxError(ctx), last.Err)
	return &again
}

// openSubscriptions returns the subscriptions in the order in which they were made.
func (c *Client) openSubscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.subs), func(a, b *subscription) int { return cmp.Compare(a.order, b.order) })
}
