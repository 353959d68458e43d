package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// ends are the ways in which a user ends a Client.
var ends = map[string]func(c *stomp.Client, endLifetime func()) error{
	"Close":      func(c *stomp.Client, _ func()) error { return c.Close() },
	"Disconnect": func(c *stomp.Client, _ func()) error { return c.Disconnect(context.Background()) },
	"Drain":      func(c *stomp.Client, _ func()) error { return c.Drain(context.Background()) },
	"Lifetime": func(c *stomp.Client, endLifetime func()) error {
		endLifetime()
		<-c.Done()
		return nil
	},
}

// wantEnded fails the test unless the Client and these subscriptions of it have ended by their user's wish.
func wantEnded(t *testing.T, c *stomp.Client, subs ...*stomp.Subscription[stomp.Frame]) {
	t.Helper()
	if !rig.IsClosed(c.Done()) {
		t.Error("Done is not closed")
	}
	rig.ErrorIs(t, c.Err(), stomp.ErrClosed)
	if s := c.Status(); s.State != stomp.StateClosed || !errors.Is(s.Err, stomp.ErrClosed) {
		t.Errorf("status %+v", s)
	}
	for _, sub := range subs {
		rig.Closed(t, sub.C)
		rig.OK(t, sub.Err())
	}
}

// However far an outage has come, the Client ends at once when its user wishes it, and nothing is left (the bubble).
func TestWithReconnect_end_at_each_step(t *testing.T) {
	for step, outage := range map[string]struct {
		backoff stomp.Backoff
		script  []rig.Trouble
		asked   func(ctx context.Context) // what the credentials function does once it is reconnecting
	}{
		"back_off":                  {backoff: rig.LongBackoff},
		"back_off_after_an_attempt": {backoff: stomp.Backoff{Min: time.Millisecond, Max: 100_000 * time.Hour, Factor: 1e12}, script: rig.Times(1000, rig.NoDial)},
		"credentials":               {backoff: rig.QuickBackoff, asked: func(ctx context.Context) { <-ctx.Done() }},
		"dial":                      {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Hangs)},
		"upgrade":                   {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Silent)},
		"handshake":                 {backoff: rig.QuickBackoff, script: rig.Times(1000, rig.Mute)},
	} {
		for how, end := range ends {
			rig.Bubble(t, step+"/"+how, func(t *testing.T) {
				route := rig.NewRoute(t)
				lifetime, endLifetime := context.WithCancel(context.Background())
				defer endLifetime()
				first := true
				c := rig.Connect(t, route, stomp.WithReconnect(outage.backoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime),
					stomp.WithCredentials(func(ctx context.Context) (string, string, error) {
						if !first && outage.asked != nil {
							outage.asked(ctx)
						}
						first = false
						return "u", "p", nil
					}))
				sub, err := c.NewSubscription(t.Context(), "/topic/a")
				rig.OK(t, err)
				route.Plan(outage.script...)
				route.Broker.Cut()
				time.Sleep(5 * time.Second)
				if s := c.Status(); s.State != stomp.StateReconnecting {
					t.Fatalf("status %+v", s)
				}
				rig.Takes(t, 0, func() { rig.OK(t, end(c, endLifetime)) })
				wantEnded(t, c, sub)
				if n := route.Broker.Sessions(); n != 1 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	}
}

// The same while a new session is being restored: it is not standing yet.
func TestWithReconnect_end_while_restoring(t *testing.T) {
	for how, end := range ends {
		rig.Bubble(t, "header_function/"+how, func(t *testing.T) {
			route := rig.NewRoute(t)
			lifetime, endLifetime := context.WithCancel(context.Background())
			defer endLifetime()
			c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime))
			first, gate := true, make(chan struct{})
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
				if !first {
					<-gate
				}
				first = false
				return nil, nil
			}))
			rig.OK(t, err)
			route.Broker.Cut()
			time.Sleep(time.Second) // the new session's SUBSCRIBE is being made
			ended := rig.Go(func() error { return end(c, endLifetime) })
			synctest.Wait()
			rig.Takes(t, 0, func() {
				close(gate)
				rig.OK(t, <-ended)
			})
			wantEnded(t, c, sub)
		})
		rig.Bubble(t, "one_by_one/"+how, func(t *testing.T) {
			route := rig.NewRoute(t)
			lifetime, endLifetime := context.WithCancel(context.Background())
			defer endLifetime()
			c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime))
			// The ERROR names nobody: the next session tries the SUBSCRIBE alone, and gets no answer there.
			hold := func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == wire.Subscribe {
					return stomptest.Drop()
				}
				return stomptest.Pass()
			}
			route.Plan(func(_ context.Context, b *stomptest.Broker) error { b.Intercept(hold); return nil })
			rig.On(route.Broker, wire.Subscribe, "", rig.Always(stomptest.ReplyError("some fault", nil, nil, true)))
			sub, err := c.NewSubscription(t.Context(), "/topic/a")
			rig.OK(t, err)
			time.Sleep(500 * time.Millisecond) // less than a server is given to answer
			if s := c.Status(); s.State != stomp.StateReconnecting || route.Broker.Sessions() != 2 {
				t.Fatalf("%d sessions, status %+v", route.Broker.Sessions(), s)
			}
			rig.Takes(t, 0, func() { rig.OK(t, end(c, endLifetime)) })
			wantEnded(t, c, sub)
		})
	}
}

// Disconnect during an outage: ErrConnectionLost where frames that had been accepted are dropped.
func TestWithReconnect_Disconnect_drops_accepted_frames(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, c *stomp.Client) *stomp.Receipt{
		"WithRetry": func(t *testing.T, c *stomp.Client) *stomp.Receipt {
			r, err := c.SendAsync(t.Context(), "/queue/a", []byte("x"), stomp.WithRetry())
			rig.OK(t, err)
			return r
		},
		"nothing": func(*testing.T, *stomp.Client) *stomp.Receipt { return nil },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t)
			c := rig.Connect(t, route, stomp.WithReconnect(rig.LongBackoff), stomp.WithHeartBeat(0, 0))
			rig.On(route.Broker, wire.Send, "", rig.Always(stomptest.CutBefore()))
			r := send(t, c)
			route.Broker.Cut()
			rig.Until(t, c.Watch(t.Context()), stomp.StateReconnecting)
			var err error
			rig.Takes(t, 0, func() { err = c.Disconnect(t.Context()) })
			if r == nil {
				rig.OK(t, err)
				return
			}
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
			rig.ErrorIs(t, r.Err(), stomp.ErrClosed)
			rig.OK(t, c.Disconnect(t.Context())) // on one that is closed
		})
	}
}

// WithoutReconnect: a lost connection is the end, and nothing is dialled.
func TestWithoutReconnect_a_lost_connection_is_the_end(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithoutReconnect())
		rig.Takes(t, 0, func() {
			route.Broker.Cut()
			<-c.Done()
		})
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
		route.WantDials(t, 1)
	})
}
