package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A broker that answers no receipt but DISCONNECT's costs nothing but what asked for one.
func TestPromise11_Spring(t *testing.T) {
	rig := func(t *testing.T) (*stomptest.Broker, *stomp.Client) {
		t.Helper()
		return pipeRig(t, stomptest.WithProfile(stomptest.Spring))
	}
	bubble(t, "nothing_waits", func(t *testing.T) {
		b, c := rig(t)
		start := time.Now()
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		fine(t, err)
		fine(t, c.Send(t.Context(), "/topic/a", []byte("x")))
		if f := <-sub.C; string(f.Body) != "x" {
			t.Errorf("got %v", f)
		}
		tx, err := c.Begin(t.Context())
		fine(t, err)
		fine(t, tx.Send(t.Context(), "/topic/a", []byte("y")))
		fine(t, tx.Commit(t.Context()))
		if f := <-sub.C; string(f.Body) != "y" {
			t.Errorf("got %v", f)
		}
		fine(t, sub.Unsubscribe(t.Context()))
		fine(t, c.Disconnect(t.Context()))
		synctest.Wait()
		if d := time.Since(start); d != 0 || b.Connections() != 0 {
			t.Errorf("took %v; %d connections are left", d, b.Connections())
		}
	})
	bubble(t, "Drain", func(t *testing.T) {
		b, c := rig(t)
		for range 10 {
			ch, err := c.Subscribe(t.Context(), "/topic/a")
			fine(t, err)
			go func() { // ends with the channel
				for range ch {
				}
			}()
		}
		b.Publish("/topic/a", nil, []byte("x"))
		start := time.Now()
		fine(t, c.Drain(t.Context()))
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
	bubble(t, "what_asks_for_a_receipt_waits_within_ctx", func(t *testing.T) {
		_, c := rig(t)
		matches(t, c.Send(within(t, time.Second), "/topic/a", nil, stomp.WithReceipt()), context.DeadlineExceeded)
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		fine(t, err)
		matches(t, sub.Confirmed(within(t, time.Second)), context.DeadlineExceeded)
		matches(t, sub.Unsubscribe(within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		fine(t, c.Disconnect(t.Context())) // nobody waits for these any more
	})
	bubble(t, "Request_WithReplyTo", func(t *testing.T) {
		b, c := rig(t)
		server := joinBroker(t, b)
		requests, err := server.Subscribe(t.Context(), "/topic/rpc")
		fine(t, err)
		synctest.Wait()
		go func() { // ends with the client
			for f := range requests {
				server.Send(t.Context(), f.Header.Get("reply-to"), f.Body, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
			}
		}()
		f, err := c.Request(t.Context(), "/topic/rpc", []byte("x"), stomp.WithReplyTo("/queue/mine"))
		fine(t, err)
		if string(f.Body) != "x" {
			t.Errorf("got %v", f)
		}
	})
}
