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

// A broker that answers no receipt but DISCONNECT's affects only calls that ask for one.
func TestClient_promise11_Spring_nothing_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
		start := time.Now()
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		rig.OK(t, c.Send(t.Context(), "/topic/a", []byte("x")))
		rig.Body(t, sub.C, "x")
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/topic/a", []byte("y")))
		rig.OK(t, tx.Commit(t.Context()))
		rig.Body(t, sub.C, "y")
		rig.OK(t, sub.Unsubscribe(t.Context()))
		rig.OK(t, c.Disconnect(t.Context()))
		synctest.Wait()
		if d := time.Since(start); d != 0 || b.Connections() != 0 {
			t.Errorf("took %v; %d connections are left", d, b.Connections())
		}
	})
}

func TestClient_promise11_Spring_Drain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
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
}

func TestClient_promise11_Spring_what_asks_for_a_receipt_waits_within_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
		rig.ErrorIs(t, c.Send(rig.Within(t, time.Second), "/topic/a", nil, stomp.WithReceipt()), context.DeadlineExceeded)
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		rig.ErrorIs(t, sub.Confirmed(rig.Within(t, time.Second)), context.DeadlineExceeded)
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		rig.OK(t, c.Disconnect(t.Context())) // nobody waits for these any more
	})
}

func TestClient_promise11_Spring_Request_WithReplyTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
		rig.Answer(t, rig.Connect(t, b), "/topic/rpc")
		synctest.Wait()
		f, err := c.Request(t.Context(), "/topic/rpc", []byte("x"), stomp.WithReplyTo("/queue/mine"))
		rig.OK(t, err)
		if string(f.Body) != "xx" {
			t.Errorf("got %v", f)
		}
	})
}

// Every instance of a service may name the same reply queue, which is a topic there, and a session may get replies to
// requests of the one before.
func TestClient_promise11_Spring_Request_WithReplyTo_of_several_Clients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, one := rig.Pair(t, stomptest.WithProfile(stomptest.Spring))
		two := rig.Connect(t, b)
		requests, err := rig.Connect(t, b).Subscribe(t.Context(), "/topic/rpc")
		rig.OK(t, err)
		synctest.Wait()
		waits := rig.Go(func() error {
			_, err := one.Request(rig.Within(t, time.Second), "/topic/rpc", []byte("1"), stomp.WithReplyTo("/queue/mine"))
			return err
		})
		rig.Body(t, requests, "1")
		answered := rig.Go(func() error {
			_, err := two.Request(rig.Within(t, time.Second), "/topic/rpc", []byte("2"), stomp.WithReplyTo("/queue/mine"))
			return err
		})
		f := rig.Body(t, requests, "2")
		b.Publish("/queue/mine", [][2]string{{"correlation-id", f.Header.Get("correlation-id")}}, []byte("to 2"))
		rig.OK(t, <-answered)
		rig.ErrorIs(t, <-waits, context.DeadlineExceeded)
	})
}
