package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestReceipt_M5_SendAsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Delay(time.Second)
		r, err := c.SendAsync(t.Context(), "/queue/a", []byte("x"))
		rig.OK(t, err)
		rig.OK(t, r.Err()) // pending
		if n := c.Stats().ReceiptsPending; n != 1 {
			t.Errorf("%d receipts pending", n)
		}
		rig.Takes(t, time.Second, func() { rig.OK(t, r.Wait(t.Context())) })
		<-r.Done()
		rig.OK(t, r.Err())
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts pending", n)
		}
	})
}

func TestReceipt_M5_ERROR_answers_it_and_the_session_goes_on(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" && e.Frame.Get("destination") == "/no" {
				return stomptest.ReplyError("no", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, []byte("because"), false)
			}
			return stomptest.Pass()
		})
		err := c.Send(t.Context(), "/no", nil, stomp.WithReceipt())
		rig.Refused(t, err, "no")
		const text = `stomp: send /no: waiting for receipt "r1": broker says ERROR "no": "because"`
		if err == nil || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("error %v", err)
		}
		rig.OK(t, c.Send(t.Context(), "/yes", nil, stomp.WithReceipt()))
	})
}

func TestReceipt_promise10_thousands_outstanding_none_waits_for_another(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		p, c := rig.Session(t)
		ids := make(chan string, n)
		done := make(chan struct{})
		go func() { // joined below
			defer close(done)
			for range n {
				ids <- wire.Get(p.Want(wire.Send).Header, "receipt")
			}
		}()
		receipts := make([]*stomp.Receipt, n)
		for i := range receipts {
			var err error
			receipts[i], err = c.SendAsync(t.Context(), "/a", nil)
			rig.OK(t, err)
		}
		<-done
		if s := c.Stats(); s.ReceiptsPending != n {
			t.Fatalf("%d are pending", s.ReceiptsPending)
		}
		var last []string
		for range n - 1 {
			last = append(last, <-ids)
		}
		p.Send(wire.Receipt, "", "receipt-id", <-ids) // the last one first
		rig.OK(t, receipts[n-1].Wait(t.Context()))
		for i := n - 2; i >= 0; i-- {
			p.Send(wire.Receipt, "", "receipt-id", last[i])
		}
		for _, r := range receipts {
			rig.OK(t, r.Wait(t.Context()))
		}
	})
}

func TestReceipt_promise10_many_waiters_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Delay(time.Millisecond)
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if err := c.Send(t.Context(), "/queue/a", []byte(fmt.Sprint(i)), stomp.WithReceipt()); err != nil {
					t.Error(err)
				}
			})
		}
		start := time.Now()
		all.Wait()
		if d := time.Since(start); d != 200*time.Millisecond || b.QueueLen("/queue/a") != 200 {
			t.Errorf("%d sent in %v", b.QueueLen("/queue/a"), d)
		}
	})
}

// A waiter leaves with its ctx. What comes for it later harms nobody: neither RECEIPT nor ERROR.
func TestReceipt_waiter_leaves_with_its_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		start := time.Now()
		err := c.Send(rig.Within(t, time.Second), "/queue/a", nil, stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		const text = `stomp: send /queue/a: waiting for receipt "r1": context deadline exceeded (the broker may have the message)`
		if d := time.Since(start); d != time.Second || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("after %v: %v (unsent %t)", d, err, stomp.Unsent(err))
		}
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts are pending", n)
		}
		for _, id := range []string{"r1", "r1", "r99", "nonsense", "r", ""} {
			p.Send(wire.Receipt, "", "receipt-id", id)
		}
		p.Send(wire.Error, "", "receipt-id", "r1", "message", "too late")
		done := rig.Go(func() error { return c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()) })
		synctest.Wait()
		p.Send(wire.Receipt, "", "receipt-id", "r2")
		rig.OK(t, <-done)
		if s := c.Stats(); s.StrayErrors != 1 || c.Err() != nil {
			t.Errorf("%d stray errors, client's error %v", s.StrayErrors, c.Err())
		}
		c.Close()
		<-rest
	})
}

func TestReceipt_Wait_leaves_the_receipt_pending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		r, err := c.SendAsync(t.Context(), "/queue/a", nil)
		rig.OK(t, err)
		rig.ErrorIs(t, r.Wait(rig.Within(t, time.Second)), context.DeadlineExceeded)
		if n := c.Stats().ReceiptsPending; n != 1 {
			t.Errorf("%d receipts are pending", n)
		}
		p.Send(wire.Receipt, "", "receipt-id", "r1")
		rig.OK(t, r.Wait(t.Context()))
		over := rig.Ended()
		rig.OK(t, r.Wait(over)) // the answer is there
		c.Close()
		<-rest
	})
}

func TestReceipt_session_ends(t *testing.T) {
	for name, end := range map[string]struct {
		how  func(c *stomp.Client, p *rig.Peer)
		want error
	}{
		"cut":   {func(_ *stomp.Client, p *rig.Peer) { p.Close() }, stomp.ErrConnectionLost},
		"ERROR": {func(_ *stomp.Client, p *rig.Peer) { p.Send(wire.Error, "", "message", "fatal") }, stomp.ErrConnectionLost},
		"Close": {func(c *stomp.Client, _ *rig.Peer) { c.Close() }, stomp.ErrClosed},
	} {
		// What was written has an unknown outcome, what was not is unsent.
		rig.Bubble(t, "session_ends_by_"+name, func(t *testing.T) {
			p, c := rig.Session(t)
			written, err := c.SendAsync(t.Context(), "/a", nil)
			rig.OK(t, err)
			p.Want(wire.Send)
			p.Block(c)
			waiting, err := c.SendAsync(t.Context(), "/a", nil)
			rig.OK(t, err)
			done := rig.Go(func() error { return c.Send(t.Context(), "/a", nil, stomp.WithReceipt()) })
			synctest.Wait()
			end.how(c, p)
			for what, err := range map[string]error{"written": written.Wait(t.Context()), "waiting": waiting.Wait(t.Context()), "awaited": <-done} {
				rig.ErrorIs(t, err, end.want)
				if stomp.Unsent(err) != (what != "written") {
					t.Errorf("%s: unsent is %t: %v", what, stomp.Unsent(err), err)
				}
				var refused *stomp.Error
				if name == "ERROR" && !errors.As(err, &refused) {
					t.Errorf("%s: %v", what, err)
				}
			}
			<-c.Done()
			rig.ErrorIs(t, c.Err(), end.want)
		})
	}
}

// A frame is withdrawn when its ctx ends before it was taken for writing.
func TestSend_withdrawn_is_Unsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.Block(c)
		start := time.Now()
		err := c.Send(rig.Within(t, time.Second), "/withdrawn", nil, stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		const text = `stomp: send /withdrawn: waiting for receipt "r1": context deadline exceeded (nothing was written)`
		if d := time.Since(start); d != time.Second || !stomp.Unsent(err) || err.Error() != text {
			t.Errorf("after %v: %v (unsent %t)", d, err, stomp.Unsent(err))
		}
		rig.OK(t, c.Send(t.Context(), "/next", nil))
		big := c.Send(rig.Within(t, time.Second), "/withdrawn", make([]byte, 100<<10), stomp.WithReceipt())
		rig.Unsent(t, big)
		rig.OK(t, c.Send(t.Context(), "/last", nil))
		for _, want := range []string{"/block", "/next", "/last"} {
			if got := wire.Get(p.Want(wire.Send).Header, "destination"); got != want {
				t.Errorf("SEND to %s, want %s", got, want)
			}
		}
		if n := c.Stats().FramesSent; n != 3 {
			t.Errorf("%d frames were sent", n)
		}
	})
}

func TestAck_withdrawn_can_be_repeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		_, f := acked(t, c, p)
		p.Block(c)
		err := c.Ack(rig.Within(t, time.Second), f, stomp.WithReceipt())
		rig.Unsent(t, err)
		rig.OK(t, c.Ack(t.Context(), f))
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
		p.Want(wire.Send)
		p.Want(wire.Ack)
	})
}

func TestTransaction_withdrawn_Commit_can_be_repeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		p.Want(wire.Begin)
		p.Block(c)
		if err := tx.Commit(rig.Within(t, time.Second), stomp.WithReceipt()); !stomp.Unsent(err) {
			t.Errorf("%v: unsent is false", err)
		}
		rig.OK(t, tx.Send(t.Context(), "/a", nil))
		rig.OK(t, tx.Commit(t.Context()))
		rig.ErrorIs(t, tx.Commit(t.Context()), stomp.ErrTransactionDone)
		for _, command := range []string{wire.Send, wire.Send, wire.Commit} {
			p.Want(command)
		}
	})
}

func TestBegin_withdrawn_leaves_nothing_open(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		_, err := c.Begin(rig.Within(t, time.Second), stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"BEGIN", "ABORT"})
	})
}
