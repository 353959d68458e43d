package stomp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What else goes on while something is on trial, on servers that answer some frames and not others.

// ignoring is a broker that drops what goes to a destination that begins with /queue/full or /app/, as RabbitMQ does
// with a message that it rejects and a relay with a subscription of its own, and refuses what goes to /queue/bad.
func ignoring(t *testing.T) *stomptest.Broker {
	b := rig.PipeBroker(t)
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		switch d := e.Frame.Get("destination"); {
		case e.Direction != stomptest.In:
		case d == "/queue/bad":
			return stomptest.ReplyError("refused", nil, nil, true)
		case d == "/queue/full", strings.HasPrefix(d, "/app/"):
			return stomptest.Drop()
		}
		return stomptest.Pass()
	})
	return b
}

// Promise 5: what never gets a RECEIPT does not keep what ends the sessions from being found.
func TestWithRetry_promise5_beside_SENDs_that_are_rejected_without_a_word(t *testing.T) {
	for _, pause := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second} {
		rig.Bubble(t, pause.String(), func(t *testing.T) {
			b := ignoring(t)
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
			_, err := c.Subscribe(t.Context(), "/topic/a")
			rig.OK(t, err)
			start := time.Now()
			guilty, err := c.SendAsync(t.Context(), "/queue/bad", nil, stomp.WithRetry())
			rig.OK(t, err)
			for time.Since(start) < 5*time.Minute && !rig.IsClosed(guilty.Done()) {
				_, err := c.SendAsync(rig.Within(t, time.Minute), "/queue/full", nil, stomp.WithRetry())
				rig.OK(t, err)
				time.Sleep(pause)
			}
			rig.Refused(t, guilty.Err(), "refused")
			if n := b.Sessions(); n > 10 {
				t.Errorf("it took %d sessions", n)
			}
		})
	}
}

// Promise 5: where nothing is confirmed, every trial takes its whole time, and that does not grow.
func TestSend_promise5_waits_for_trials_on_Spring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Spring))
		b.Refuse("/topic/bad")
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
		for range 3 {
			_, err := c.Subscribe(t.Context(), "/topic/good")
			rig.OK(t, err)
		}
		var longest time.Duration
		for i := range 1000 {
			start := time.Now()
			rig.OK(t, c.Send(t.Context(), "/topic/good", nil))
			longest = max(longest, time.Since(start))
			if i%30 == 0 {
				rig.OK(t, c.Send(t.Context(), "/topic/bad", nil))
			}
			time.Sleep(100 * time.Millisecond)
		}
		if most := 2250 * time.Millisecond; longest > most {
			t.Errorf("a Send took %v, want %v at most", longest, most)
		}
	})
}

// Promise 5: a subscription that is never confirmed is not blamed for what plain SENDs do while its answer is awaited.
func TestSubscription_promise5_of_a_relay_beside_SENDs_that_end_sessions(t *testing.T) {
	for _, pause := range []time.Duration{2 * time.Second, 10 * time.Second, 40 * time.Second} {
		rig.Bubble(t, pause.String(), func(t *testing.T) {
			b := ignoring(t)
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}))
			_, err := c.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
			rig.OK(t, err)
			app, err := c.NewSubscription(t.Context(), "/app/x")
			rig.OK(t, err)
			for range 20 {
				time.Sleep(pause)
				rig.OK(t, c.Send(t.Context(), "/queue/bad", nil))
			}
			rig.OK(t, app.Err())
		})
	}
}

// Promise 5: of two that were on trial together one was ended by its user, before the ERROR that meant it.
func TestSubscription_promise5_ended_while_on_trial_with_another(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ)) // where UNSUBSCRIBE is withheld until it is confirmed
		ctx, leave := context.WithCancel(t.Context())
		asked := 0
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			switch {
			case e.Connection == 1 && e.Frame.Command == wire.Receipt: // all three are held back, the first tried first
				return stomptest.Drop()
			case e.Direction != stomptest.In || e.Frame.Get("destination") != "/queue/bad":
				return stomptest.Pass()
			}
			if asked++; asked == 2 {
				leave()
			}
			time.Sleep(100 * time.Millisecond)
			return stomptest.ReplyError("refused", nil, nil, true)
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		var subs []*stomp.Subscription[stomp.Frame]
		for _, d := range []string{"/queue/good", "/queue/bad", "/queue/good"} {
			lifetime := t.Context()
			if d == "/queue/bad" {
				lifetime = ctx
			}
			sub, err := c.NewSubscription(lifetime, d)
			rig.OK(t, err)
			subs = append(subs, sub)
		}
		time.Sleep(time.Minute)
		for _, sub := range subs {
			rig.OK(t, sub.Err())
		}
		if n := b.Subscriptions("/queue/good"); n != 2 || asked != 2 {
			t.Errorf("%d of 2 subscriptions are there, and the third was asked for %d times, want 2", n, asked)
		}
	})
}

// Promise 5: innocent SENDs to the destination of guilty ones do not go with them where the server is slow.
func TestWithRetry_promise5_innocent_SENDs_to_the_same_destination(t *testing.T) {
	for _, every := range []int{2, 10} {
		rig.Bubble(t, fmt.Sprint(every), func(t *testing.T) {
			b := rig.PipeBroker(t)
			b.Intercept(func(e stomptest.Event) stomptest.Action {
				if e.Direction == stomptest.In && e.Frame.Get("bad") == "1" {
					return stomptest.ReplyError("refused", nil, nil, true)
				}
				return stomptest.Pass()
			})
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}), rig.WithLatency(t, b, 1500*time.Millisecond))
			var sent []*stomp.Receipt
			for i := range 100 {
				opts := []stomp.SendOption{stomp.WithRetry()}
				if i%every == 0 {
					opts = append(opts, stomp.WithHeader("bad", "1"))
				}
				r, err := c.SendAsync(t.Context(), "/queue/a", nil, opts...)
				rig.OK(t, err)
				sent = append(sent, r)
				time.Sleep(1900 * time.Millisecond)
			}
			time.Sleep(time.Hour)
			for i, r := range sent {
				<-r.Done()
				if i%every == 0 {
					rig.Refused(t, r.Err(), "refused")
				} else {
					rig.OK(t, r.Err())
				}
			}
		})
	}
}

// Promise 11: Disconnect has what is held back tried at once, also behind a trial whose answer is awaited for a minute.
func TestDisconnect_promise11_behind_a_trial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			switch d := e.Frame.Get("destination"); {
			case e.Direction != stomptest.In:
			case d == "/queue/bad":
				return stomptest.ReplyError("refused", nil, nil, true)
			case d == "/app/x", d == "/queue/slow" && b.Sessions() < 3:
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		_, err := c.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/app/x")
		rig.OK(t, err)
		slow, err := c.SendAsync(t.Context(), "/queue/slow", nil, stomp.WithRetry())
		rig.OK(t, err)
		for range 2 { // it is unanswered both times, and held back
			time.Sleep(4 * time.Second)
			rig.OK(t, c.Send(t.Context(), "/queue/bad", nil))
		}
		time.Sleep(5 * time.Second)
		if rig.IsClosed(slow.Done()) {
			t.Fatal("it is not held back")
		}
		rig.OK(t, c.Disconnect(rig.Within(t, 2*time.Second)))
		rig.OK(t, slow.Err())
	})
}

// Promise 5: a subscription that nothing confirms is not blamed for connections that are cut while it is on trial: each
// time it has passed the next one.
func TestSubscription_promise5_cut_during_its_trials(t *testing.T) {
	for _, pause := range []time.Duration{3 * time.Second, 10 * time.Second, time.Minute} {
		rig.Bubble(t, pause.String(), func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.Spring))
			c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond}))
			sub, err := c.NewSubscription(t.Context(), "/topic/a")
			rig.OK(t, err)
			for range 60 {
				b.Cut()
				time.Sleep(100 * time.Millisecond)
				b.Cut()
				time.Sleep(pause)
			}
			rig.OK(t, sub.Err())
			if n := b.Sessions(); n != 121 {
				t.Errorf("%d sessions: it was not cut during 60 trials", n)
			}
		})
	}
}
