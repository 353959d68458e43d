package stomp_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

var withThree = stomp.WithFailover("ws://two.test/ws", "ws://three.test/ws")

// Connect tries each endpoint once, in the order given.
func TestWithFailover_Connect_tries_each_endpoint_once(t *testing.T) {
	for name, c := range map[string]struct {
		script []rig.Trouble
		hosts  []string
	}{
		"first":           {nil, []string{"one.test"}},
		"second":          {rig.Times(1, rig.NoDial), []string{"one.test", "two.test"}},
		"third":           {[]rig.Trouble{rig.RefusedUpgrade(401), rig.Denied}, []string{"one.test", "two.test", "three.test"}},
		"one_that_hangs":  {[]rig.Trouble{rig.Hangs, rig.Silent}, []string{"one.test", "two.test", "three.test"}},
		"permanent_first": {[]rig.Trouble{rig.Denied}, []string{"one.test", "two.test"}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			route.Plan(c.script...)
			client := rig.Connect(t, route, withThree)
			if s := client.Status(); s.Session.URL != "ws://"+c.hosts[len(c.hosts)-1]+"/ws" || s.Epoch != 1 {
				t.Errorf("status %+v", s)
			}
			rig.Equal(t, "endpoints", route.Hosts(), c.hosts)
		})
	}
}

func TestWithFailover_Connect_finds_none(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		route.Plan(rig.Mute, rig.NoDial, rig.Mute)
		start := time.Now()
		err := rig.ConnectError(t, t.Context(), route, withThree)
		failed := rig.ErrorAs[stomp.ConnectError](t, err)
		if failed.URL != "ws://three.test/ws" {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("it took %v, want 5 s for a mute one, and 15 s for the last", took)
		}
		rig.Equal(t, "endpoints", route.Hosts(), []string{"one.test", "two.test", "three.test"})
	})
}

// The endpoints share what time ctx has, so that a mute one does not keep Connect from the others.
func TestWithFailover_Connect_shares_its_time(t *testing.T) {
	for name, c := range map[string]struct {
		has   time.Duration
		after []time.Duration // from the start to each dial
	}{
		"little_time":     {3 * time.Second, []time.Duration{0, time.Second, 2 * time.Second}},
		"enough":          {20 * time.Second, []time.Duration{0, 5 * time.Second, 10 * time.Second}},
		"less_at_the_end": {12 * time.Second, []time.Duration{0, 4 * time.Second, 8 * time.Second}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			route.Plan(rig.Times(3, rig.Mute)...)
			start := time.Now()
			rig.Takes(t, c.has, func() {
				err := rig.ConnectError(t, rig.Within(t, c.has), route, withThree)
				rig.ErrorIs(t, err, context.DeadlineExceeded)
			})
			var after []time.Duration
			for _, d := range route.Dials() {
				after = append(after, d.At.Sub(start))
			}
			rig.Equal(t, "the dials", after, c.after)
		})
	}
}

// Each Client has an order of its own, and keeps it: in Connect, after a loss, and where Reconnect starts again.
func TestWithShuffle_each_Client_has_its_own_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		orders := make(map[string]int)
		for range 300 {
			route := rig.NewRoute(t)
			route.Plan(rig.Times(2, rig.NoDial)...)
			c := rig.Connect(t, route, withThree, stomp.WithShuffle(), stomp.WithReconnect(rig.QuickBackoff))
			order := route.Hosts()
			if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, []string{"one.test", "three.test", "two.test"}) {
				t.Fatalf("Connect asked %q", order)
			}
			orders[strings.Join(order, " ")]++
			w := c.Watch(t.Context())
			route.Plan(rig.Times(3, rig.NoDial)...)
			route.Broker.Cut()
			rig.UntilSession(t, w, 2)
			rig.Equal(t, "after a loss of the last one", route.Hosts(), []string{order[2], order[0], order[1], order[2]})
			rig.OK(t, c.Reconnect(t.Context()))
			rig.Equal(t, "Reconnect", route.Hosts(), order[:1])
			c.Close()
		}
		for order, n := range orders {
			if n < 20 { // of 50 to be expected: once in a million runs
				t.Errorf("%s: %d of 300", order, n)
			}
		}
		if len(orders) != 6 {
			t.Errorf("%d of 6 orders", len(orders))
		}
	})
}

// After a loss the endpoint that was lost comes first, then the others in order, round and round.
func TestWithFailover_after_a_loss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, withThree, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Dials()
		for _, step := range []struct {
			script []rig.Trouble
			hosts  []string
		}{
			{nil, []string{"one.test"}},
			{rig.Times(1, rig.NoDial), []string{"one.test", "two.test"}},
			{nil, []string{"two.test"}},
			{rig.Times(2, rig.RefusedUpgrade(503)), []string{"two.test", "three.test", "one.test"}},
			{rig.Times(2, rig.NoDial), []string{"one.test", "two.test", "three.test"}},
			{rig.Times(7, rig.NoDial), []string{"three.test", "one.test", "two.test", "three.test", "one.test", "two.test", "three.test", "one.test"}},
		} {
			route.Plan(step.script...)
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			if s := rig.Until(t, w, stomp.StateConnected); s.Session.URL != "ws://"+step.hosts[len(step.hosts)-1]+"/ws" {
				t.Errorf("status %+v", s)
			}
			rig.Equal(t, "endpoints", route.Hosts(), step.hosts)
		}
	})
}

// WithInitialRetry: Connect goes by the Backoff until it succeeds.
func TestWithInitialRetry_succeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var drawn [3][]float64
		for range 100 {
			route := rig.NewRoute(t)
			route.Plan(rig.NoDial, rig.RefusedUpgrade(503), rig.Closes)
			c := rig.Connect(t, route, stomp.WithInitialRetry(), stomp.WithReconnect(stomp.Backoff{Min: time.Second, Max: 10 * time.Second, Factor: 5}))
			dials := route.Dials()
			if len(dials) != 4 {
				t.Fatalf("%d dials: %v", len(dials), dials)
			}
			for n, ceiling := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second} {
				drawn[n] = append(drawn[n], float64(dials[n+1].At.Sub(dials[n].At))/float64(ceiling))
			}
			if s := c.Status(); s.Epoch != 1 || s.State != stomp.StateConnected {
				t.Errorf("status %+v", s)
			}
			c.Close()
		}
		for _, samples := range drawn {
			evenly(t, "the delay", samples)
		}
	})
}

// What ends the retrying: ctx, credentials that are rejected for long enough, Attempts.
func TestWithInitialRetry_ends(t *testing.T) {
	failover := stomp.WithFailover("ws://two.test/ws")
	limited := rig.LongBackoff
	limited.Attempts = 1
	steady := stomp.Backoff{Min: time.Nanosecond, Max: time.Nanosecond}
	brief := stomp.Backoff{Min: time.Second, Max: time.Second, Refused: 20 * time.Second}
	for name, c := range map[string]struct {
		script []rig.Trouble
		opts   []stomp.ConnectOption
		after  time.Duration
		dials  int // 0: any number
		cause  error
		status int
	}{
		"ctx_during_back_off":   {rig.Times(1, rig.NoDial), []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64})}, time.Minute, 1, context.DeadlineExceeded, 0},
		"ctx_during_an_attempt": {rig.Times(9, rig.Mute), []stomp.ConnectOption{stomp.WithReconnect(steady)}, time.Minute, 0, context.DeadlineExceeded, 0},
		"ctx_during_a_dial":     {rig.Times(9, rig.Hangs), []stomp.ConnectOption{stomp.WithReconnect(steady)}, time.Minute, 0, context.DeadlineExceeded, 0},
		"refused_for_long":      {rig.Times(99, rig.RefusedUpgrade(401)), []stomp.ConnectOption{stomp.WithReconnect(brief)}, -1, 0, nil, 401},
		"refused_everywhere":    {rig.Times(99, rig.RefusedUpgrade(403)), []stomp.ConnectOption{failover, stomp.WithReconnect(brief)}, -1, 0, nil, 403},
		"refused_or_dead":       {slices.Repeat([]rig.Trouble{rig.Denied, rig.NoDial}, 50), []stomp.ConnectOption{failover, stomp.WithReconnect(brief)}, -1, 0, nil, 0},
		"ctx_during_refusals":   {rig.Times(99, rig.RefusedUpgrade(401)), nil, time.Minute, 0, context.DeadlineExceeded, 401},
		"permanent_otherwise":   {rig.Times(99, rig.RefusedUpgrade(404)), nil, time.Minute, 0, context.DeadlineExceeded, 404},
		"Attempts":              {rig.Times(9, rig.NoDial), []stomp.ConnectOption{stomp.WithReconnect(limited)}, 0, 1, rig.ErrDown, 0},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			route.Plan(c.script...)
			ctx := rig.Within(t, time.Minute)
			start := time.Now()
			err := rig.ConnectError(t, ctx, route, append([]stomp.ConnectOption{stomp.WithInitialRetry()}, c.opts...)...)
			if took := time.Since(start); c.after >= 0 && took != c.after || took > time.Minute {
				t.Errorf("it took %v, want %v", took, c.after)
			}
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if failed.StatusCode != c.status {
				t.Errorf("error %v", err)
			}
			if c.cause != nil {
				rig.ErrorIs(t, err, c.cause)
			}
			if dials := route.Dials(); c.dials != 0 && len(dials) != c.dials {
				t.Errorf("%d dials: %v", len(dials), dials)
			}
		})
	}
}

func TestWithInitialRetry_ctx_says_what_the_last_attempt_met(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		route.Plan(rig.RefusedUpgrade(503))
		err := rig.ConnectError(t, rig.Within(t, time.Minute), route, stomp.WithInitialRetry(),
			stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64}))
		failed := rig.ErrorAs[stomp.ConnectError](t, err)
		if failed.StatusCode != 503 || string(failed.Body) != "go away" || failed.Permanent() {
			t.Errorf("error %v", err)
		}
		rig.ErrorIs(t, err, context.DeadlineExceeded)
	})
}
