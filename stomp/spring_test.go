package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A broker that answers no receipt but DISCONNECT's costs nothing but what asked for one.
func TestPromise11_Spring(t *testing.T) {
	spring := func(t *testing.T) (*stomptest.Broker, *stomp.Client) {
		t.Helper()
		return rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
	}
	rig.Bubble(t, "nothing_waits", func(t *testing.T) {
		b, c := spring(t)
		start := time.Now()
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		rig.OK(t, c.Send(t.Context(), "/topic/a", []byte("x")))
		if f := <-sub.C; string(f.Body) != "x" {
			t.Errorf("got %v", f)
		}
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/topic/a", []byte("y")))
		rig.OK(t, tx.Commit(t.Context()))
		if f := <-sub.C; string(f.Body) != "y" {
			t.Errorf("got %v", f)
		}
		rig.OK(t, sub.Unsubscribe(t.Context()))
		rig.OK(t, c.Disconnect(t.Context()))
		synctest.Wait()
		if d := time.Since(start); d != 0 || b.Connections() != 0 {
			t.Errorf("took %v; %d connections are left", d, b.Connections())
		}
	})
	rig.Bubble(t, "Drain", func(t *testing.T) {
		b, c := spring(t)
		for range 10 {
			ch, err := c.Subscribe(t.Context(), "/topic/a")
			rig.OK(t, err)
			go func() { // ends with the channel
				for range ch {
				}
			}()
		}
		b.Publish("/topic/a", nil, []byte("x"))
		rig.Takes(t, 0, func() { rig.OK(t, c.Drain(t.Context())) })
	})
	rig.Bubble(t, "what_asks_for_a_receipt_waits_within_ctx", func(t *testing.T) {
		_, c := spring(t)
		rig.ErrorIs(t, c.Send(rig.Within(t, time.Second), "/topic/a", nil, stomp.WithReceipt()), context.DeadlineExceeded)
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		rig.ErrorIs(t, sub.Confirmed(rig.Within(t, time.Second)), context.DeadlineExceeded)
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		rig.OK(t, c.Disconnect(t.Context())) // nobody waits for these any more
	})
	rig.Bubble(t, "Request_WithReplyTo", func(t *testing.T) {
		b, c := spring(t)
		server := rig.Connect(t, b)
		requests, err := server.Subscribe(t.Context(), "/topic/rpc")
		rig.OK(t, err)
		synctest.Wait()
		go func() { // ends with the client
			for f := range requests {
				server.Send(t.Context(), f.Header.Get("reply-to"), f.Body, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
			}
		}()
		f, err := c.Request(t.Context(), "/topic/rpc", []byte("x"), stomp.WithReplyTo("/queue/mine"))
		rig.OK(t, err)
		if string(f.Body) != "x" {
			t.Errorf("got %v", f)
		}
	})
}
