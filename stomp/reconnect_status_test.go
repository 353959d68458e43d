package stomp_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Status and Watch at each step of an outage: what is tried, when, and why.
func TestWithReconnect_Status(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Minute, Max: time.Minute}), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		first := <-w
		if first.State != stomp.StateConnected || first.Epoch != 1 || first.Session.URL != "ws://one.test/ws" {
			t.Errorf("status %+v", first)
		}
		time.Sleep(time.Hour)
		route.Dials()
		gate := make(chan struct{})
		route.Plan(rig.NoDial, rig.RefusedUpgrade(503), func(context.Context, *stomptest.Broker) error { <-gate; return nil })
		lost := time.Now()
		route.Broker.Cut()

		step := func(attempt int, since time.Time) stomp.Status {
			s := <-w
			if s.State != stomp.StateReconnecting || s.Epoch != 1 || s.Attempt != attempt || s.Session.ID != first.Session.ID {
				t.Errorf("status %+v, want attempt %d", s, attempt)
			}
			if !time.Now().Equal(since) {
				t.Errorf("attempt %d is announced at %v, want %v", attempt, time.Now(), since)
			}
			if d := s.RetryAt.Sub(since); d < 0 || d > time.Minute {
				t.Errorf("attempt %d comes after %v", attempt, d)
			}
			if now := c.Status(); now.Attempt != s.Attempt || !now.RetryAt.Equal(s.RetryAt) {
				t.Errorf("Status says %+v, Watch %+v", now, s)
			}
			return s
		}
		s1 := step(1, lost)
		rig.ErrorIs(t, s1.Err, stomp.ErrConnectionLost)
		s2 := step(2, s1.RetryAt)
		rig.ErrorIs(t, s2.Err, rig.ErrDown)
		s3 := step(3, s2.RetryAt)
		failed := rig.ErrorAs[stomp.ConnectError](t, s3.Err)
		if failed.StatusCode != 503 || string(failed.Body) != "go away" {
			t.Errorf("the error of attempt 2 is %v", s3.Err)
		}
		time.Sleep(time.Until(s3.RetryAt) + time.Second)
		if s := c.Status(); s.Attempt != 3 || s.State != stomp.StateReconnecting {
			t.Errorf("while attempt 3 is under way: %+v", s)
		}
		close(gate)
		back := <-w
		if back.State != stomp.StateConnected || back.Epoch != 2 || back.Attempt != 0 || back.Err != nil || !back.RetryAt.IsZero() ||
			back.Session.ID == first.Session.ID || back.Session.Version != stomp.V12 {
			t.Errorf("status %+v", back)
		}
		for n, d := range route.Dials() {
			if want := []stomp.Status{s1, s2, s3}[n].RetryAt; !d.At.Equal(want) {
				t.Errorf("attempt %d was dialled at %v, and announced for %v", n+1, d.At, want)
			}
		}
		if s := c.Stats(); s.Sessions != 2 {
			t.Errorf("stats %+v", s)
		}
	})
}

// One line when it breaks, one when it is back, however many attempts there were.
func TestWithReconnect_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithLogger(log.Logger(slog.LevelInfo)))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		for range 3 {
			route.Plan(rig.Times(10, rig.NoDial)...)
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			rig.Until(t, w, stomp.StateConnected)
		}
		rig.OK(t, c.Disconnect(t.Context()))
		all := log.Lines("")
		if len(all) != 1+3*2+1 {
			t.Fatalf("%d lines:\n%s", len(all), strings.Join(all, ""))
		}
		for n := range 3 {
			if broken := all[1+2*n]; !strings.Contains(broken, `level=WARN msg="stomp: connection lost"`) {
				t.Errorf("when it broke: %s", broken)
			}
			if back := all[2+2*n]; !strings.Contains(back, `level=INFO msg="stomp: connected"`) {
				t.Errorf("when it was back: %s", back)
			}
		}
	})
}

// When the Client gives up, one line at error level says why.
func TestWithReconnect_log_of_the_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithLogger(log.Logger(slog.LevelInfo)))
		route.Plan(rig.Times(3, rig.Denied)...)
		route.Broker.Cut()
		<-c.Done()
		lines := log.Lines("level=ERROR")
		if len(lines) != 1 || !strings.Contains(lines[0], "no reconnecting any more") || !strings.Contains(lines[0], "Access refused") {
			t.Errorf("the log is\n%s", strings.Join(log.Lines(""), ""))
		}
	})
}
