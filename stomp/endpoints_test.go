package stomp_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// busy is a server that refuses each upgrade and says when to come again.
type busy struct {
	status int
	after  func() string
	asked  []time.Time
}

func (b *busy) RoundTrip(r *http.Request) (*http.Response, error) {
	b.asked = append(b.asked, time.Now())
	return &http.Response{StatusCode: b.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Retry-After": {b.after()}}, Body: io.NopCloser(strings.NewReader("busy"))}, nil
}

// Retry-After bounds the next attempt from below, up to 4·Max.
func TestWithReconnect_keeps_Retry_After(t *testing.T) {
	always := func(value string) func() string { return func() string { return value } }
	for name, c := range map[string]struct {
		status int
		after  func() string
		least  time.Duration
		most   time.Duration
	}{
		"seconds":          {503, always("20"), 20 * time.Second, 20 * time.Second},
		"a_date":           {429, func() string { return time.Now().Add(20 * time.Second).UTC().Format(http.TimeFormat) }, 19 * time.Second, 20 * time.Second},
		"too_long":         {503, always("86400"), 40 * time.Second, 40 * time.Second},
		"less_than_a_wait": {503, always("1"), time.Second, 10 * time.Second},
		"nonsense":         {503, always("soon"), 0, 10 * time.Second},
		"another_status":   {500, always("20"), 0, 10 * time.Second},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			server := &busy{status: c.status, after: c.after}
			err := rig.ConnectError(t, rig.Within(t, 605*time.Second), "ws://one.test/ws", stomp.WithHTTPClient(&http.Client{Transport: server}),
				stomp.WithInitialRetry(), stomp.WithReconnect(stomp.Backoff{Min: 10 * time.Second, Max: 10 * time.Second}))
			if failed := rig.ErrorAs[stomp.ConnectError](t, err); failed.StatusCode != c.status {
				t.Errorf("error %v", err)
			}
			for n := 1; n < len(server.asked); n++ {
				if d := server.asked[n].Sub(server.asked[n-1]); d < c.least || d > c.most {
					t.Errorf("attempt %d after %v, want %v to %v", n+1, d, c.least, c.most)
				}
			}
			if len(server.asked) < 14 {
				t.Errorf("%d attempts in 10 minutes", len(server.asked))
			}
		})
	}
}

// An endpoint that takes 6 s to shake hands is reached beside one that refuses, and beside a dead one.
func TestWithFailover_reaches_a_slow_endpoint(t *testing.T) {
	for name, other := range map[string]rig.Trouble{"beside_one_that_refuses": rig.Denied, "beside_a_dead_one": rig.NoDial} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			c := rig.Connect(t, route, stomp.WithFailover("ws://two.test/ws"), stomp.WithHeartBeat(0, 0))
			w := c.Watch(t.Context())
			rig.Until(t, w, stomp.StateConnected)
			route.PlanByHost(func(host string) rig.Trouble {
				if host == "two.test" {
					return other
				}
				return func(ctx context.Context, _ *stomptest.Broker) error {
					select {
					case <-time.After(6 * time.Second):
						return nil
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			})
			cut := time.Now()
			route.Broker.Cut()
			rig.Until(t, w, stomp.StateReconnecting)
			rig.Until(t, w, stomp.StateConnected)
			if took := time.Since(cut); took > time.Minute {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// An error of the user's own function says nothing of the server, whatever it wraps: not that it refuses, and not
// that it no longer does.
func TestWithBeforeConnect_an_error_is_not_the_server_s(t *testing.T) {
	backoff := stomp.Backoff{Min: time.Second, Max: time.Second, Refused: 10 * time.Second}
	rig.Bubble(t, "that_wraps_a_refusal", func(t *testing.T) {
		route := rig.NewRoute(t)
		until := time.Now().Add(time.Hour)
		c := rig.Connect(t, route, stomp.WithReconnect(backoff), stomp.WithHeartBeat(0, 0),
			stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
				if a.Err != nil && a.Number > 1 && time.Now().Before(until) {
					return fmt.Errorf("no token: %w", &stomp.Error{Message: "denied"})
				}
				return nil
			}))
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		route.Plan(rig.NoDial)
		route.Broker.Cut()
		rig.Until(t, w, stomp.StateReconnecting)
		rig.Until(t, w, stomp.StateConnected)
	})
	rig.Bubble(t, "between_refusals", func(t *testing.T) {
		route := rig.NewRoute(t)
		n := 0
		c := rig.Connect(t, route, stomp.WithReconnect(backoff), stomp.WithHeartBeat(0, 0),
			stomp.WithBeforeConnect(func(context.Context, *stomp.Attempt) error {
				if n++; n > 1 && n%2 == 0 {
					return io.EOF // of a token server
				}
				return nil
			}))
		route.PlanByHost(func(string) rig.Trouble { return rig.Denied })
		route.Broker.Cut()
		<-c.Done()
		rig.Refused(t, c.Err(), "Access refused for user 'u'")
	})
}

// Two dead endpoints that take turns are one reason, not a new one at each attempt.
func TestWithReconnect_log_of_two_endpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithFailover("ws://two.test/ws"), stomp.WithLogger(log.Logger(slog.LevelInfo)), stomp.WithHeartBeat(0, 0))
		route.PlanByHost(func(string) rig.Trouble { return rig.NoDial })
		route.Broker.Cut()
		time.Sleep(10 * time.Minute)
		if n := len(log.Lines("no connection yet")); n < 5 || n > 11 {
			t.Errorf("%d lines in 10 minutes:\n%s", n, log.String())
		}
		c.Close()
	})
}

// What the server sent without the entry that an ACK repeats can never be acknowledged: nobody waits for that.
func TestSubscription_Unsubscribe_waits_for_no_ACK_that_is_impossible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		f := p.Want("SUBSCRIBE")
		p.Send("MESSAGE", "x", "subscription", stomp.Header(f.Header).Get("id"), "destination", "/queue/a", "message-id", "1")
		frame := rig.Body(t, sub.C, "x")
		rig.ErrorIs(t, c.Ack(t.Context(), frame), stomp.ErrNotAckable)
		rest := p.Discard()
		rig.Takes(t, 0, func() { rig.OK(t, sub.Unsubscribe(t.Context())) })
		c.Close()
		<-rest
	})
}
