package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// suspect makes the next session restore subscriptions one by one: an ERROR that names nobody ends this one while
// SUBSCRIBEs are unanswered. It returns the next session's peer.
func suspect(t *testing.T, l *trunk, p *peer) *peer {
	t.Helper()
	p.send(wire.Error, "", [2]string{"message", "access refused"})
	close(l.gate)
	return l.accept(wire.V12)
}

// The end of a Client, or of a subscription, while subscriptions are restored.
func TestRestore_Ends(t *testing.T) {
	for _, end := range []struct {
		name string
		call func(context.Context, *stomp.Client) error
	}{
		{"Close", func(_ context.Context, c *stomp.Client) error { return c.Close() }},
		{"Disconnect", func(ctx context.Context, c *stomp.Client) error { return c.Disconnect(ctx) }},
	} {
		bubble(t, end.name+"_while_one_SUBSCRIBE_is_tried_alone", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			sub, err := c.NewSubscription(t.Context(), "/queue/a")
			fine(t, err)
			p.want(wire.Subscribe)
			p = suspect(t, l, p)
			p.want(wire.Subscribe)
			l.attend(p) // that SUBSCRIBE stays unanswered
			start := time.Now()
			fine(t, end.call(t.Context(), c))
			if d := time.Since(start); d != 0 {
				t.Errorf("took %v", d)
			}
			if _, open := <-sub.C; open {
				t.Error("the channel is open")
			}
			fine(t, sub.Err())
			matches(t, c.Err(), stomp.ErrClosed)
		})
	}
	bubble(t, "a_ctx_that_ends_while_its_SUBSCRIBE_is_tried_alone", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := c.NewSubscription(ctx, "/queue/a")
		fine(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/b")
		fine(t, err)
		p.want(wire.Subscribe)
		p = suspect(t, l, p)
		p.want(wire.Subscribe)
		cancel()
		p.want(wire.Unsubscribe)
		start := time.Now()
		if f := p.want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		if d := time.Since(start); d != time.Second { // the other one may still be refused
			t.Errorf("the next one was tried after %v", d)
		}
		fine(t, first.Err())
		l.attend(p)
	})
	bubble(t, "Promise5_likewise_while_its_Subscribe_waits_for_the_receipt", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { // joined below
			first <- second(c.Subscribe(ctx, "/queue/a", stomp.WithReceipt()))
		}()
		p.want(wire.Subscribe)
		synctest.Wait()
		other, err := c.NewSubscription(t.Context(), "/queue/b")
		fine(t, err)
		p.want(wire.Subscribe)
		p = suspect(t, l, p)
		p.want(wire.Subscribe)
		cancel()
		p.want(wire.Unsubscribe)
		matches(t, <-first, context.Canceled)
		p.send(wire.Error, "", [2]string{"message", "access refused"}) // the answer, which names nobody
		p = l.accept(wire.V12)
		if f := p.want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		fine(t, other.Err())
		l.attend(p)
	})
	bubble(t, "Promise4_WithoutResubscribe_ended_by_its_user_has_no_error", func(t *testing.T) {
		_, c, p := trunkRig(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		fine(t, err)
		p.want(wire.Subscribe)
		fine(t, c.Close())
		if _, open := <-sub.C; open {
			t.Error("the channel is open")
		}
		fine(t, sub.Err())
	})
	bubble(t, "Promise4_the_Client_ends_before_the_channel_does", func(t *testing.T) {
		_, c, p := trunkRig(t, wire.V12, stomp.WithoutReconnect())
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		fine(t, err)
		p.want(wire.Subscribe)
		p.nc.Close()
		if _, open := <-sub.C; open {
			t.Error("the channel is open")
		}
		matches(t, sub.Err(), stomp.ErrConnectionLost)
		matches(t, c.Err(), stomp.ErrConnectionLost)
	})
}

// What happens to callers while a session ends or begins.
func TestRestore_Meanwhile(t *testing.T) {
	bubble(t, "Promise5_ERROR_while_a_Subscribe_waits_for_room", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/big", make([]byte, 2<<20)))
		done := make(chan error, 1)
		go func() { _, err := c.Subscribe(t.Context(), "/queue/a"); done <- err }() // joined below
		synctest.Wait()
		l.attend(suspect(t, l, p))
		fine(t, <-done)
		got := l.carried()
		if len(got) != 2 || got[0] != "SUBSCRIBE /queue/a" {
			t.Errorf("%d frames, %.40q", len(got), got)
		}
	})
	bubble(t, "Promise2_a_consumer_that_sends_from_its_own_loop_while_its_queue_is_full", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12, stomp.WithBuffer(1, 0, stomp.OverflowBlock))
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		fine(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/b")
		fine(t, err)
		p.want(wire.Subscribe)
		p = suspect(t, l, p)
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
			f := p.want(wire.Subscribe)
			if wire.Get(f.Header, "destination") == "/queue/a" {
				p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
				for range 5 {
					p.send(wire.Message, "", [2]string{"subscription", sub.ID()}, [2]string{"destination", "/queue/a"}, [2]string{"message-id", "m"})
				}
				continue
			}
			p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		}
		l.attend(p)
		if n := <-consumed; n != 5 {
			t.Errorf("%d messages", n)
		}
	})
	bubble(t, "Promise7_a_session_that_ends_as_its_subscriptions_are_restored_loses_no_frame", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		_, err := c.Subscribe(t.Context(), "/queue/a")
		fine(t, err)
		p.want(wire.Subscribe)
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", []byte("1")))
		retried, err := c.SendAsync(t.Context(), "/queue/x", []byte("2"), stomp.WithRetry())
		fine(t, err)
		p = suspect(t, l, p)
		for range 5 { // each is alone, and a cut accuses nobody
			p.want(wire.Subscribe)
			p.nc.Close()
			p = l.accept(wire.V12)
		}
		f := p.want(wire.Subscribe)
		held := make(chan struct{})
		_, err = c.Subscribe(t.Context(), "/queue/b", stomp.WithHeaderFunc(func() stomp.Header { <-held; return nil }))
		fine(t, err)
		p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		synctest.Wait()
		p.nc.Close() // the carried frames are about to go out
		synctest.Wait()
		close(held)
		l.attend(l.accept(wire.V12))
		fine(t, retried.Wait(t.Context()))
		same(t, "the last session", l.carried(), []string{"SUBSCRIBE /queue/a", "SUBSCRIBE /queue/b", "SEND /queue/x 1", "SEND /queue/x 2"})
	})
	bubble(t, "Promise1_a_call_without_session_says_so_when_its_ctx_ends", func(t *testing.T) {
		_, c, p := trunkRig(t, wire.V12)
		p.nc.Close()
		synctest.Wait()
		start := time.Now()
		err := c.Send(within(t, 3*time.Second), "/queue/x", nil, stomp.WithRetry())
		matches(t, err, context.DeadlineExceeded, stomp.ErrNotConnected, stomp.ErrConnectionLost)
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
			matches(t, err, stomp.ErrNotConnected)
			if !stomp.Unsent(err) || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }
