package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The n-th attempt of an outage comes within [0, min(Max, Min·Factor^(n-1))] after the one before, drawn evenly.
func TestBackoff_full_jitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const outages, attempts = 200, 6
		ms := time.Millisecond
		ceilings := [attempts]time.Duration{100 * ms, 300 * ms, 900 * ms, 1000 * ms, 1000 * ms, 1000 * ms}
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(stomp.Backoff{Min: 100 * ms, Max: time.Second, Factor: 3}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		until(t, w, stomp.StateConnected)
		var drawn [attempts][]float64
		for range outages {
			time.Sleep(time.Second) // lasts for Max: n starts afresh
			l.forget()
			l.plan(times(attempts-1, noDial)...)
			before := time.Now()
			l.broker.Cut()
			until(t, w, stomp.StateReconnecting)
			until(t, w, stomp.StateConnected)
			dials := l.forget()
			if len(dials) != attempts {
				t.Fatal(describe(dials))
			}
			for n, d := range dials {
				drawn[n] = append(drawn[n], float64(d.at.Sub(before))/float64(ceilings[n]))
				before = d.at
			}
		}
		for n, samples := range drawn {
			rangeOf(t, fmt.Sprintf("delay %d", n+1), samples)
		}
	})
}

// n starts afresh after a session that lasted for Max, and not a nanosecond sooner.
func TestBackoff_afresh_after_Max(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Hour, Factor: 1000}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		until(t, w, stomp.StateConnected)
		outage := func(after time.Duration) time.Duration {
			time.Sleep(after)
			cut := time.Now()
			l.forget()
			l.broker.Cut()
			until(t, w, stomp.StateReconnecting)
			s := until(t, w, stomp.StateConnected)
			if s.Attempt != 0 || !s.RetryAt.IsZero() {
				t.Errorf("connected with the marks of an outage: %+v", s)
			}
			return l.forget()[0].at.Sub(cut)
		}
		var second []float64
		for range 60 {
			if d := outage(time.Hour); d > time.Millisecond {
				t.Fatalf("after a session that lasted: %v, above Min", d)
			}
			second = append(second, float64(outage(time.Hour-1))/float64(time.Second))
		}
		rangeOf(t, "the delay after a session that did not last", second)
	})
}

// The defaults: 100 ms, doubled up to 30 s, without end.
func TestBackoff_defaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const attempts = 1000
		l := newApproach(t)
		c := l.join(t, stomp.WithHeartBeat(0, 0))
		l.forget()
		l.plan(times(attempts, noDial)...)
		before := time.Now()
		l.broker.Cut()
		w := c.Watch(t.Context())
		until(t, w, stomp.StateReconnecting)
		until(t, w, stomp.StateConnected)
		var late []float64
		for n, d := range l.forget() {
			ceiling := 30 * time.Second
			if n < 9 { // 100 ms · 2^9 is above 30 s
				ceiling = 100 * time.Millisecond << n
			}
			delay := d.at.Sub(before)
			before = d.at
			if delay < 0 || delay > ceiling {
				t.Errorf("attempt %d after %v, want at most %v", n+1, delay, ceiling)
			}
			if ceiling == 30*time.Second {
				late = append(late, float64(delay)/float64(ceiling))
			}
		}
		rangeOf(t, "delays at Max", late)
	})
}

// Attempts counts within one outage; the last one's *ConnectError ends the Client.
func TestBackoff_Attempts(t *testing.T) {
	limited := quickBackoff
	limited.Attempts = 3
	bubble(t, "the_last_one_ends_the_Client", func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(limited))
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		fine(t, err)
		last := errors.New("the third")
		l.plan(noDial, noDial, func(context.Context, *stomptest.Broker) error { return last })
		l.forget()
		l.broker.Cut()
		<-c.Done()
		var failed *stomp.ConnectError
		if !errors.As(c.Err(), &failed) || failed.URL != "ws://one.test/ws" || errors.Is(c.Err(), errDown) {
			t.Errorf("the Client ended with %v, want the last attempt's *ConnectError", c.Err())
		}
		matches(t, c.Err(), last)
		if dials := l.forget(); len(dials) != 3 {
			t.Error(describe(dials))
		}
		if _, open := <-sub.C; open {
			t.Error("the channel is open")
		}
		matches(t, sub.Err(), last)
		s := c.Status()
		if s.State != stomp.StateClosed || s.Epoch != 1 || s.Session.Version != stomp.V12 {
			t.Errorf("status %+v", s)
		}
		matches(t, s.Err, last)
		err = c.Send(t.Context(), "/queue/a", nil)
		matches(t, err, stomp.ErrClosed, last)
		if !stomp.Unsent(err) {
			t.Error("Unsent is false")
		}
	})
	bubble(t, "within_one_outage", func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(limited))
		for epoch := range uint64(5) {
			l.plan(noDial, noDial, well)
			l.broker.Cut()
			w := c.Watch(t.Context())
			until(t, w, stomp.StateReconnecting)
			if s := until(t, w, stomp.StateConnected); s.Epoch != epoch+2 {
				t.Fatalf("status %+v", s)
			}
		}
	})
}

// A back-off may be as long as a Duration holds: nothing overflows.
func TestBackoff_longest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(stomp.Backoff{Min: math.MaxInt64, Max: math.MaxInt64}), stomp.WithHeartBeat(0, 0))
		l.broker.Cut()
		s := until(t, c.Watch(t.Context()), stomp.StateReconnecting)
		if s.RetryAt.Before(time.Now()) {
			t.Errorf("status %+v", s)
		}
	})
}
