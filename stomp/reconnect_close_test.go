package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

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

// wantEnded fails the test unless the Client and its subscription have ended by their user's wish.
func wantEnded(t *testing.T, c *stomp.Client, sub *stomp.Subscription[stomp.Frame]) {
	t.Helper()
	select {
	case <-c.Done():
	default:
		t.Error("Done is not closed")
	}
	matches(t, c.Err(), stomp.ErrClosed)
	if s := c.Status(); s.State != stomp.StateClosed || !errors.Is(s.Err, stomp.ErrClosed) {
		t.Errorf("status %+v", s)
	}
	if _, open := <-sub.C; open {
		t.Error("the channel is open")
	}
	fine(t, sub.Err())
}

// However far an outage has come, the Client ends at once when its user wishes it, and nothing is left (the bubble).
func TestReconnect_end_at_each_step(t *testing.T) {
	hangs := func(ctx context.Context) { <-ctx.Done() }
	for step, outage := range map[string]struct {
		backoff stomp.Backoff
		script  []trouble
		asked   func(ctx context.Context) // what the credentials function does once it is reconnecting
	}{
		"back_off":                  {backoff: longBackoff},
		"back_off_after_an_attempt": {backoff: stomp.Backoff{Min: time.Millisecond, Max: 100_000 * time.Hour, Factor: 1e12}, script: times(1000, noDial)},
		"credentials":               {backoff: quickBackoff, asked: hangs},
		"dial":                      {backoff: quickBackoff, script: times(1000, func(ctx context.Context, _ *stomptest.Broker) error { <-ctx.Done(); return ctx.Err() })},
		"upgrade":                   {backoff: quickBackoff, script: times(1000, silent)},
		"handshake":                 {backoff: quickBackoff, script: times(1000, mute)},
	} {
		for how, end := range ends {
			bubble(t, step+"/"+how, func(t *testing.T) {
				l := newApproach(t)
				lifetime, endLifetime := context.WithCancel(context.Background())
				defer endLifetime()
				first := true
				c := l.join(t, stomp.WithReconnect(outage.backoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime),
					stomp.WithCredentials(func(ctx context.Context) (string, string, error) {
						if !first && outage.asked != nil {
							outage.asked(ctx)
						}
						first = false
						return "u", "p", nil
					}))
				sub, err := c.NewSubscription(t.Context(), "/topic/a")
				fine(t, err)
				l.plan(outage.script...)
				l.broker.Cut()
				time.Sleep(5 * time.Second)
				if s := c.Status(); s.State != stomp.StateReconnecting {
					t.Fatalf("status %+v", s)
				}
				lasts(t, 0, func() { fine(t, end(c, endLifetime)) })
				wantEnded(t, c, sub)
				if n := l.broker.Sessions(); n != 1 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	}
}

// The same while a new session is being restored: it is not standing yet.
func TestReconnect_end_while_restoring(t *testing.T) {
	for how, end := range ends {
		bubble(t, "header_function/"+how, func(t *testing.T) {
			l := newApproach(t)
			lifetime, endLifetime := context.WithCancel(context.Background())
			defer endLifetime()
			c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime))
			first, gate := true, make(chan struct{})
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithHeaderFunc(func() stomp.Header {
				if !first {
					<-gate
				}
				first = false
				return nil
			}))
			fine(t, err)
			l.broker.Cut()
			time.Sleep(time.Second) // the new session's SUBSCRIBE is being made
			ended := make(chan error)
			go func() { ended <- end(c, endLifetime) }()
			synctest.Wait()
			lasts(t, 0, func() {
				close(gate)
				fine(t, <-ended)
			})
			wantEnded(t, c, sub)
		})
		bubble(t, "one_by_one/"+how, func(t *testing.T) {
			l := newApproach(t)
			lifetime, endLifetime := context.WithCancel(context.Background())
			defer endLifetime()
			c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(0, 0), stomp.WithLifetime(lifetime))
			// The ERROR names nobody: the next session tries the SUBSCRIBE alone, and gets no answer there.
			hold := func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == wire.Subscribe {
					return stomptest.Drop()
				}
				return stomptest.Pass()
			}
			l.plan(func(_ context.Context, b *stomptest.Broker) error { b.Intercept(hold); return nil })
			l.broker.Intercept(func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == wire.Subscribe {
					return stomptest.ReplyError("some fault", nil, nil, true)
				}
				return stomptest.Pass()
			})
			sub, err := c.NewSubscription(t.Context(), "/topic/a")
			fine(t, err)
			time.Sleep(500 * time.Millisecond) // less than a server is given to answer
			if s := c.Status(); s.State != stomp.StateReconnecting || l.broker.Sessions() != 2 {
				t.Fatalf("%d sessions, status %+v", l.broker.Sessions(), s)
			}
			lasts(t, 0, func() { fine(t, end(c, endLifetime)) })
			wantEnded(t, c, sub)
		})
	}
}

// Disconnect during an outage: ErrConnectionLost where frames that had been accepted are dropped.
func TestReconnect_Disconnect_drops_accepted_frames(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, c *stomp.Client) *stomp.Receipt{
		"WithRetry": func(t *testing.T, c *stomp.Client) *stomp.Receipt {
			r, err := c.SendAsync(t.Context(), "/queue/a", []byte("x"), stomp.WithRetry())
			fine(t, err)
			return r
		},
		"nothing": func(*testing.T, *stomp.Client) *stomp.Receipt { return nil },
	} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t)
			c := l.join(t, stomp.WithReconnect(longBackoff), stomp.WithHeartBeat(0, 0))
			l.broker.Intercept(func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == wire.Send {
					return stomptest.CutBefore()
				}
				return stomptest.Pass()
			})
			r := send(t, c)
			l.broker.Cut()
			until(t, c.Watch(t.Context()), stomp.StateReconnecting)
			var err error
			lasts(t, 0, func() { err = c.Disconnect(t.Context()) })
			if r == nil {
				fine(t, err)
				return
			}
			matches(t, err, stomp.ErrConnectionLost)
			matches(t, r.Err(), stomp.ErrClosed)
			fine(t, c.Disconnect(t.Context())) // on one that is closed
		})
	}
}

// WithoutReconnect: a lost connection is the end, and nothing is dialled.
func TestWithoutReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithoutReconnect())
		lasts(t, 0, func() {
			l.broker.Cut()
			<-c.Done()
		})
		matches(t, c.Err(), stomp.ErrConnectionLost)
		if dials := l.forget(); len(dials) != 1 {
			t.Error(describe(dials))
		}
	})
}
