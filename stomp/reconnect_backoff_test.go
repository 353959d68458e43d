package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The n-th attempt of an outage comes within [0, min(Max, Min·Factor^(n-1))] after the one before, drawn evenly.
func TestBackoff_full_jitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outages, attempts = 200, 6
		ms := time.Millisecond
		ceilings := [attempts]time.Duration{100 * ms, 300 * ms, 900 * ms, 1000 * ms, 1000 * ms, 1000 * ms}
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: 100 * ms, Max: time.Second, Factor: 3}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		var drawn [attempts][]float64
		for range outages {
			time.Sleep(time.Second) // lasts for Max: n starts afresh
			route.Dials()
			route.Plan(rig.Times(attempts-1, rig.NoDial)...)
			before := time.Now()
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			rig.Until(t, w, stomp.StateConnected)
			dials := route.Dials()
			if len(dials) != attempts {
				t.Fatalf("%d dials: %v", len(dials), dials)
			}
			for n, d := range dials {
				drawn[n] = append(drawn[n], float64(d.At.Sub(before))/float64(ceilings[n]))
				before = d.At
			}
		}
		for n, samples := range drawn {
			evenly(t, fmt.Sprintf("delay %d", n+1), samples)
		}
	})
}

// n starts afresh after a session that lasted as long as the delay before it may have been, and not a nanosecond
// sooner.
func TestBackoff_afresh_after_a_session_that_lasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Hour, Factor: 1000}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		outage := func(after time.Duration) time.Duration {
			time.Sleep(after)
			cut := time.Now()
			route.Dials()
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			s := rig.Until(t, w, stomp.StateConnected)
			if s.Attempt != 0 || !s.RetryAt.IsZero() {
				t.Errorf("connected with the marks of an outage: %+v", s)
			}
			return route.Dials()[0].At.Sub(cut)
		}
		outage(0)
		var second, third []float64
		for range 60 {
			second = append(second, float64(outage(time.Millisecond-1))/float64(time.Second))
			third = append(third, float64(outage(time.Second-1))/float64(1000*time.Second))
			if d := outage(1000 * time.Second); d > time.Millisecond {
				t.Fatalf("after a session that lasted: %v, above Min", d)
			}
		}
		evenly(t, "the delay after one that did not last", second)
		evenly(t, "the delay after two that did not last", third)
	})
}

// The defaults: 100 ms, doubled up to 30 s, without end.
func TestBackoff_defaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 1000
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithHeartBeat(0, 0))
		route.Dials()
		route.Plan(rig.Times(attempts, rig.NoDial)...)
		before := time.Now()
		route.Broker.Cut()
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
		var late []float64
		for n, d := range route.Dials() {
			ceiling := 30 * time.Second
			if n < 9 { // 100 ms · 2^9 is above 30 s
				ceiling = 100 * time.Millisecond << n
			}
			delay := d.At.Sub(before)
			before = d.At
			if delay < 0 || delay > ceiling {
				t.Errorf("attempt %d after %v, want at most %v", n+1, delay, ceiling)
			}
			if ceiling == 30*time.Second {
				late = append(late, float64(delay)/float64(ceiling))
			}
		}
		evenly(t, "delays at Max", late)
	})
}

// Attempts counts within one outage; the last one's *ConnectError ends the Client.
func TestBackoff_Attempts(t *testing.T) {
	limited := rig.QuickBackoff
	limited.Attempts = 3
	rig.Bubble(t, "the_last_one_ends_the_Client", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(limited))
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		last := errors.New("the third")
		route.Plan(rig.NoDial, rig.NoDial, func(context.Context, *stomptest.Broker) error { return last })
		route.Dials()
		route.Broker.Cut()
		<-c.Done()
		failed := rig.ErrorAs[stomp.ConnectError](t, c.Err())
		if failed.URL != "ws://one.test/ws" || errors.Is(c.Err(), rig.ErrDown) {
			t.Errorf("the Client ended with %v, want the last attempt's *ConnectError", c.Err())
		}
		rig.ErrorIs(t, c.Err(), last)
		route.WantDials(t, 3)
		rig.Closed(t, sub.C)
		rig.ErrorIs(t, sub.Err(), last)
		s := c.Status()
		if s.State != stomp.StateClosed || s.Epoch != 1 || s.Session.Version != stomp.V12 {
			t.Errorf("status %+v", s)
		}
		rig.ErrorIs(t, s.Err, last)
		err = c.Send(t.Context(), "/queue/a", nil)
		rig.ErrorIs(t, err, stomp.ErrClosed, last)
		rig.Unsent(t, err)
	})
	rig.Bubble(t, "within_one_outage", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(limited))
		for epoch := range uint64(5) {
			route.Plan(rig.NoDial, rig.NoDial, rig.Well)
			route.Broker.Cut()
			w := c.Watch(t.Context())
			rig.Until(t, w, stomp.StateReconnecting)
			if s := rig.Until(t, w, stomp.StateConnected); s.Epoch != epoch+2 {
				t.Fatalf("status %+v", s)
			}
		}
	})
}

// A back-off may be as long as a Duration holds: nothing overflows.
func TestBackoff_longest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64}), stomp.WithHeartBeat(0, 0))
		route.Broker.Cut()
		s := rig.Until(t, c.Watch(t.Context()), stomp.StateReconnecting)
		if s.RetryAt.Before(time.Now()) {
			t.Errorf("status %+v", s)
		}
	})
}

// evenly fails the test unless samples fill their range from 0 to 1 as even draws do.
func evenly(t testing.TB, what string, samples []float64) {
	t.Helper()
	sum := 0.0
	for _, s := range samples {
		if s < 0 || s > 1 {
			t.Errorf("%s: %v of the ceiling", what, s)
		}
		sum += s
	}
	low, high, mean := slices.Min(samples), slices.Max(samples), sum/float64(len(samples))
	if low > 0.25 || high < 0.75 || mean < 0.3 || mean > 0.7 {
		t.Errorf("%s: %d draws from %.3f to %.3f, mean %.3f: not even between 0 and 1", what, len(samples), low, high, mean)
	}
}
