package stomp_test

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

var withThree = stomp.WithFailover("ws://two.test/ws", "ws://three.test/ws")

// Connect tries each endpoint once, in the order given.
func TestWithFailover_Connect(t *testing.T) {
	for name, c := range map[string]struct {
		script []trouble
		hosts  []string
	}{
		"first":           {nil, []string{"one.test"}},
		"second":          {times(1, noDial), []string{"one.test", "two.test"}},
		"third":           {[]trouble{refusedUpgrade(401), refused}, []string{"one.test", "two.test", "three.test"}},
		"one_that_hangs":  {[]trouble{hangs, silent}, []string{"one.test", "two.test", "three.test"}},
		"permanent_first": {[]trouble{refused}, []string{"one.test", "two.test"}},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t)
			l.plan(c.script...)
			client := l.join(t, withThree)
			if s := client.Status(); s.Session.URL != "ws://"+c.hosts[len(c.hosts)-1]+"/ws" || s.Epoch != 1 {
				t.Errorf("status %+v", s)
			}
			same(t, "endpoints", l.hosts(), c.hosts)
		})
	}
	bubble(t, "none", func(t *testing.T) {
		l := newApproach(t)
		l.plan(mute, noDial, mute)
		start := time.Now()
		err := failToConnect(t, t.Context(), "ws://one.test/ws", stomp.WithHTTPClient(l.client()), withThree)
		var failed *stomp.ConnectError
		if !errors.As(err, &failed) || failed.URL != "ws://three.test/ws" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 30*time.Second {
			t.Errorf("it took %v, want 15 s for each that is mute", took)
		}
		same(t, "endpoints", l.hosts(), []string{"one.test", "two.test", "three.test"})
	})
	bubble(t, "ctx_ends_the_round", func(t *testing.T) {
		l := newApproach(t)
		l.plan(mute, mute, mute)
		lasts(t, 20*time.Second, func() {
			err := failToConnect(t, within(t, 20*time.Second), "ws://one.test/ws", stomp.WithHTTPClient(l.client()), withThree)
			matches(t, err, context.DeadlineExceeded)
		})
		same(t, "endpoints", l.hosts(), []string{"one.test", "two.test"})
	})
}

// After a loss the endpoint that was lost comes first, then the others in order, round and round.
func TestWithFailover_after_a_loss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, withThree, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		until(t, w, stomp.StateConnected)
		l.forget()
		for _, step := range []struct {
			script []trouble
			hosts  []string
		}{
			{nil, []string{"one.test"}},
			{times(1, noDial), []string{"one.test", "two.test"}},
			{nil, []string{"two.test"}},
			{times(2, refusedUpgrade(503)), []string{"two.test", "three.test", "one.test"}},
			{times(2, noDial), []string{"one.test", "two.test", "three.test"}},
			{times(7, noDial), []string{"three.test", "one.test", "two.test", "three.test", "one.test", "two.test", "three.test", "one.test"}},
		} {
			l.plan(step.script...)
			l.broker.Cut()
			until(t, w, stomp.StateReconnecting)
			if s := until(t, w, stomp.StateConnected); s.Session.URL != "ws://"+step.hosts[len(step.hosts)-1]+"/ws" {
				t.Errorf("status %+v", s)
			}
			same(t, "endpoints", l.hosts(), step.hosts)
		}
	})
}

// WithInitialRetry: Connect goes by the Backoff until it succeeds.
func TestWithInitialRetry_succeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drawn [3][]float64
		for range 100 {
			l := newApproach(t)
			l.plan(noDial, refusedUpgrade(503), closes)
			c := l.join(t, stomp.WithInitialRetry(), stomp.WithReconnect(stomp.Backoff{Min: time.Second, Max: 10 * time.Second, Factor: 5}))
			dials := l.forget()
			if len(dials) != 4 {
				t.Fatal(describe(dials))
			}
			for n, ceiling := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second} {
				drawn[n] = append(drawn[n], float64(dials[n+1].at.Sub(dials[n].at))/float64(ceiling))
			}
			if s := c.Status(); s.Epoch != 1 || s.State != stomp.StateConnected {
				t.Errorf("status %+v", s)
			}
			c.Close()
		}
		for _, samples := range drawn {
			rangeOf(t, "the delay", samples)
		}
	})
}

// What ends the retrying: ctx, a permanent failure of every endpoint, Attempts.
func TestWithInitialRetry_ends(t *testing.T) {
	failover := stomp.WithFailover("ws://two.test/ws")
	limited := longBackoff
	limited.Attempts = 1
	steady := stomp.Backoff{Min: time.Nanosecond, Max: time.Nanosecond}
	for name, c := range map[string]struct {
		script []trouble
		opts   []stomp.ConnectOption
		after  time.Duration
		dials  int // 0: any number
		cause  error
		status int
	}{
		"ctx_during_back_off":    {times(1, noDial), []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64})}, time.Minute, 1, context.DeadlineExceeded, 0},
		"ctx_during_an_attempt":  {times(9, mute), []stomp.ConnectOption{stomp.WithReconnect(steady)}, time.Minute, 0, context.DeadlineExceeded, 0},
		"ctx_during_a_dial":      {times(9, hangs), []stomp.ConnectOption{stomp.WithReconnect(steady)}, time.Minute, 0, context.DeadlineExceeded, 0},
		"permanent":              {times(9, refusedUpgrade(401)), nil, 0, 1, nil, 401},
		"permanent_after_others": {[]trouble{noDial, noDial, refusedUpgrade(404)}, []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: 1, Max: 1})}, -1, 3, nil, 404},
		"permanent_everywhere":   {times(9, refusedUpgrade(401)), []stomp.ConnectOption{failover}, 0, 2, nil, 401},
		"permanent_at_one":       {append([]trouble{refusedUpgrade(401), noDial, noDial, refusedUpgrade(401)}, times(9, refusedUpgrade(403))...), []stomp.ConnectOption{failover, stomp.WithReconnect(steady)}, -1, 6, nil, 403},
		"Attempts":               {times(9, noDial), []stomp.ConnectOption{stomp.WithReconnect(limited)}, 0, 1, errDown, 0},
	} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t)
			l.plan(c.script...)
			ctx := within(t, time.Minute)
			start := time.Now()
			err := failToConnect(t, ctx, "ws://one.test/ws", append([]stomp.ConnectOption{stomp.WithHTTPClient(l.client()), stomp.WithInitialRetry()}, c.opts...)...)
			if took := time.Since(start); c.after >= 0 && took != c.after || took > time.Minute {
				t.Errorf("it took %v, want %v", took, c.after)
			}
			var failed *stomp.ConnectError
			if !errors.As(err, &failed) || failed.StatusCode != c.status {
				t.Errorf("error %v", err)
			}
			if c.cause != nil {
				matches(t, err, c.cause)
			}
			if dials := l.forget(); c.dials != 0 && len(dials) != c.dials {
				t.Error(describe(dials))
			}
		})
	}
	bubble(t, "ctx_says_what_the_last_attempt_met", func(t *testing.T) {
		l := newApproach(t)
		l.plan(refusedUpgrade(503))
		err := failToConnect(t, within(t, time.Minute), "ws://one.test/ws", stomp.WithHTTPClient(l.client()), stomp.WithInitialRetry(),
			stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64}))
		var failed *stomp.ConnectError
		if !errors.As(err, &failed) || failed.StatusCode != 503 || string(failed.Body) != "go away" || failed.Permanent() {
			t.Errorf("error %v", err)
		}
		matches(t, err, context.DeadlineExceeded)
	})
}
