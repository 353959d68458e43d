package stomp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// sends lists what came to the attended connections: receipt id and body of each SEND.
func sends(server *rig.Server) (list []string) {
	for _, f := range server.Attended() {
		if f.Command == wire.Send {
			list = append(list, wire.Get(f.Header, "receipt")+"="+string(f.Body))
		}
	}
	return list
}

// WithRetry: at least once.
func TestWithRetry_the_same_frame_until_its_receipt_comes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		server.Release()
		body := []byte("payload")
		r, err := c.SendAsync(t.Context(), "/queue/x", body, stomp.WithRetry(), stomp.WithHeader("k", "v:1"))
		rig.OK(t, err)
		copy(body, "changed") // Send has copied it
		first := p.Want(wire.Send)
		for range 10 {
			p.Close()
			p = server.AcceptSession(wire.V12)
			again := p.Want(wire.Send)
			if fmt.Sprint(again.Header) != fmt.Sprint(first.Header) || string(again.Body) != "payload" {
				t.Fatalf("%v %q, first it was %v %q", again.Header, again.Body, first.Header, first.Body)
			}
			if r.Err() != nil {
				t.Fatal(r.Err())
			}
		}
		p.Receipt(first)
		rig.OK(t, r.Wait(t.Context()))
		p.Close()
		server.Attend(server.AcceptSession(wire.V12))
		rig.Equal(t, "after its receipt", server.Carried(), nil)
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts are pending", n)
		}
	})
}

func TestWithRetry_an_ERROR_ends_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		r, err := c.SendAsync(t.Context(), "/queue/x", nil, stomp.WithRetry())
		rig.OK(t, err)
		f := p.Want(wire.Send)
		p.Send(wire.Error, "", "message", "no", "receipt-id", wire.Get(f.Header, "receipt"))
		rig.Refused(t, r.Wait(t.Context()), "no")
		p.Close()
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), nil)
	})
}

func TestWithRetry_order_of_retried_and_unwritten_frames_is_that_of_acceptance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		send := func(body string, opts ...stomp.SendOption) {
			_, err := c.SendAsync(t.Context(), "/queue/x", []byte(body), opts...)
			rig.OK(t, err)
		}
		send("1", stomp.WithRetry())
		send("2", stomp.WithRetry())
		send("lost")
		for range 3 {
			p.Want(wire.Send)
		}
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("3")))
		send("4", stomp.WithRetry())
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("5")))
		send("6")
		p.Close()
		synctest.Wait()
		waits := rig.Go(func() error { return c.Send(t.Context(), "/queue/x", []byte("7"), stomp.WithRetry()) })
		synctest.Wait()
		server.Resume(wire.V12)
		rig.OK(t, <-waits)
		rig.Equal(t, "the next session", sends(server), []string{"r1=1", "r2=2", "=3", "r4=4", "=5", "r5=6", "r6=7"})
	})
}

// Several sessions that take a part of what is sent again, or nothing, change nothing about its order.
func TestWithRetry_order_over_several_sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		server.Release()
		for i := range 5 {
			_, err := c.SendAsync(t.Context(), "/queue/x", fmt.Append(nil, i), stomp.WithRetry())
			rig.OK(t, err)
		}
		for n := range 5 { // takes n frames, and a part of one, and confirms one
			var f wire.Frame
			for range min(n, 4) {
				f = p.Want(wire.Send)
			}
			if n == 2 {
				p.Receipt(f) // of "1"
				synctest.Wait()
			}
			p.Close()
			p = server.AcceptSession(wire.V12)
		}
		for range 3 {
			_, err := c.SendAsync(t.Context(), "/queue/x", []byte("later"), stomp.WithRetry())
			rig.OK(t, err)
		}
		server.Attend(p)
		rig.Equal(t, "the last session", sends(server), []string{"r1=0", "r3=2", "r4=3", "r5=4", "r6=later", "r7=later", "r8=later"})
	})
}

// retried runs a test with each call that takes WithRetry: start makes the call in a goroutine, and returns what gets
// its result.
func retried(t *testing.T, test func(t *testing.T, start func(ctx context.Context, c *stomp.Client) <-chan error)) {
	t.Helper()
	for name, call := range map[string]func(context.Context, *stomp.Client) error{
		"Send": func(ctx context.Context, c *stomp.Client) error {
			return c.Send(ctx, "/queue/x", nil, stomp.WithRetry())
		},
		"SendAsync": func(ctx context.Context, c *stomp.Client) error {
			r, err := c.SendAsync(ctx, "/queue/x", nil, stomp.WithRetry())
			if err == nil {
				<-r.Done()
				err = r.Err()
			}
			return err
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			test(t, func(ctx context.Context, c *stomp.Client) <-chan error {
				done := make(chan error, 1)
				go func() { done <- call(ctx, c) }() // joined by who receives
				return done
			})
		})
	}
}

func TestWithRetry_ctx_ends_while_the_receipt_is_awaited(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		rig.Takes(t, time.Second, func() {
			done := start(rig.Within(t, time.Second), c)
			p.Want(wire.Send)
			err := <-done
			rig.ErrorIs(t, err, context.DeadlineExceeded)
			rig.MaySent(t, err)
		})
		p.Close()
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), nil)
	})
}

func TestWithRetry_ctx_ends_between_two_sessions(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		done := start(rig.Within(t, time.Second), c)
		p.Want(wire.Send)
		p.Close()
		err := <-done
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.MaySent(t, err)
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), nil)
	})
}

func TestWithRetry_ctx_ends_before_it_was_ever_written(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		p.Block(c)
		done := start(rig.Within(t, time.Second), c)
		synctest.Wait()
		p.Close()
		err := <-done
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.Unsent(t, err)
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), nil)
	})
}

func TestWithRetry_ctx_ends_while_it_waits_to_be_written_again(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		_, err := c.SendAsync(t.Context(), "/queue/first", nil, stomp.WithRetry())
		rig.OK(t, err)
		done := start(rig.Within(t, time.Second), c)
		p.Want(wire.Send)
		p.Want(wire.Send)
		p.Close()
		server.Release()
		p = server.AcceptSession(wire.V12) // and reads nothing: the frames wait
		rig.MaySent(t, <-done)             // it was written on the first session
		p.Close()
		server.Attend(server.AcceptSession(wire.V12))
		rig.Equal(t, "the last session", server.Carried(), []string{"SEND /queue/first"})
	})
}

func TestWithRetry_ctx_ends_before_it_was_written_again(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		_, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		done := start(rig.Within(t, 3*time.Second), c)
		p.Want(wire.Subscribe)
		p.Want(wire.Send)
		p = suspect(t, server, p) // reads no SUBSCRIBE: when its time is over, SEND waits behind it
		rig.MaySent(t, <-done)    // it was written on the first session
		server.Attend(p)
		rig.Equal(t, "the session", server.Carried(), []string{"SUBSCRIBE /queue/a"})
	})
}

func TestWithRetry_the_Client_ends(t *testing.T) {
	retried(t, func(t *testing.T, start func(context.Context, *stomp.Client) <-chan error) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		done := start(t.Context(), c)
		p.Want(wire.Send)
		p.Close()
		synctest.Wait()
		rig.OK(t, c.Close())
		rig.ErrorIs(t, <-done, stomp.ErrClosed)
	})
}

// What WithRetry excludes.
func TestWithRetry_is_refused_in_transactions_and_Request(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		server.Attend(p)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		for _, err := range []error{
			tx.Send(t.Context(), "/queue/x", nil, stomp.WithRetry()),
			second(c.Request(t.Context(), "/queue/x", nil, stomp.WithRetry())),
		} {
			if err == nil || !stomp.Unsent(err) {
				t.Errorf("%v", err)
			}
		}
		rig.Equal(t, "the session", server.Carried(), []string{"BEGIN"})
	})
}

func TestDisconnect_says_that_accepted_frames_are_dropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", nil))
		p.Close()
		synctest.Wait()
		rig.ErrorIs(t, c.Disconnect(t.Context()), stomp.ErrConnectionLost)
		rig.OK(t, c.Disconnect(t.Context()))
	})
}

func TestDisconnect_in_an_outage_with_nothing_accepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		p.Close()
		synctest.Wait()
		rig.OK(t, c.Disconnect(t.Context()))
	})
}
