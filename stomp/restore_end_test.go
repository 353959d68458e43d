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
)

// suspect makes the next session restore subscriptions one by one: an ERROR that names nobody ends this one while
// SUBSCRIBEs are unanswered. It returns the next session's peer.
func suspect(t *testing.T, server *rig.Server, p *rig.Peer) *rig.Peer {
	t.Helper()
	p.Send(wire.Error, "", "message", "access refused")
	server.Release()
	return server.AcceptSession(wire.V12)
}

// The end of a Client, or of a subscription, while subscriptions are restored.
func TestClient_ends_while_one_SUBSCRIBE_is_tried_alone(t *testing.T) {
	for _, end := range []struct {
		name string
		call func(context.Context, *stomp.Client) error
	}{
		{"Close", func(_ context.Context, c *stomp.Client) error { return c.Close() }},
		{"Disconnect", func(ctx context.Context, c *stomp.Client) error { return c.Disconnect(ctx) }},
	} {
		rig.Bubble(t, end.name+"_while_one_SUBSCRIBE_is_tried_alone", func(t *testing.T) {
			server, p, c := rig.Reconnecting(t, wire.V12)
			sub, err := c.NewSubscription(t.Context(), "/queue/a")
			rig.OK(t, err)
			p.Want(wire.Subscribe)
			p = suspect(t, server, p)
			p.Want(wire.Subscribe)
			server.Attend(p) // that SUBSCRIBE stays unanswered
			rig.Takes(t, 0, func() { rig.OK(t, end.call(t.Context(), c)) })
			rig.Closed(t, sub.C)
			rig.OK(t, sub.Err())
			rig.ErrorIs(t, c.Err(), stomp.ErrClosed)
		})
	}
}

func TestSubscription_ctx_ends_while_its_SUBSCRIBE_is_tried_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := c.NewSubscription(ctx, "/queue/a")
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/b")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p = suspect(t, server, p)
		p.Want(wire.Subscribe)
		cancel()
		p.Want(wire.Unsubscribe)
		start := time.Now()
		if f := p.Want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		if d := time.Since(start); d != time.Second { // the other one may still be refused
			t.Errorf("the next one was tried after %v", d)
		}
		rig.OK(t, first.Err())
		server.Attend(p)
	})
}

func TestSubscribe_promise5_ctx_ends_while_its_SUBSCRIBE_is_tried_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first := rig.Go(func() error {
			return second(c.Subscribe(ctx, "/queue/a", stomp.WithReceipt()))
		})
		p.Want(wire.Subscribe)
		synctest.Wait()
		other, err := c.NewSubscription(t.Context(), "/queue/b")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p = suspect(t, server, p)
		p.Want(wire.Subscribe)
		cancel()
		p.Want(wire.Unsubscribe)
		rig.ErrorIs(t, <-first, context.Canceled)
		p.Send(wire.Error, "", "message", "access refused") // the answer, which names nobody
		p = server.AcceptSession(wire.V12)
		if f := p.Want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		rig.OK(t, other.Err())
		server.Attend(p)
	})
}

func TestWithoutResubscribe_promise4_ended_by_its_user_has_no_error(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		rig.OK(t, c.Close())
		rig.Closed(t, sub.C)
		rig.OK(t, sub.Err())
	})
}

func TestClient_promise4_ends_before_the_channel_does(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12, stomp.WithoutReconnect())
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Close()
		rig.Closed(t, sub.C)
		rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
	})
}

// What happens to callers while a session ends or begins.
func TestSubscribe_promise5_ERROR_while_it_waits_for_room(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/big", make([]byte, 2<<20)))
		done := make(chan error, 1)
		go func() { _, err := c.Subscribe(t.Context(), "/queue/a"); done <- err }() // joined below
		synctest.Wait()
		server.Attend(suspect(t, server, p))
		rig.OK(t, <-done)
		got := server.Carried()
		if len(got) != 2 || got[0] != "SUBSCRIBE /queue/a" {
			t.Errorf("%d frames, %.40q", len(got), got)
		}
	})
}

func TestSubscription_promise2_restored_while_its_consumer_sends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12, stomp.WithBuffer(1, 0, stomp.OverflowBlock))
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/b")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p = suspect(t, server, p)
		consumed := make(chan int)
		go func() { // joined below
			n := 0
			for range sub.C {
				if err := c.Send(t.Context(), "/queue/out", nil); err != nil {
					t.Error(err)
				}
				if n++; n == 5 {
					break
				}
			}
			consumed <- n
		}()
		for range 2 { // the SUBSCRIBEs, one by one
			f := p.Want(wire.Subscribe)
			if wire.Get(f.Header, "destination") == "/queue/a" {
				p.Receipt(f)
				for range 5 {
					p.Send(wire.Message, "", "subscription", sub.ID(), "destination", "/queue/a", "message-id", "m")
				}
				continue
			}
			p.Receipt(f)
		}
		server.Attend(p)
		if n := <-consumed; n != 5 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestClient_promise7_session_that_ends_while_restoring_loses_no_frame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		held := make(chan struct{})
		close(held)
		_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithSubscribeHeaderFunc(func(ctx context.Context) (stomp.Header, error) {
			select {
			case <-held:
				return nil, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("1")))
		retried, err := c.SendAsync(t.Context(), "/queue/x", []byte("2"), stomp.WithRetry())
		rig.OK(t, err)
		held = make(chan struct{})
		p.Close()
		server.Release()
		for range 5 { // no session gets as far as the first frame
			p = server.AcceptSession(wire.V12)
			synctest.Wait()
			p.Close()
		}
		_, err = c.Subscribe(t.Context(), "/queue/b")
		rig.OK(t, err)
		close(held)
		server.Attend(server.AcceptSession(wire.V12))
		rig.OK(t, retried.Wait(t.Context()))
		rig.Equal(t, "the last session", server.Carried(), []string{"SUBSCRIBE /queue/a", "SUBSCRIBE /queue/b", "SEND /queue/x 1", "SEND /queue/x 2"})
	})
}

func TestSend_promise1_without_session_says_so_when_its_ctx_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		p.Close()
		synctest.Wait()
		start := time.Now()
		err := c.Send(rig.Within(t, 3*time.Second), "/queue/x", nil, stomp.WithRetry())
		rig.ErrorIs(t, err, context.DeadlineExceeded, stomp.ErrNotConnected, stomp.ErrConnectionLost)
		if d := time.Since(start); d != 3*time.Second || !stomp.Unsent(err) {
			t.Errorf("after %v: %v", d, err)
		}
		for _, err := range []error{
			c.Send(t.Context(), "/queue/x", nil, stomp.WithoutWaiting()),
			second(c.SendAsync(t.Context(), "/queue/x", nil, stomp.WithoutWaiting())),
			second(c.Subscribe(t.Context(), "/queue/x", stomp.WithoutWaiting())),
			second(c.Begin(t.Context(), stomp.WithoutWaiting())),
			second(c.Request(t.Context(), "/queue/x", nil, stomp.WithoutWaiting())),
		} {
			rig.ErrorIs(t, err, stomp.ErrNotConnected)
			if !stomp.Unsent(err) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
