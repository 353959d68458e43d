package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// outageSteps are how far an outage can have come when a call is made.
var outageSteps = map[string]struct {
	backoff stomp.Backoff
	script  []rig.Trouble
}{
	"back_off":  {backoff: rig.LongBackoff},
	"dial":      {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Hangs)},
	"upgrade":   {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Silent)},
	"handshake": {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Mute)},
}

// inOutage is a client whose connection is lost and not back. It leaves /topic/old subscribed to.
func inOutage(t *testing.T, step string) (route *rig.Route, c *stomp.Client) {
	t.Helper()
	route = rig.NewRoute(t)
	c = rig.Connect(t, route, stomp.WithReconnect(outageSteps[step].backoff), stomp.WithHeartBeat(0, 0))
	_, err := c.Subscribe(t.Context(), "/topic/old")
	rig.OK(t, err)
	synctest.Wait()
	route.Plan(outageSteps[step].script...)
	route.Broker.Cut()
	time.Sleep(time.Second)
	if s := c.Status(); s.State != stomp.StateReconnecting {
		t.Fatalf("status %+v", s)
	}
	return route, c
}

// calls are those that wait for a session.
var calls = map[string]func(ctx context.Context, c *stomp.Client) error{
	"Send": func(ctx context.Context, c *stomp.Client) error { return c.Send(ctx, "/queue/a", nil) },
	"Send_WithReceipt": func(ctx context.Context, c *stomp.Client) error {
		return c.Send(ctx, "/queue/a", nil, stomp.WithReceipt())
	},
	"Send_WithRetry": func(ctx context.Context, c *stomp.Client) error {
		return c.Send(ctx, "/queue/a", nil, stomp.WithRetry())
	},
	"SendJSON": func(ctx context.Context, c *stomp.Client) error { return c.SendJSON(ctx, "/queue/a", 1) },
	"SendAsync": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.SendAsync(ctx, "/queue/a", nil)
		return err
	},
	"Request": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Request(ctx, "/queue/a", nil)
		return err
	},
	"Begin": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Begin(ctx)
		return err
	},
	"Flush": func(ctx context.Context, c *stomp.Client) error { return c.Flush(ctx) },
	"Subscribe_WithReceipt": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Subscribe(ctx, "/queue/a", stomp.WithReceipt())
		return err
	},
}

// Promise 1: ctx ends each wait for a session, at whichever step of the outage, and what was not sent never is.
func TestWithReconnect_promise1_ctx_ends_the_wait(t *testing.T) {
	for step := range outageSteps {
		for name, call := range calls {
			rig.Bubble(t, step+"/"+name, func(t *testing.T) {
				route, c := inOutage(t, step)
				reason := errors.New("the request was abandoned")
				ctx, cancel := context.WithCancelCause(t.Context())
				stop := time.AfterFunc(time.Minute, func() { cancel(reason) })
				defer stop.Stop()
				rig.Takes(t, time.Minute, func() {
					err := call(ctx, c)
					rig.ErrorIs(t, err, context.Canceled, reason)
					if !stomp.Unsent(err) && name != "Flush" {
						t.Errorf("Unsent is false: %v", err)
					}
					if name != "Subscribe_WithReceipt" {
						rig.ErrorIs(t, err, stomp.ErrNotConnected)
					}
				})
				route.Mend()
				time.Sleep(rig.LongBackoff.Max)
				if s := c.Status(); s.State != stomp.StateConnected || s.Epoch != 2 {
					t.Fatalf("status %+v", s)
				}
				rig.Equal(t, "what the broker got", rig.Received(route.Broker, "destination"), []string{"SUBSCRIBE destination:/topic/old", "SUBSCRIBE destination:/topic/old"})
				if s := c.Stats(); s.Subscriptions != 1 || s.ReceiptsPending != 0 {
					t.Errorf("stats %+v", s)
				}
			})
		}
	}
}

// Confirmed waits for the next session, within its own ctx; the subscription goes on.
func TestConfirmed_waits_through_an_outage(t *testing.T) {
	for step := range outageSteps {
		rig.Bubble(t, step, func(t *testing.T) {
			route, c := inOutage(t, step)
			var sub *stomp.Subscription[stomp.Frame]
			rig.Takes(t, 0, func() {
				var err error
				sub, err = c.NewSubscription(t.Context(), "/topic/new")
				rig.OK(t, err)
			})
			rig.Takes(t, time.Minute, func() {
				rig.ErrorIs(t, sub.Confirmed(rig.Within(t, time.Minute)), context.DeadlineExceeded)
			})
			route.Mend()
			rig.OK(t, sub.Confirmed(t.Context()))
			route.Broker.Publish("/topic/new", nil, []byte("x"))
			if f := <-sub.C; f.Epoch != 2 || string(f.Body) != "x" {
				t.Errorf("%v, epoch %d", f, f.Epoch)
			}
		})
	}
}

// callsWithoutWaiting are those that can do without.
var callsWithoutWaiting = map[string]func(ctx context.Context, c *stomp.Client) error{
	"Send": func(ctx context.Context, c *stomp.Client) error {
		return c.Send(ctx, "/queue/a", nil, stomp.WithoutWaiting())
	},
	"Send_WithRetry": func(ctx context.Context, c *stomp.Client) error {
		return c.Send(ctx, "/queue/a", nil, stomp.WithoutWaiting(), stomp.WithRetry())
	},
	"SendAsync": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.SendAsync(ctx, "/queue/a", nil, stomp.WithoutWaiting())
		return err
	},
	"Request": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Request(ctx, "/queue/a", nil, stomp.WithoutWaiting())
		return err
	},
	"Subscribe": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Subscribe(ctx, "/queue/a", stomp.WithoutWaiting())
		return err
	},
	"Subscribe_WithReceipt": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Subscribe(ctx, "/queue/a", stomp.WithoutWaiting(), stomp.WithReceipt())
		return err
	},
	"Begin": func(ctx context.Context, c *stomp.Client) error {
		_, err := c.Begin(ctx, stomp.WithoutWaiting())
		return err
	},
}

// WithoutWaiting: ErrNotConnected at once, with why, and nothing is ever sent.
func TestWithoutWaiting_in_an_outage(t *testing.T) {
	for name, call := range callsWithoutWaiting {
		for step := range outageSteps {
			rig.Bubble(t, step+"/"+name, func(t *testing.T) {
				route, c := inOutage(t, step)
				rig.Takes(t, 0, func() {
					err := call(t.Context(), c)
					rig.ErrorIs(t, err, stomp.ErrNotConnected)
					rig.Unsent(t, err)
				})
				rig.Equal(t, "what the broker got", rig.Received(route.Broker, "destination"), []string{"SUBSCRIBE destination:/topic/old"})
			})
		}
		// While there is a session it changes nothing.
		rig.Bubble(t, "connected/"+name, func(t *testing.T) {
			route := rig.NewRoute(t)
			c := rig.Connect(t, route)
			if name == "Request" {
				requests, err := c.Subscribe(t.Context(), "/queue/a")
				rig.OK(t, err)
				go func() { // ends with the request
					f := <-requests
					c.Send(t.Context(), f.Header.Get("reply-to"), nil, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
				}()
			}
			rig.OK(t, call(t.Context(), c))
		})
	}
}

// The text of the two errors says why there is no session.
func TestWithReconnect_error_texts_in_an_outage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Nanosecond, Max: time.Hour, Factor: 1e15}))
		route.Plan(rig.Times(1000, rig.NoDial)...)
		route.Broker.Cut()
		time.Sleep(time.Microsecond)
		rig.ErrorText(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithoutWaiting()),
			"stomp: send /queue/a: not connected: stomp: connect ws://one.test/ws: nobody listens")
		rig.ErrorText(t, c.Send(rig.Within(t, time.Nanosecond), "/queue/a", nil),
			"stomp: send /queue/a: waiting for a connection: context deadline exceeded (not connected: stomp: connect ws://one.test/ws: nobody listens)")
	})
}
