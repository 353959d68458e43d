package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promise 5: a subscription that was confirmed before is not given up in under a minute, and everybody else goes on.
func TestSubscription_promise5_confirmed_before(t *testing.T) {
	for name, way := range map[string]struct {
		answer  stomptest.Action
		profile stomptest.Profile
		within  time.Duration
	}{
		"ERROR":           {stomptest.ReplyError("home node is down", nil, nil, false), stomptest.RabbitMQ, 65 * time.Second},
		"ERROR_and_close": {stomptest.ReplyError("home node is down", nil, nil, true), stomptest.Generic, 65 * time.Second},
		"close":           {stomptest.CloseWith(1000, "STOMP died"), stomptest.RabbitMQ, 65 * time.Second},
		"no_receipts":     {stomptest.ReplyError("home node is down", nil, nil, true), stomptest.Spring, 75 * time.Second},
	} {
		for _, lasts := range []bool{true, false} {
			rig.Bubble(t, name+map[bool]string{true: "/for_good", false: "/for_50_s"}[lasts], func(t *testing.T) {
				var refuses atomic.Bool
				b := refusing(t, way.profile, func(stomptest.Event) stomptest.Action {
					if refuses.Load() {
						return way.answer
					}
					return stomptest.Pass()
				})
				c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
				bad, err := c.NewSubscription(t.Context(), "/queue/bad")
				rig.OK(t, err)
				for range 3 { // older ones are restored first, and it is tried last
					_, err := c.Subscribe(t.Context(), "/queue/other")
					rig.OK(t, err)
				}
				sub, err := c.NewSubscription(t.Context(), "/topic/ticks")
				rig.OK(t, err)
				time.Sleep(time.Minute)
				l := listenTo(b, sub)
				refuses.Store(true)
				b.Cut()
				cut := time.Now()
				if !lasts {
					time.Sleep(50 * time.Second)
					refuses.Store(false)
					time.Sleep(time.Minute)
					rig.OK(t, bad.Err())
					b.Publish("/queue/bad", nil, []byte("x"))
					rig.Body(t, bad.C, "x")
				} else {
					rig.Closed(t, bad.C)
					if d := time.Since(cut); d < time.Minute || d > way.within {
						t.Errorf("it was given up after %v", d)
					}
					var refused *stomp.Error
					var closed *stomp.CloseError
					if !errors.As(bad.Err(), &refused) && !errors.As(bad.Err(), &closed) {
						t.Errorf("%v", bad.Err())
					}
					time.Sleep(10 * time.Second)
				}
				l.share(t, 0.9)
				if n := b.Sessions(); n > 12 {
					t.Errorf("%d sessions", n)
				}
			})
		}
	}
}

// A server that sends no receipts and does not end the session over a trial gets what else is held back at once, also
// on a session that is active already.
func TestSubscription_promise5_promise11_beside_SENDs_that_ended_sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Spring))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		rig.On(b, wire.Send, "/queue/bad", rig.Always(stomptest.ReplyError("no reason", nil, nil, true)))
		_, err := c.Subscribe(t.Context(), "/topic/a")
		rig.OK(t, err)
		for range 2 {
			_, err := c.SendAsync(t.Context(), "/queue/bad", nil, stomp.WithRetry())
			rig.OK(t, err)
		}
		time.Sleep(3 * time.Second)
		b.Intercept(nil)
		time.Sleep(10 * time.Second)
		if n := b.Subscriptions("/topic/a"); n != 1 {
			t.Errorf("%d subscriptions at the broker", n)
		}
	})
}

// Confirmed says what it waited for.
func TestConfirmed_says_why_the_subscription_is_held_back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := refusing(t, stomptest.RabbitMQ, func(stomptest.Event) stomptest.Action { return stomptest.CloseWith(1000, "STOMP died") })
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		bad, err := c.NewSubscription(t.Context(), "/queue/bad")
		rig.OK(t, err)
		time.Sleep(time.Second)
		err = bad.Confirmed(rig.Within(t, time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.ErrorSays(t, err, "waiting for the broker's confirmation: context deadline exceeded (the server closed the WebSocket with code 1000")
		rig.OK(t, bad.Unsubscribe(t.Context()))
		time.Sleep(time.Minute)
		if n := b.Sessions(); n > 4 {
			t.Errorf("%d sessions: it was tried after its end", n)
		}
	})
}

// WithSubscribeHeaderFunc: f is asked before each SUBSCRIBE, with a ctx that ends in time.
func TestWithSubscribeHeaderFunc_first_SUBSCRIBE(t *testing.T) {
	own := errors.New("the offset is not known")
	for name, f := range map[string]struct {
		ask   func(ctx context.Context) (stomp.Header, error)
		takes time.Duration
		want  error
	}{
		"error":       {func(context.Context) (stomp.Header, error) { return nil, own }, 0, own},
		"hangs":       {func(ctx context.Context) (stomp.Header, error) { <-ctx.Done(); return nil, ctx.Err() }, 15 * time.Second, context.DeadlineExceeded},
		"ignores_ctx": {func(context.Context) (stomp.Header, error) { time.Sleep(time.Minute); return nil, nil }, 15*time.Second + leaveGrace, context.DeadlineExceeded},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t)
			rig.Takes(t, f.takes, func() {
				_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithSubscribeHeaderFunc(f.ask))
				rig.ErrorIs(t, err, f.want)
				rig.Unsent(t, err)
				rig.ErrorSays(t, err, "stomp: subscribe /queue/a: WithSubscribeHeaderFunc: ")
			})
			synctest.Wait()
			rig.Equal(t, "frames", rig.Received(b), nil)
			if n := c.Stats().Subscriptions; n != 0 {
				t.Errorf("%d subscriptions", n)
			}
			time.Sleep(time.Minute) // what ignores its ctx returns
		})
	}
}

// On a reconnect the subscription waits for its header, and is restored when f has it; everything else goes on.
func TestWithSubscribeHeaderFunc_on_a_reconnect(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context) error{
		"error":       func(context.Context) error { return errors.New("the vault is sealed") },
		"hangs":       func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"ignores_ctx": func(context.Context) error { time.Sleep(20 * time.Second); return errors.New("too late") },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			log := new(rig.Log)
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Second}), stomp.WithLogger(log.Logger(0)))
			var failing atomic.Bool
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithSubscribeHeaderFunc(func(ctx context.Context) (stomp.Header, error) {
				if failing.Load() {
					return nil, fail(ctx)
				}
				return stomp.Header{{"offset", "7"}}, nil
			}))
			rig.OK(t, err)
			rig.OK(t, sub.Confirmed(t.Context()))
			other, err := c.NewSubscription(t.Context(), "/queue/b")
			rig.OK(t, err)
			failing.Store(true)
			b.Cut()
			time.Sleep(time.Millisecond)
			start := time.Now()
			rig.OK(t, c.Send(t.Context(), "/queue/x", nil, stomp.WithReceipt()))
			if d := time.Since(start); d > time.Second {
				t.Errorf("a Send waited for %v", d)
			}
			b.Publish("/queue/b", nil, []byte("1"))
			rig.Body(t, other.C, "1")
			time.Sleep(30 * time.Second)
			rig.OK(t, sub.Err())
			if n := b.Subscriptions("/queue/a"); n != 0 {
				t.Errorf("%d subscriptions without the header", n)
			}
			if n := len(log.Lines("waits for its header")); n != 1 {
				t.Errorf("%d lines", n)
			}
			failing.Store(false)
			b.Publish("/queue/a", nil, []byte("2"))
			rig.Body(t, sub.C, "2")
			list := rig.Received(b, "offset")
			if last := list[len(list)-1]; last != "SUBSCRIBE offset:7" {
				t.Errorf("the last frame is %q", last)
			}
			if n := b.Sessions(); n != 2 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// The session ends while f is asked: the next one asks again.
func TestWithSubscribeHeaderFunc_session_ends_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		gate := make(chan struct{})
		asks := 0
		made := rig.Go(func() error {
			_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithSubscribeHeaderFunc(func(ctx context.Context) (stomp.Header, error) {
				if asks++; asks < 3 {
					select {
					case <-gate:
					case <-ctx.Done():
						return nil, ctx.Err()
					}
				}
				return nil, nil
			}), stomp.WithReceipt())
			return err
		})
		for range 2 {
			time.Sleep(time.Millisecond * 10)
			b.Cut()
		}
		rig.OK(t, <-made)
		if asks != 3 || b.Subscriptions("/queue/a") != 1 {
			t.Errorf("asked %d times, %d subscriptions", asks, b.Subscriptions("/queue/a"))
		}
	})
}

// A subscription that waits for its header ends at once by whatever ends it.
func TestWithSubscribeHeaderFunc_ends_while_it_waits(t *testing.T) {
	for name, end := range map[string]func(c *stomp.Client, sub *stomp.Subscription[stomp.Frame], cancel func()) error{
		"ctx": func(_ *stomp.Client, _ *stomp.Subscription[stomp.Frame], cancel func()) error { cancel(); return nil },
		"Unsubscribe": func(_ *stomp.Client, sub *stomp.Subscription[stomp.Frame], _ func()) error {
			return sub.Unsubscribe(context.Background())
		},
		"Drain": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			return c.Drain(context.Background())
		},
		"Disconnect": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			return c.Disconnect(context.Background())
		},
		"Close": func(c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error { return c.Close() },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			first := true
			sub, err := c.NewSubscription(ctx, "/queue/a", stomp.WithSubscribeHeaderFunc(func(ctx context.Context) (stomp.Header, error) {
				if first {
					first = false
					return nil, nil
				}
				<-ctx.Done()
				return nil, ctx.Err()
			}))
			rig.OK(t, err)
			b.Cut()
			time.Sleep(2 * time.Second)
			rig.Takes(t, 0, func() {
				rig.OK(t, end(c, sub, cancel))
				rig.Closed(t, sub.C)
			})
			rig.OK(t, sub.Err())
			synctest.Wait()
			if n := len(rig.Received(b, "id")) - 1; n > 1 { // DISCONNECT
				t.Errorf("frames %v", rig.Received(b))
			}
		})
	}
}

// A server that answers SEND and never SUBSCRIBE, as a relay may, is not waited for as if it would: a SUBSCRIBE that
// is refused is found among the others within seconds, and not within minutes.
func TestSubscription_promise5_receipts_for_SEND_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		var asked sync.Map // receipts of SUBSCRIBEs
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			switch e.Frame.Command {
			case wire.Subscribe:
				asked.Store([2]any{e.Connection, e.Frame.Get("receipt")}, true)
				if e.Frame.Get("destination") == "/queue/bad" {
					return stomptest.ReplyError("refused", nil, nil, true)
				}
			case wire.Receipt:
				if _, ok := asked.Load([2]any{e.Connection, e.Frame.Get("receipt-id")}); ok {
					return stomptest.Drop()
				}
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		start := time.Now()
		rig.OK(t, c.Send(t.Context(), "/queue/sink", nil, stomp.WithReceipt()))
		for range 8 {
			_, err := c.Subscribe(t.Context(), "/topic/good")
			rig.OK(t, err)
		}
		bad, err := c.NewSubscription(t.Context(), "/queue/bad")
		rig.OK(t, err)
		rig.OK(t, c.Send(rig.Within(t, time.Minute), "/queue/sink", nil, stomp.WithRetry()))
		<-bad.Done()
		rig.Refused(t, bad.Err(), "refused")
		if d := time.Since(start); d > 40*time.Second { // nine are tried, one a session, some 3 s each; then it alone, thrice
			t.Errorf("it was found after %v", d)
		}
		time.Sleep(5 * time.Second)
		if n := b.Subscriptions("/topic/good"); n != 8 {
			t.Errorf("then %d of 8 subscriptions are back", n)
		}
	})
}

// Whoever is asked for its header gets its turn in being tried alone, also where no receipts come: a server that
// refuses it would end every session otherwise.
func TestSubscription_promise5_with_a_header_function(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := refusing(t, stomptest.Spring, func(stomptest.Event) stomptest.Action {
			return stomptest.ReplyError("refused", nil, nil, true)
		})
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		for range 3 {
			_, err := c.Subscribe(t.Context(), "/topic/good")
			rig.OK(t, err)
		}
		bad, err := c.NewSubscription(t.Context(), "/queue/bad", stomp.WithSubscribeHeaderFunc(
			func(context.Context) (stomp.Header, error) { return nil, nil }))
		rig.OK(t, err)
		time.Sleep(time.Minute)
		rig.Refused(t, bad.Err(), "refused")
		if n := b.Subscriptions("/topic/good"); n != 3 {
			t.Errorf("%d of 3 subscriptions are back", n)
		}
		if n := b.Sessions(); n > 10 {
			t.Errorf("that took %d sessions", n)
		}
	})
}

// Where it takes long to restore everybody else, the refusal of a new subscription costs one session, in which
// anything may have been the reason: after that a connection of its own asks. Before, it took three more. A queue that
// is deleted with its last subscription, and what is in it, would not outlive the one that asks: there it still does.
func TestGroup_promise5_refused_among_many(t *testing.T) {
	notFound := stomptest.ReplyError("not_found", nil, []byte("no exchange 'bad'"), false)
	for name, answer := range map[string]stomptest.Action{
		"ERROR":       notFound,
		"close":       stomptest.CloseWith(1000, "STOMP died"),
		"auto-delete": notFound,
	} {
		if name == "close" && runtime.GOOS == "js" {
			continue // the way to the broker is a stream there, which has no close frame
		}
		rig.Bubble(t, name, func(t *testing.T) {
			const many, each = 100, 50 * time.Millisecond // RabbitMQ takes longer for some hundred
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ4))
			var asked int // on connections of their own
			b.Intercept(func(e stomptest.Event) stomptest.Action {
				switch {
				case e.Direction != stomptest.In || e.Frame.Command != wire.Subscribe:
					return stomptest.Pass()
				case e.Frame.Get("destination") != "/queue/bad":
					return stomptest.DelayFor(each)
				case e.Frame.Get("prefetch-count") == "1":
					asked++
				}
				return answer
			})
			c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
			g, err := c.NewGroup(t.Context())
			rig.OK(t, err)
			for i := range many {
				_, err := g.Add(t.Context(), fmt.Sprint("/queue/", i))
				rig.OK(t, err)
			}
			time.Sleep(2 * many * each)
			start := time.Now()
			bad, err := g.Add(t.Context(), "/queue/bad", stomp.WithHeader("auto-delete", strconv.FormatBool(name == "auto-delete")))
			rig.OK(t, err)
			if m := <-g.Failed(); m != bad {
				t.Errorf("%s has failed: %v", m.Destination(), m.Err())
			}
			if name == "close" {
				rig.ErrorAs[stomp.CloseError](t, bad.Err())
			} else {
				rig.Refused(t, bad.Err(), "not_found")
			}
			want := map[string]int{"ERROR": 1, "close": 3}[name] // a close gives no reason
			stands := map[string]uint64{"ERROR": 2, "close": 2, "auto-delete": 4}[name]
			if epoch := c.Status().Epoch; epoch != stands || asked != want {
				t.Errorf("after %v it is session %d, want %d, and was asked for %d times on a connection of its own, want %d", time.Since(start), epoch, stands, asked, want)
			}
			time.Sleep(2 * many * each)
			b.Publish("/queue/0", nil, []byte("x"))
			if f := <-g.C; string(f.Body) != "x" || f.Epoch != c.Status().Epoch {
				t.Errorf("got %v, epoch %d of %d", f, f.Epoch, c.Status().Epoch)
			}
		})
	}
}
