package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const missing = "/exchange/missing/x"

// endingSessions makes the broker answer each SEND to missing with the end of the session.
func endingSessions(b *stomptest.Broker, with stomptest.Action) {
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Direction == stomptest.In && e.Frame.Command == wire.Send && e.Frame.Get("destination") == missing {
			return with
		}
		return stomptest.Pass()
	})
}

var notFound = stomptest.ReplyError("not_found", nil, []byte("NOT_FOUND - no exchange 'missing'"), false)

// listener counts what of a steady stream reaches a subscription.
type listener struct {
	sub             *stomp.Subscription[stomp.Frame]
	published, came int
	stop            chan struct{}
	stopped         chan struct{}
}

// listen subscribes to a topic at which a message comes every 50 ms: whoever is away misses it.
func listen(t *testing.T, b *stomptest.Broker, c *stomp.Client) *listener {
	t.Helper()
	sub, err := c.NewSubscription(t.Context(), "/topic/ticks", stomp.WithReceipt())
	rig.OK(t, err)
	return listenTo(b, sub)
}

// listenTo is listen with a subscription to /topic/ticks.
func listenTo(b *stomptest.Broker, sub *stomp.Subscription[stomp.Frame]) *listener {
	l := &listener{sub: sub, stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() { // joined by share
		defer close(l.stopped)
		for {
			b.Publish("/topic/ticks", nil, nil)
			l.published++
			for more := true; more; {
				select {
				case <-sub.C:
					l.came++
				case <-time.After(50 * time.Millisecond):
					more = false
				}
			}
			select {
			case <-l.stop:
				return
			default:
			}
		}
	}()
	return l
}

// share ends the stream and fails the test if less than that share of it has come.
func (l *listener) share(t *testing.T, least float64) {
	t.Helper()
	close(l.stop)
	<-l.stopped
	share := float64(l.came) / float64(l.published)
	t.Logf("%d of %d messages came, %.3f", l.came, l.published, share)
	if share < least {
		t.Errorf("%d of %d messages came", l.came, l.published)
	}
	rig.OK(t, l.sub.Err())
}

// Promise 5: a SEND that the server answers with the end of the session gets the server's words within a minute, and
// everybody else goes on meanwhile.
func TestWithRetry_promise5_SEND_that_ends_every_session(t *testing.T) {
	for name, way := range map[string]struct {
		answer stomptest.Action
		code   int // of a close; 0: an ERROR
	}{
		"ERROR":          {notFound, 0},
		"1009":           {stomptest.CloseWith(1009, ""), 1009},
		"1002":           {stomptest.CloseWith(1002, "no"), 1002},
		"1000":           {stomptest.CloseWith(1000, "STOMP died"), 1000},
		"ERROR_and_1000": {stomptest.ReplyError("not_found", nil, nil, true), 0},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			endingSessions(b, way.answer)
			log := new(rig.Log)
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}), stomp.WithLogger(log.Logger(0)))
			l := listen(t, b, c)
			start := time.Now()
			err := c.Send(context.Background(), missing, nil, stomp.WithRetry())
			if d := time.Since(start); d < 30*time.Second || d > time.Minute {
				t.Errorf("it took %v", d)
			}
			if way.code == 0 {
				rig.Refused(t, err, "not_found")
			} else if closed := rig.ErrorAs[stomp.CloseError](t, err); closed.Code != way.code {
				t.Errorf("%v", err)
			}
			rig.ErrorSays(t, err, "stomp: send "+missing+`: waiting for receipt "r2": `, "(so ended 5 sessions, over 3", "in which it was tried alone)")
			l.share(t, 0.95)
			for _, line := range []string{"held back and tried alone", "a SEND is given up"} {
				if n := len(log.Lines(line)); n != 1 {
					t.Errorf("%d lines say %q", n, line)
				}
			}
			time.Sleep(time.Hour)
			if n := b.Sessions(); n != 8 {
				t.Errorf("%d sessions, want two that ended in company, five alone, and the last", n)
			}
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
		})
	}
}

// The same where the server says nothing at all, as RabbitMQ does on a stream when a frame is too large for it: that
// is believed when it has gone on for five minutes.
func TestWithRetry_promise5_SEND_that_ends_every_session_without_a_word(t *testing.T) {
	for name, opts := range map[string][]stomptest.Option{"websocket": nil, "stream": {stomptest.WithTCP()}} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t, opts...)
			endingSessions(b, stomptest.CutBefore())
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
			l := listen(t, b, c)
			start := time.Now()
			rig.ErrorIs(t, c.Send(context.Background(), missing, nil, stomp.WithRetry()), stomp.ErrConnectionLost)
			if d := time.Since(start); d < 5*time.Minute || d > 6*time.Minute {
				t.Errorf("it took %v", d)
			}
			l.share(t, 0.8) // what is lost is lost before it is suspected
		})
	}
}

// Who is under way when another frame ends the session is not taken for it, however many they are.
func TestWithRetry_promise5_innocent_SENDs(t *testing.T) {
	for _, n := range []int{3, 3000} {
		for _, guilty := range []int{0, 1, n - 1} {
			rig.Bubble(t, fmt.Sprint(n, "/", guilty), func(t *testing.T) {
				b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
				endingSessions(b, notFound)
				c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
				start := time.Now()
				var receipts []*stomp.Receipt
				for i := range n {
					destination := "/queue/a"
					if i == guilty {
						destination = missing
					}
					r, err := c.SendAsync(t.Context(), destination, fmt.Append(nil, i), stomp.WithRetry())
					rig.OK(t, err)
					receipts = append(receipts, r)
				}
				for i, r := range receipts {
					if i != guilty {
						rig.OK(t, r.Wait(t.Context()))
					}
				}
				if d := time.Since(start); d > 4*time.Second {
					t.Errorf("the others took %v", d)
				}
				rig.Refused(t, receipts[guilty].Wait(t.Context()), "not_found")
				if n := b.Sessions(); n > 10 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	}
}

// An innocent one is delivered although somebody else goes on ending the sessions.
func TestWithRetry_promise5_beside_SENDs_that_go_on_ending_sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		endingSessions(b, notFound)
		b.Delay(10 * time.Millisecond)
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		ctx, stop := context.WithCancel(t.Context())
		stopped := rig.Go(func() error {
			for ctx.Err() == nil {
				c.Send(ctx, missing, nil) // without a receipt nobody learns
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		})
		for range 10 {
			rig.OK(t, c.Send(rig.Within(t, time.Minute), "/queue/a", nil, stomp.WithRetry()))
		}
		stop()
		<-stopped
	})
}

// Any number of SENDs to what is missing: all of them end, and the Client is not theirs alone.
func TestWithRetry_promise5_many_SENDs_that_end_sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		endingSessions(b, notFound)
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		l := listen(t, b, c)
		start := time.Now()
		var receipts []*stomp.Receipt
		for range 300 {
			r, err := c.SendAsync(t.Context(), missing, nil, stomp.WithRetry())
			rig.OK(t, err)
			receipts = append(receipts, r)
		}
		for _, r := range receipts {
			rig.Refused(t, r.Wait(t.Context()), "not_found")
		}
		if d := time.Since(start); d > 70*time.Second {
			t.Errorf("it took %v", d)
		}
		l.share(t, 0.85)
		if s := c.Stats(); s.ReceiptsPending != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

// A trial takes senders a moment, and no more.
func TestWithRetry_promise5_trial_does_not_hold_up_senders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		var patient atomic.Bool
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Direction == stomptest.In && e.Frame.Command == wire.Send && e.Frame.Get("destination") == missing {
				if !patient.Load() {
					return notFound
				}
				return stomptest.Drop() // it thinks about it
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		r, err := c.SendAsync(t.Context(), missing, nil, stomp.WithRetry())
		rig.OK(t, err)
		time.Sleep(time.Second) // it has been tried once
		patient.Store(true)
		longest := time.Duration(0)
		for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(40 * time.Millisecond) {
			start := time.Now()
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			longest = max(longest, time.Since(start))
		}
		if longest < time.Second || longest > 1250*time.Millisecond {
			t.Errorf("a sender waited for %v", longest)
		}
		rig.OK(t, r.Err())
	})
}

// Whoever gives up learns why it took so long.
func TestWithRetry_ctx_error_says_why_it_was_not_confirmed(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Direction == stomptest.In && e.Frame.Command == wire.Send {
				return notFound
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		err := <-start(rig.Within(t, 10*time.Second), c)
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.Refused(t, err, "not_found")
		rig.MaySent(t, err)
		time.Sleep(time.Minute)
		if n := b.Sessions(); n > 6 {
			t.Errorf("%d sessions: it was tried after its ctx had ended", n)
		}
	})
}

// Reconnect does not wait for what is held back, and Disconnect tries it once more.
func TestWithRetry_promise5_held_back_at_Reconnect_and_Disconnect(t *testing.T) {
	for name, mended := range map[string]bool{"mended": true, "missing": false} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			endingSessions(b, notFound)
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
			r, err := c.SendAsync(t.Context(), missing, nil, stomp.WithRetry())
			rig.OK(t, err)
			time.Sleep(time.Second)
			rig.Takes(t, 0, func() { rig.OK(t, c.Reconnect(rig.Within(t, time.Minute))) })
			if mended {
				b.Intercept(nil)
			}
			began := time.Now()
			err = c.Disconnect(rig.Within(t, time.Minute))
			if d := time.Since(began); d > 2*time.Second {
				t.Errorf("Disconnect took %v", d)
			}
			if mended {
				rig.OK(t, err)
				rig.OK(t, r.Err())
				return
			}
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
			rig.ErrorIs(t, r.Err(), stomp.ErrClosed)
		})
	}
}

// What is held back goes out as soon as the server takes it.
func TestWithRetry_promise5_held_back_until_the_server_takes_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		endingSessions(b, notFound)
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		done := rig.Go(func() error { return c.Send(t.Context(), missing, []byte("x"), stomp.WithRetry()) })
		time.Sleep(20 * time.Second)
		b.Intercept(nil)
		rig.OK(t, <-done)
		var refused *stomp.Error
		if errors.As(c.Err(), &refused) {
			t.Error(c.Err())
		}
	})
}
