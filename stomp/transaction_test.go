package stomp_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestTransaction_M4_commit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, frames := handedOut(t, stomp.AckClientIndividual, 2)
		tx, err := c.Begin(t.Context(), stomp.WithHeader("x", "y"))
		rig.OK(t, err)
		defer tx.Abort(t.Context())
		rig.OK(t, tx.Send(t.Context(), "/queue/b", []byte("1")))
		rig.OK(t, tx.Send(t.Context(), "/queue/b", []byte("2"), stomp.WithHeader("n", "2")))
		rig.OK(t, tx.Ack(t.Context(), frames[0]))
		rig.OK(t, tx.Nack(t.Context(), frames[1], stomp.WithHeader("requeue", "false")))
		synctest.Wait()
		if b.QueueLen("/queue/b") != 0 || b.Unacked("/queue/a") != 2 {
			t.Error("it took effect before Commit")
		}
		rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
		if b.QueueLen("/queue/b") != 2 || b.Unacked("/queue/a") != 0 {
			t.Errorf("%d were sent, %d are unacked", b.QueueLen("/queue/b"), b.Unacked("/queue/a"))
		}
		rig.Equal(t, "the broker", rig.Received(b, "transaction", "x", "n")[1:], []string{
			"BEGIN transaction:t1 x:y", "SEND transaction:t1", "SEND transaction:t1 n:2", "ACK transaction:t1", "NACK transaction:t1", "COMMIT transaction:t1"})
	})
}

func TestTransaction_M4_abort_gives_acks_back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, frames := handedOut(t, stomp.AckClient, 3)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/queue/b", nil))
		rig.OK(t, tx.Ack(t.Context(), frames[1]))
		rig.ErrorIs(t, c.Ack(t.Context(), frames[0]), stomp.ErrNotAckable)
		rig.OK(t, tx.Abort(t.Context(), stomp.WithReceipt()))
		if b.QueueLen("/queue/b") != 0 || b.Unacked("/queue/a") != 3 {
			t.Errorf("%d were sent, %d are unacked", b.QueueLen("/queue/b"), b.Unacked("/queue/a"))
		}
		rig.OK(t, c.Ack(t.Context(), frames[0], stomp.WithReceipt()))
		rig.OK(t, c.Ack(t.Context(), frames[2], stomp.WithReceipt()))
		if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
			t.Errorf("%d are unacked, client's error %v", n, c.Err())
		}
	})
}

// On Artemis an ACK or NACK counts at once, and a second one would end the session: Abort gives nothing back.
func TestTransaction_M4_abort_gives_no_acks_back_on_Artemis(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		rig.Bubble(t, mode.String(), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(stomptest.Artemis))
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(mode))
			rig.OK(t, err)
			frames := rig.Deliver(t, b, "/queue/a", sub.C, 3)
			tx, err := c.Begin(t.Context())
			rig.OK(t, err)
			rig.OK(t, tx.Ack(t.Context(), frames[0]))
			rig.OK(t, tx.Nack(t.Context(), frames[1]))
			rig.OK(t, tx.Abort(t.Context(), stomp.WithReceipt()))
			rig.ErrorIs(t, c.Ack(t.Context(), frames[0]), stomp.ErrNotAckable)
			rig.ErrorIs(t, c.Ack(t.Context(), frames[1]), stomp.ErrNotAckable)
			rig.OK(t, c.Ack(t.Context(), frames[2], stomp.WithReceipt()))
			rig.Equal(t, "the broker", rig.Received(b)[1:], []string{"BEGIN", "ACK", "NACK", "ABORT", "ACK"})
			if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
				t.Errorf("%d are unacked, client's error %v", n, c.Err())
			}

			// Nor does Unsubscribe wait for a transaction that what it acknowledged does not depend on.
			f := rig.Deliver(t, b, "/queue/a", sub.C, 1)[0]
			tx, err = c.Begin(t.Context())
			rig.OK(t, err)
			rig.OK(t, tx.Ack(t.Context(), f))
			rig.Takes(t, 0, func() { rig.OK(t, sub.Unsubscribe(rig.Within(t, time.Second))) })
			rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
		})
	}
}

func TestTransaction_M4_ids_are_unique(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		for range 3 {
			_, err := c.Begin(t.Context())
			rig.OK(t, err)
		}
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b, "transaction"), []string{"BEGIN transaction:t1", "BEGIN transaction:t2", "BEGIN transaction:t3"})
	})
}

func TestTransaction_refused_by_broker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.On(b, "COMMIT", "", rig.Refuse("no"))
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.Refused(t, tx.Commit(t.Context(), stomp.WithReceipt()), "no")
		rig.OK(t, tx.Abort(t.Context())) // it is over
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"BEGIN", "COMMIT"})
	})
}

// An ACK within a transaction counts when that has ended: UNSUBSCRIBE must wait for COMMIT.
func TestTransaction_M4_Unsubscribe_waits_for_Commit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		f := rig.Deliver(t, b, "/queue/a", sub.C, 1)[0]
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Ack(t.Context(), f))
		done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		synctest.Wait()
		rig.OK(t, tx.Commit(t.Context()))
		rig.OK(t, <-done)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "BEGIN", "ACK", "COMMIT", "UNSUBSCRIBE"})
		if c.Err() != nil || b.QueueLen("/queue/a") != 0 {
			t.Errorf("client's error %v, %d are back in the queue", c.Err(), b.QueueLen("/queue/a"))
		}
	})
}

// A SEND that waits for room while Commit is called from another goroutine must not go out behind COMMIT.
func TestTransaction_M4_nothing_behind_COMMIT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, f := acked(t, c, p)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		p.Want(wire.Begin)
		p.Fill(c)
		errs := make(chan error, 4)
		go func() { errs <- tx.Commit(t.Context()) }() // waits for room, and has said that it will
		synctest.Wait()
		go func() { errs <- tx.Send(t.Context(), "/small", nil) }()
		go func() { errs <- tx.Send(t.Context(), "/large", make([]byte, 2<<20)) }()
		go func() { errs <- tx.Ack(t.Context(), f) }()
		synctest.Wait()
		rest := p.Rest()
		refused := 0
		for range 4 {
			if err := <-errs; err != nil {
				rig.ErrorIs(t, err, stomp.ErrTransactionDone)
				refused++
			}
		}
		if refused != 3 {
			t.Errorf("%d calls were refused", refused)
		}
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SEND", "SEND", "COMMIT"})
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
		_ = sub
	})
}

// What each call returns in each state.
func TestTransaction_each_call_in_each_state(t *testing.T) {
	type state struct {
		name            string
		end             func(t *testing.T, tx *stomp.Transaction, b *stomptest.Broker, c *stomp.Client)
		use, ack, abort error
		commit          error
	}
	for _, s := range []state{
		{"open", func(*testing.T, *stomp.Transaction, *stomptest.Broker, *stomp.Client) {}, nil, nil, nil, nil},
		{"committed", func(t *testing.T, tx *stomp.Transaction, _ *stomptest.Broker, _ *stomp.Client) {
			rig.OK(t, tx.Commit(t.Context()))
		},
			stomp.ErrTransactionDone, stomp.ErrTransactionDone, nil, stomp.ErrTransactionDone},
		{"aborted", func(t *testing.T, tx *stomp.Transaction, _ *stomptest.Broker, _ *stomp.Client) {
			rig.OK(t, tx.Abort(t.Context()))
		},
			stomp.ErrTransactionDone, stomp.ErrTransactionDone, nil, stomp.ErrTransactionDone},
		{"cut", func(_ *testing.T, _ *stomp.Transaction, b *stomptest.Broker, c *stomp.Client) { b.Cut(); <-c.Done() },
			stomp.ErrConnectionLost, stomp.ErrStale, nil, stomp.ErrConnectionLost},
		{"closed", func(_ *testing.T, _ *stomp.Transaction, _ *stomptest.Broker, c *stomp.Client) { c.Close() },
			stomp.ErrClosed, stomp.ErrStale, nil, stomp.ErrClosed},
	} {
		for name, call := range map[string]struct {
			do   func(ctx context.Context, tx *stomp.Transaction, f stomp.Frame) error
			want error
		}{
			"Send":   {func(ctx context.Context, tx *stomp.Transaction, _ stomp.Frame) error { return tx.Send(ctx, "/a", nil) }, s.use},
			"Ack":    {func(ctx context.Context, tx *stomp.Transaction, f stomp.Frame) error { return tx.Ack(ctx, f) }, s.ack},
			"Nack":   {func(ctx context.Context, tx *stomp.Transaction, f stomp.Frame) error { return tx.Nack(ctx, f) }, s.ack},
			"Commit": {func(ctx context.Context, tx *stomp.Transaction, _ stomp.Frame) error { return tx.Commit(ctx) }, s.commit},
			"Abort":  {func(ctx context.Context, tx *stomp.Transaction, _ stomp.Frame) error { return tx.Abort(ctx) }, s.abort},
		} {
			rig.Bubble(t, s.name+"_"+name, func(t *testing.T) {
				b, c, frames := handedOut(t, stomp.AckClientIndividual, 1)
				f := frames[0]
				tx, err := c.Begin(t.Context())
				rig.OK(t, err)
				s.end(t, tx, b, c)
				err = call.do(t.Context(), tx, f)
				if call.want == nil {
					rig.OK(t, err)
					return
				}
				rig.ErrorIs(t, err, call.want)
				rig.Unsent(t, err)
			})
		}
	}
}

func TestTransaction_errors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		over := rig.Ended()
		_, err := c.Begin(over)
		rig.ErrorIs(t, err, context.Canceled)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.ErrorIs(t, tx.Commit(over), context.Canceled)
		rig.ErrorIs(t, tx.Abort(over), context.Canceled)
		if err := tx.Commit(t.Context(), stomp.WithHeader("transaction", "x")); err == nil || !strings.Contains(err.Error(), "use Begin") {
			t.Error(err)
		}
		rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt())) // it was open all the time
		c.Close()
		_, err = c.Begin(t.Context())
		rig.ErrorIs(t, err, stomp.ErrClosed)
	})
}

// The SEND with the most entries that the library writes.
func TestTransaction_Send_with_all_that_a_SEND_may_carry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithContentType("a/b"), stomp.WithReplyTo("/queue/b"), stomp.WithReceipt(), stomp.WithHeader("app", "shop")))
		rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
		rig.Equal(t, "frames", rig.Received(b, "destination", "content-type", "reply-to", "transaction", "app", "content-length"), []string{
			"BEGIN transaction:t1", "SEND destination:/queue/a content-type:a/b reply-to:/queue/b transaction:t1 app:shop content-length:1", "COMMIT transaction:t1"})
	})
}
