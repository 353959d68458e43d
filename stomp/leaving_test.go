package stomp_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// consumerPatience is how long the end of a Client waits for a consumer that takes nothing: see leaving.go.
const consumerPatience = 15 * time.Second

// What had arrived in auto mode is delivered when the session, the broker or the Client ends the subscription. The
// broker has it no more.
func TestSubscription_promise7_what_had_arrived_is_delivered(t *testing.T) {
	cut := func(b *stomptest.Broker) { b.Cut() }
	for name, end := range map[string]struct {
		client []stomp.ConnectOption
		sub    []stomp.SubscribeOption
		how    func(b *stomptest.Broker)
	}{
		"WithoutReconnect":   {how: cut},
		"WithoutResubscribe": {[]stomp.ConnectOption{stomp.WithReconnect(rig.QuickBackoff)}, []stomp.SubscribeOption{stomp.WithoutResubscribe()}, cut},
		"cancelled":          {how: func(b *stomptest.Broker) { b.Cancel("/queue/a") }},
		"no_reconnecting_any_more": {client: []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Attempts: 1})}, how: func(b *stomptest.Broker) {
			b.RefuseHandshakes(503, "")
			b.Cut()
		}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			c := rig.Connect(t, b, end.client...)
			sub := waiting(t, b, c, 100, end.sub...)
			end.how(b)
			<-sub.Done()
			if s := c.Stats(); sub.Err() == nil || s.Queued != 100 || s.Subscriptions != 0 {
				t.Errorf("error %v, stats %+v", sub.Err(), s)
			}
			why := sub.Err()
			got, open := rig.Bodies(sub.C)
			rig.Equal(t, "bodies", got, rig.Numbers(1, 100))
			if open || sub.Err() != why || sub.Stats() != (stomp.SubscriptionStats{Received: 100, Delivered: 100}) || c.Stats().Queued != 0 {
				t.Errorf("open %t, error %v, stats %+v", open, sub.Err(), sub.Stats())
			}
			if c.Err() != nil {
				rig.Takes(t, 0, func() { <-c.Done() })
			}
		})
		rig.Bubble(t, name+"_typed", func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			c := rig.Connect(t, b, end.client...)
			sub := typed(t, t.Context(), b, c, 100, end.sub...)
			end.how(b)
			<-sub.Done()
			rig.Equal(t, "values", values(sub.C), upTo(100))
		})
	}
}

// In the client modes the broker delivers it again, and it can be acknowledged no more.
func TestSubscription_client_modes_close_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100, stomp.WithAck(stomp.AckClient))
		b.Cut()
		rig.Takes(t, 0, func() { <-c.Done() })
		got, _ := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
	})
}

// A Client that has failed says so at once, and is Done when its consumers are. Who takes nothing holds that up for a
// while only; who is slow may take as long as it needs.
func TestClient_promise4_failed_waits_for_its_consumers(t *testing.T) {
	rig.Bubble(t, "one_that_reads_nothing", func(t *testing.T) {
		b, log := rig.PipeBroker(t), new(rig.Log)
		c := rig.Connect(t, b, stomp.WithLogger(log.Logger(slog.LevelWarn)))
		sub := waiting(t, b, c, 100)
		b.Cut()
		<-sub.Done()
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
		rig.Closed(t, drained(c.Watch(t.Context())))
		rig.Takes(t, consumerPatience, func() { <-c.Done() })
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open || c.Stats().Dropped != 100-channelBuffer || len(log.Lines("takes nothing any more")) != 1 {
			t.Errorf("open %t, stats %+v, log %v", open, c.Stats(), log)
		}
	})
	rig.Bubble(t, "a_slow_one", func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		b.Cut()
		for _, body := range rig.Numbers(1, 100) {
			time.Sleep(consumerPatience - 1)
			rig.Body(t, sub.C, body)
		}
		rig.Closed(t, sub.C)
		rig.Takes(t, 0, func() { <-c.Done() })
	})
	rig.Bubble(t, "a_slow_one_until_the_lifetime_ends", func(t *testing.T) {
		b := rig.PipeBroker(t)
		life, end := context.WithCancel(t.Context())
		c := rig.Connect(t, b, stomp.WithLifetime(life))
		sub := waiting(t, b, c, 100)
		b.Cut()
		<-sub.Done()
		time.Sleep(time.Second)
		end()
		rig.Takes(t, 0, func() { <-c.Done() })
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
	})
	rig.Bubble(t, "leaving_before", func(t *testing.T) { // the subscription has ended long before the Client does
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond, Attempts: 1}))
		sub := waiting(t, b, c, 100, stomp.WithoutResubscribe())
		w := c.Watch(t.Context())
		b.Cut()
		rig.UntilSession(t, w, 2)
		time.Sleep(time.Hour)
		if n := sub.Stats().Queued; n != 100 {
			t.Errorf("%d frames are left", n)
		}
		b.RefuseHandshakes(503, "")
		b.Cut()
		rig.Until(t, w, stomp.StateClosed)
		rig.Takes(t, consumerPatience, func() { <-c.Done() })
	})
}

// drained reads what is in a channel, and returns it.
func drained[T any](c <-chan T) <-chan T {
	<-c
	return c
}

// The user has the last word: what had arrived is dropped at once.
func TestSubscription_leaving_is_ended_by_its_user(t *testing.T) {
	dropped := func(t *testing.T, c *stomp.Client, sub *stomp.Subscription[stomp.Frame]) {
		t.Helper()
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
		if open || c.Stats().Dropped != 100-channelBuffer {
			t.Errorf("open %t, stats %+v", open, c.Stats())
		}
	}
	for name, how := range map[string]func(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Frame], cancel func()) error{
		"ctx": func(_ context.Context, _ *stomp.Client, _ *stomp.Subscription[stomp.Frame], cancel func()) error {
			cancel()
			return context.DeadlineExceeded
		},
		"Close": func(_ context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			c.Close()
			return context.DeadlineExceeded
		},
		"Disconnect": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			c.Disconnect(ctx)
			return context.DeadlineExceeded
		},
		"Unsubscribe": func(ctx context.Context, _ *stomp.Client, sub *stomp.Subscription[stomp.Frame], _ func()) error {
			return sub.Unsubscribe(ctx)
		},
		"Drain": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame], _ func()) error {
			return c.Drain(ctx)
		},
	} {
		for _, lasts := range []bool{true, false} { // the Client
			kind := "_of_a_Client_that_has_failed"
			opts := []stomp.ConnectOption{stomp.WithoutReconnect()}
			if lasts {
				kind, opts = "", []stomp.ConnectOption{stomp.WithReconnect(rig.QuickBackoff)}
			}
			rig.Bubble(t, name+kind, func(t *testing.T) {
				b := rig.PipeBroker(t)
				c := rig.Connect(t, b, opts...)
				ctx, cancel := context.WithCancel(t.Context())
				sub, err := c.NewSubscription(ctx, "/queue/a", stomp.WithoutResubscribe())
				rig.OK(t, err)
				rig.Publish(b, "/queue/a", rig.Numbers(1, 100)...)
				synctest.Wait()
				b.Cut()
				<-sub.Done()
				time.Sleep(time.Second)
				rig.ErrorIs(t, how(rig.Within(t, time.Second), c, sub, cancel), context.DeadlineExceeded)
				dropped(t, c, sub)
			})
		}
	}
}

// An Unsubscribe under way decides what becomes of the subscription: neither the loss of its session nor the broker's
// ERROR takes what had arrived from it, nor changes Err, which C may have been closed with.
func TestUnsubscribe_under_way_is_not_overridden(t *testing.T) {
	for name, end := range map[string]struct {
		client []stomp.ConnectOption
		how    func(b *stomptest.Broker)
	}{
		"lost":          {[]stomp.ConnectOption{stomp.WithReconnect(rig.QuickBackoff)}, func(b *stomptest.Broker) { b.Cut() }},
		"lost_for_good": {nil, func(b *stomptest.Broker) { b.Cut() }},
		"cancelled":     {nil, func(b *stomptest.Broker) { b.Cancel("/queue/a") }},
	} {
		rig.Bubble(t, name+"_auto", func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			c := rig.Connect(t, b, end.client...)
			sub := waiting(t, b, c, 100, stomp.WithoutResubscribe())
			rig.On(b, "UNSUBSCRIBE", "", rig.Always(stomptest.Drop()))
			done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
			synctest.Wait()
			end.how(b)
			synctest.Wait()
			got, open := rig.Bodies(sub.C)
			rig.Equal(t, "bodies", got, rig.Numbers(1, 100))
			if open || sub.Err() != nil || sub.Stats().Dropped != 0 {
				t.Errorf("open %t, error %v, stats %+v", open, sub.Err(), sub.Stats())
			}
			c.Close() // that UNSUBSCRIBE may be waiting for its answer
			rig.OK(t, <-done)
		})
		rig.Bubble(t, name+"_client", func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
			c := rig.Connect(t, b, end.client...)
			sub := waiting(t, b, c, 1, stomp.WithoutResubscribe(), stomp.WithAck(stomp.AckClient))
			done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
			for range sub.C { // closed at once
			}
			rig.OK(t, sub.Err())
			end.how(b)
			rig.OK(t, <-done)
			rig.OK(t, sub.Err())
		})
	}
}
