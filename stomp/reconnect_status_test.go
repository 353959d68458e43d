package stomp_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
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
		if back.State != stomp.StateConnected || back.Epoch != 2 || back.Attempt != 0 || !errors.Is(back.Err, stomp.ErrConnectionLost) || !back.RetryAt.IsZero() || !back.Since.Equal(time.Now()) ||
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

// One line when it breaks, one at the first failed attempt, at each new reason and about once a minute, and one when
// it is back that says how long it took.
func TestWithReconnect_log(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: 5 * time.Second, Max: 5 * time.Second}), stomp.WithLogger(log.Logger(slog.LevelInfo)), stomp.WithHeartBeat(0, 0))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Plan(append(append(rig.Times(100, rig.NoDial), rig.Times(10, rig.RefusedUpgrade(503))...), rig.NoDial)...)
		cut := time.Now()
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
		took := time.Since(cut)
		lines := log.Lines("")
		lines = lines[slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `level=WARN msg="stomp: connection lost"`) }):]
		back := lines[len(lines)-1]
		if !strings.Contains(back, `level=INFO msg="stomp: connected"`) || !strings.Contains(back, "after="+took.Round(time.Millisecond).String()) || !strings.Contains(back, "failed-attempts=111") {
			t.Errorf("when it was back: %s", back)
		}
		failed := log.Lines(`level=WARN msg="stomp: no connection yet"`)
		if !strings.Contains(failed[0], "attempts=1 ") || !strings.Contains(failed[0], rig.ErrDown.Error()) {
			t.Errorf("at the first failed attempt: %s", failed[0])
		}
		if n := len(failed); n < int(took/(65*time.Second)) || n > 3+int(took/time.Minute) {
			t.Errorf("%d lines in %v:\n%s", n, took, strings.Join(failed, ""))
		}
		if reason := log.Lines("503 Service"); len(reason) == 0 || !strings.Contains(reason[0], "attempts=101 ") {
			t.Errorf("at a new reason: %q", reason)
		}
	})
}

// When the Client gives up, one line at error level says why.
func TestWithReconnect_log_of_the_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		route := rig.NewRoute(t)
		once := rig.QuickBackoff
		once.Refused = time.Nanosecond
		c := rig.Connect(t, route, stomp.WithReconnect(once), stomp.WithLogger(log.Logger(slog.LevelInfo)))
		route.Plan(rig.Times(3, rig.Denied)...)
		route.Broker.Cut()
		<-c.Done()
		lines := log.Lines("level=ERROR")
		if len(lines) != 1 || !strings.Contains(lines[0], "no reconnecting any more") || !strings.Contains(lines[0], "Access refused") {
			t.Errorf("the log is\n%s", strings.Join(log.Lines(""), ""))
		}
	})
}
