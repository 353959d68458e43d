package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// attemptLimit bounds one attempt to connect where ctx does not bound it alone: when reconnecting, and when Connect
	// has another endpoint or another try. A broker that accepts connections and says nothing must not hold up the
	// others.
	attemptLimit = 15 * time.Second

	// sharedLimit is the same where other endpoints are left in a round.
	sharedLimit = 5 * time.Second
)

// supervisor owns the Client's sessions: it runs one, backs off, dials, and runs the next. It has a goroutine only
// between two sessions; while a session runs, so do only the session's loops. The fields are owned by that goroutine,
// or by the one that restores a session.
type supervisor struct {
	client    *Client
	sessions  uint64 // so far
	endpoints *endpoints
	endpoint  int       // of the current or last session
	lost      error     // why the last session ended; nil: there was none
	outage    outage    // the current or last one
	carried   []carried // frames for the next session

	// See suspect.go and trial.go.
	held          []carried       // frames under suspicion, for a trial
	trial         []suspect       // what is being tried
	exclusive     bool            // nothing else is sent during the trial
	pristine      bool            // nothing that was sent before on this session can still be answered
	trialSize     int             // of the next trial, at most
	trialCosts    int             // trials that cost a session
	othersCost    int             // the same since one of what had been alone before
	trialLast     uint64          // what was accepted last when the trial began
	awaitedInVain uint64          // up to that frame of the session, answers were awaited before a trial for longestTrial
	noTrialBefore time.Time       // so that trials leave time for everything else
	stop          <-chan struct{} // closed when a session that is not active yet need not become so
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
	for i := range v.carried {
		v.carried[i].begun = false // it was not sent on s
	}
	v.carried = append(left, v.carried...)
	provoked := v.accuse(s, err)
	v.retire(s, err)
	if s.renewing.Load() {
		v.endpoints.restart()
	} else {
		v.endpoints.lost(v.endpoint, time.Since(began), errors.Is(err, ErrHeartBeat), provoked)
	}
	if !c.cfg.once && c.ending() == nil {
		if errors.Is(err, errRenewed) {
			c.log.Info("stomp: reconnecting", "reason", err, "epoch", s.epoch)
		} else {
			c.log.Warn("stomp: connection lost", "error", err, "epoch", s.epoch)
		}
		var next *session
		if next, err = v.reconnect(err); next != nil {
			v.begin(next)
			v.run(next)
			return
		}
	}
	c.end(err, len(v.carried)+len(v.held) > 0)
}

// retire takes a session that has ended out of the Client, and ends the subscriptions that end with it.
func (v *supervisor) retire(s *session, err error) {
	c := v.client
	select {
	case <-c.hurry: // of an outage that is over; calls signal it only while there is no session
	default:
	}
	c.mu.Lock()
	s.addTo(&c.past)
	c.sess = nil
	c.mu.Unlock()
	close(s.retired)
	s.release(err)
	if c.cfg.once || c.ending() != nil {
		return // the Client ends, and its subscriptions with it
	}
	for _, sub := range c.openSubscriptions() {
		if r := sub.current(); sub.cfg.sessionOnly && r != nil && r.session == s.ref {
			sub.fail(err)
		}
	}
}

// reconnect tries until there is a session. It returns nil and the reason when there will be none.
func (v *supervisor) reconnect(cause error) (*session, error) {
	c := v.client
	v.lost, v.outage = cause, outage{log: c.log, began: time.Now()}
	for attempt := 1; ; attempt++ {
		next := v.endpoints.nextAttempt(time.Now())
		starts := time.Now().Add(next.delay)
		c.setStatus(func(st *Status) {
			*st = Status{State: StateReconnecting, Epoch: st.Epoch, Attempt: attempt, RetryAt: starts, Err: cause, Session: st.Session}
		})
		if !sleep(c.life, next.delay, c.hurry) {
			return nil, cause
		}
		if now := time.Now(); now.Before(starts) { // Reconnect hurries it, and starts from the first endpoint
			v.endpoints.restart()
			next = v.endpoints.nextAttempt(now)
			c.setStatus(func(st *Status) { st.RetryAt = now })
		}
		s, err := v.try(c.life, next, attempt, cause)
		if err == nil {
			return s, nil
		}
		if c.ending() != nil {
			return nil, err
		}
		cause = err
		v.outage.failed(time.Now(), err)
		v.dropAnswered()
		if refusal := v.endpoints.believed(time.Now()); refusal != nil {
			return nil, refusal
		}
		if attempt == c.cfg.backoff.Attempts {
			return nil, err
		}
	}
}

// connect makes the first session, within the ctx of Connect. It tries each endpoint once, or again and again with
// WithInitialRetry.
func (v *supervisor) connect(ctx context.Context) (*session, error) {
	cfg := v.client.cfg
	v.outage = outage{began: time.Now()}
	if cfg.initialRetry || len(cfg.urls) > 1 { // else the only error is returned
		v.outage.log = v.client.log
	}
	var last error
	for attempt := 1; ; attempt++ {
		next := v.endpoints.nextAttempt(time.Now())
		if next.delay > 0 && !sleep(ctx, next.delay, nil) {
			return nil, givenUp(ctx, last)
		}
		s, err := v.try(ctx, next, attempt, last)
		if err == nil {
			return s, nil
		}
		v.outage.failed(time.Now(), err)
		before := last
		last = err
		refusal := v.endpoints.believed(time.Now())
		switch {
		case ctx.Err() != nil:
			return nil, cutShort(err, before)
		case attempt < len(cfg.urls): // each has its turn
		case refusal != nil:
			return nil, refusal
		case !cfg.initialRetry, v.endpoints.hopeless():
			return nil, err
		case cfg.backoff.Attempts > 0 && attempt >= cfg.backoff.Attempts:
			return nil, err
		}
	}
}

// try makes one attempt. ctx alone bounds that of a Connect that makes no other; any other is bounded by
// attemptLimit, or where endpoints are left in the round, by sharedLimit and by its share of what time ctx has.
func (v *supervisor) try(ctx context.Context, next plan, attempt int, before error) (*session, error) {
	cfg := v.client.cfg
	limit := attemptLimit
	short := next.left > 0 && !next.patient
	if next.left > 0 {
		if short {
			limit = sharedLimit
		}
		if deadline, ok := ctx.Deadline(); ok {
			limit = min(limit, time.Until(deadline)/time.Duration(next.left+1))
		}
	}
	if len(cfg.urls) > 1 || cfg.initialRetry || ctx == v.client.life {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	s, err := v.client.dial(ctx, cfg.urls[next.endpoint], attempt, before, cfg.beats)
	v.client.counters.attempts.Add(1)
	if err != nil {
		v.client.counters.failedAttempts.Add(1)
		v.endpoints.failed(next.endpoint, time.Now(), err)
		v.endpoints.all[next.endpoint].cutShort = short && errors.Is(err, context.DeadlineExceeded)
		return nil, err
	}
	v.endpoint, s.url = next.endpoint, cfg.urls[next.endpoint]
	return s, nil
}

// sleep waits for so long, or until hurry is signalled. It is false when ctx ended first.
func sleep(ctx context.Context, delay time.Duration, hurry <-chan struct{}) bool {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-hurry:
		return true
	case <-ctx.Done():
		return false
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

// cutShort returns the error of a Connect whose ctx ended during an attempt, with that of the one before; nil: there
// was none.
func cutShort(err, before error) error {
	this, last := new(ConnectError), new(ConnectError)
	if !errors.As(err, &this) || !errors.As(before, &last) {
		return err
	}
	again := *this
	again.Err = fmt.Errorf("%w (the attempt before, %s: %w)", this.Err, last.URL, last.Err)
	return &again
}

// openSubscriptions returns the subscriptions in the order in which they were made.
func (c *Client) openSubscriptions() []*subscription {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.SortedFunc(maps.Values(c.subs), func(a, b *subscription) int { return cmp.Compare(a.order, b.order) })
}
