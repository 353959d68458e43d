package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// As soon as the id of a subscription may be used again, its UNSUBSCRIBE has its place, and the SUBSCRIBE of the next
// one comes behind it: the broker never sees two of that id. The race is for a moment, so it is run many times.
func TestWithID_is_free_when_UNSUBSCRIBE_has_its_place(t *testing.T) {
	for name, end := range map[string]struct {
		profile stomptest.Profile
		opts    []stomp.SubscribeOption
		how     func(ctx context.Context, sub *stomp.Subscription[stomp.Frame], cancel func())
	}{
		"ctx_auto": {how: func(_ context.Context, _ *stomp.Subscription[stomp.Frame], cancel func()) { cancel() }},
		"ctx_client": {
			opts: []stomp.SubscribeOption{stomp.WithAck(stomp.AckClient)},
			how:  func(_ context.Context, _ *stomp.Subscription[stomp.Frame], cancel func()) { cancel() },
		},
		"Unsubscribe_client": {
			opts: []stomp.SubscribeOption{stomp.WithAck(stomp.AckClient)},
			how: func(ctx context.Context, sub *stomp.Subscription[stomp.Frame], _ func()) {
				sub.Unsubscribe(ctx)
			},
		},
		"Unsubscribe_and_ctx": {
			how: func(ctx context.Context, sub *stomp.Subscription[stomp.Frame], cancel func()) {
				go cancel()
				sub.Unsubscribe(ctx)
			},
		},
		"durable_in_two": {
			profile: stomptest.Classic,
			opts:    []stomp.SubscribeOption{stomp.WithAck(stomp.AckClient), stomp.WithHeader("activemq.subscriptionName", "mine")},
			how: func(ctx context.Context, sub *stomp.Subscription[stomp.Frame], _ func()) {
				sub.Unsubscribe(ctx, stomp.WithHeader("activemq.subscriptionName", "mine"))
			},
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(end.profile))
			const rounds = 400
			opts := append(end.opts, stomp.WithID("mine"))
			for range rounds {
				ctx, cancel := context.WithCancel(t.Context())
				sub, err := c.NewSubscription(ctx, "/topic/a", opts...)
				for errors.Is(err, stomp.ErrDuplicateID) { // the one before is still ending
					runtime.Gosched()
					sub, err = c.NewSubscription(ctx, "/topic/a", opts...)
				}
				rig.OK(t, err)
				go end.how(t.Context(), sub, cancel) // joined by the bubble
			}
			synctest.Wait()
			open := false
			for i, command := range slices.Compact(rig.Received(b)) { // two UNSUBSCRIBEs may end one
				if open == (command == wire.Subscribe) {
					t.Fatalf("frame %d is %s of the id while that is open: %t", i, command, open)
				}
				open = command == wire.Subscribe
			}
			if s := c.Stats(); open || s.Subscriptions != 0 || c.Err() != nil {
				t.Errorf("open %t, %d subscriptions, error %v", open, s.Subscriptions, c.Err())
			}
		})
	}
}

// Whoever has awaited the end of a subscription may use its id at once, in whichever way it ends.
func TestWithID_is_free_when_the_end_was_awaited(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, sub *stomp.Subscription[stomp.Frame], cancel func()){
		"Unsubscribe": func(t *testing.T, sub *stomp.Subscription[stomp.Frame], _ func()) {
			rig.OK(t, sub.Unsubscribe(t.Context()))
		},
		"Unsubscribe_while_ctx_ends": func(t *testing.T, sub *stomp.Subscription[stomp.Frame], cancel func()) {
			go cancel()
			rig.OK(t, sub.Unsubscribe(t.Context()))
		},
		"Unsubscribe_twice": func(t *testing.T, sub *stomp.Subscription[stomp.Frame], _ func()) {
			other := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
			rig.OK(t, sub.Unsubscribe(t.Context()))
			defer func() { rig.OK(t, <-other) }()
		},
		"channel_closed": func(t *testing.T, sub *stomp.Subscription[stomp.Frame], cancel func()) {
			cancel()
			rig.Closed(t, sub.C)
		},
	} {
		for _, mode := range []stomp.AckMode{stomp.AckAuto, stomp.AckClient} {
			rig.Bubble(t, fmt.Sprint(name, "_", mode), func(t *testing.T) {
				_, c := rig.Pair(t)
				for range 300 {
					ctx, cancel := context.WithCancel(t.Context())
					sub, err := c.NewSubscription(ctx, "/topic/a", stomp.WithID("mine"), stomp.WithAck(mode))
					rig.OK(t, err)
					end(t, sub, cancel)
					cancel()
				}
			})
		}
	}
}

// A subscription that ends in an outage frees its id at once, and a session that is restored has only its successor.
// The durable one of a broker is resumed by that.
func TestWithID_reused_across_a_reconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		durable := stomp.WithHeader("activemq.subscriptionName", "mine")
		ctx, cancel := context.WithCancel(t.Context())
		old, err := c.NewSubscription(ctx, "/topic/old", stomp.WithID("mine"), durable)
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Conn.Close()
		synctest.Wait()
		cancel()
		rig.Closed(t, old.C)
		again, err := c.NewSubscription(t.Context(), "/topic/new", stomp.WithID("mine"), durable)
		rig.OK(t, err)
		server.Resume(wire.V12)
		rig.OK(t, again.Confirmed(rig.Within(t, time.Second)))
		rig.Equal(t, "the next session", server.Carried(), []string{"SUBSCRIBE /topic/new"})
	})
}

// Under Drain no id is used again.
func TestWithID_under_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.Subscribe(ctx, "/topic/a", stomp.WithID("mine"))
		rig.OK(t, err)
		done := rig.Go(func() error { return c.Drain(t.Context()) })
		cancel()
		for err = error(nil); err == nil || errors.Is(err, stomp.ErrDuplicateID); runtime.Gosched() {
			if _, err = c.Subscribe(t.Context(), "/topic/a", stomp.WithID("mine")); err == nil {
				break // before Drain
			}
		}
		rig.OK(t, <-done)
		commands := rig.Received(b)
		for i, command := range commands[:len(commands)-1] {
			if want := []string{"SUBSCRIBE", "UNSUBSCRIBE"}[i%2]; command != want {
				t.Fatalf("the broker got %v", commands)
			}
		}
	})
}
