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

// attemptLimit bounds one attempt to connect where ctx does not bound it alone: when reconnecting, and when Connect
// has another endpoint or another try. A broker that accepts connections and says nothing must not hold up the
// others.
const attemptLimit = 15 * time.Second

// refusalsBelieved is how many times in a row a server that had accepted us has to reject our credentials (401, 403,
// ERROR to CONNECT) before the Client ends: a broker may do so while it restarts.
const refusalsBelieved = 3

// supervisor owns the Client's sessions: it runs one, backs off, dials, and runs the next. It has a goroutine only
// between two sessions; while a session runs, so do only the session's loops. The fields are owned by that goroutine,
// or by the one that restores a session.
type supervisor struct {
	client   *Client
	sessions uint64    // so far
	endpoint int       // of the current or last session
	delays   int       // n of the last delay, see Backoff; 0 after a session that lasted
	refusals int       // rejected credentials in a row
	carried  []carried // frames for the next session
	suspects bool      // the last session may have ended because of a SUBSCRIBE

	alone *subscription // being restored alone; nil: none
}

// run starts s. When that ends, its successors follow until the Client ends. It does not wait for that.
func (v *supervisor) run(s *session) {
	began := time.Now()
	s.start(func() { v.reconnectOrEnd(s, began) })
}

// reconnectOrEnd finds a successor for a session that has ended, or ends the Client.
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

// retire takes a session that has ended out of the Client, and ends the subscriptions that end with it.
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

// reconnect tries until there is a session. It returns nil and the reason when there will be none.
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

// rejectsCredentials reports whether err is a 401, a 403 or an ERROR in answer to CONNECT.
func rejectsCredentials(err error) bool {
	var failed *ConnectError
	if !errors.As(err, &failed) {
		return false
	}
	var refused *Error
	return failed.StatusCode == http.StatusUnauthorized || failed.StatusCode == http.StatusForbidden || errors.As(failed.Err, &refused)
}

// try makes one attempt at an endpoint, bounded by attemptLimit.
func (c *Client) try(ctx context.Context, endpoint int) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	return c.dial(ctx, c.cfg.urls[endpoint])
}

// first makes the first session, within the ctx of Connect. It tries each endpoint once, or again and again with
// WithInitialRetry.
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

// givenUp returns the error of a Connect whose ctx ended while it waited for its next attempt. err is from the last
// one.
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
