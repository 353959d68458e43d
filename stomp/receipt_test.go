package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestReceipt(t *testing.T) {
	bubble(t, "M5_SendAsync", func(t *testing.T) {
		b, c := pipeRig(t)
		b.Delay(time.Second)
		r, err := c.SendAsync(t.Context(), "/queue/a", []byte("x"))
		fine(t, err)
		fine(t, r.Err()) // pending
		if n := c.Stats().ReceiptsPending; n != 1 {
			t.Errorf("%d receipts pending", n)
		}
		start := time.Now()
		fine(t, r.Wait(t.Context()))
		if d := time.Since(start); d != time.Second {
			t.Errorf("after %v", d)
		}
		<-r.Done()
		fine(t, r.Err())
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts pending", n)
		}
	})
	bubble(t, "M5_ERROR_answers_it_and_the_session_goes_on", func(t *testing.T) {
		b, c := pipeRig(t)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" && e.Frame.Get("destination") == "/no" {
				return stomptest.ReplyError("no", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, []byte("because"), false)
			}
			return stomptest.Pass()
		})
		err := c.Send(t.Context(), "/no", nil, stomp.WithReceipt())
		refusal(t, err, "no")
		const text = `stomp: send /no: waiting for receipt "r1": broker says ERROR "no": "because"`
		if err == nil || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("error %v", err)
		}
		fine(t, c.Send(t.Context(), "/yes", nil, stomp.WithReceipt()))
	})
	bubble(t, "Promise10_thousands_outstanding_none_waits_for_another", func(t *testing.T) {
		const n = 5000
		c, p := peerRig(t, nil)
		ids := make(chan string, n)
		done := make(chan struct{})
		go func() { // joined below
			defer close(done)
			for range n {
				ids <- wire.Get(p.want(wire.Send).Header, "receipt")
			}
		}()
		receipts := make([]*stomp.Receipt, n)
		for i := range receipts {
			var err error
			receipts[i], err = c.SendAsync(t.Context(), "/a", nil)
			fine(t, err)
		}
		<-done
		if s := c.Stats(); s.ReceiptsPending != n {
			t.Fatalf("%d are pending", s.ReceiptsPending)
		}
		var last []string
		for range n - 1 {
			last = append(last, <-ids)
		}
		p.send(wire.Receipt, "", [2]string{"receipt-id", <-ids}) // the last one first
		fine(t, receipts[n-1].Wait(t.Context()))
		for i := n - 2; i >= 0; i-- {
			p.send(wire.Receipt, "", [2]string{"receipt-id", last[i]})
		}
		for _, r := range receipts {
			fine(t, r.Wait(t.Context()))
		}
	})
	bubble(t, "Promise10_many_waiters_at_once", func(t *testing.T) {
		b, c := pipeRig(t)
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
	// A waiter leaves with its ctx. What comes for it later harms nobody: neither RECEIPT nor ERROR.
	bubble(t, "waiter_leaves_with_its_ctx", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := p.rest()
		start := time.Now()
		err := c.Send(within(t, time.Second), "/queue/a", nil, stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		const text = `stomp: send /queue/a: waiting for receipt "r1": context deadline exceeded (the broker may have the message)`
		if d := time.Since(start); d != time.Second || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("after %v: %v (unsent %t)", d, err, stomp.Unsent(err))
		}
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts are pending", n)
		}
		for _, id := range []string{"r1", "r1", "r99", "nonsense", "r", ""} {
			p.send(wire.Receipt, "", [2]string{"receipt-id", id})
		}
		p.send(wire.Error, "", [2]string{"receipt-id", "r1"}, [2]string{"message", "too late"})
		done := make(chan error)
		go func() { done <- c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()) }()
		synctest.Wait()
		p.send(wire.Receipt, "", [2]string{"receipt-id", "r2"})
		fine(t, <-done)
		if s := c.Stats(); s.StrayErrors != 1 || c.Err() != nil {
			t.Errorf("%d stray errors, client's error %v", s.StrayErrors, c.Err())
		}
		c.Close()
		<-rest
	})
	bubble(t, "Wait_leaves_the_receipt_pending", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := p.rest()
		r, err := c.SendAsync(t.Context(), "/queue/a", nil)
		fine(t, err)
		matches(t, r.Wait(within(t, time.Second)), context.DeadlineExceeded)
		if n := c.Stats().ReceiptsPending; n != 1 {
			t.Errorf("%d receipts are pending", n)
		}
		p.send(wire.Receipt, "", [2]string{"receipt-id", "r1"})
		fine(t, r.Wait(t.Context()))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		fine(t, r.Wait(over)) // the answer is there
		c.Close()
		<-rest
	})
	for name, end := range map[string]struct {
		how  func(c *stomp.Client, p *peer)
		want error
	}{
		"cut":   {func(_ *stomp.Client, p *peer) { p.nc.Close() }, stomp.ErrConnectionLost},
		"ERROR": {func(_ *stomp.Client, p *peer) { p.send(wire.Error, "", [2]string{"message", "fatal"}) }, stomp.ErrConnectionLost},
		"Close": {func(c *stomp.Client, _ *peer) { c.Close() }, stomp.ErrClosed},
	} {
		// What was written has an unknown outcome, what was not is unsent.
		bubble(t, "session_ends_by_"+name, func(t *testing.T) {
			c, p := peerRig(t, nil)
			written, err := c.SendAsync(t.Context(), "/a", nil)
			fine(t, err)
			p.want(wire.Send)
			p.block(c)
			waiting, err := c.SendAsync(t.Context(), "/a", nil)
			fine(t, err)
			done := make(chan error)
			go func() { done <- c.Send(t.Context(), "/a", nil, stomp.WithReceipt()) }()
			synctest.Wait()
			end.how(c, p)
			for what, err := range map[string]error{"written": written.Wait(t.Context()), "waiting": waiting.Wait(t.Context()), "awaited": <-done} {
				matches(t, err, end.want)
				if stomp.Unsent(err) != (what != "written") {
					t.Errorf("%s: unsent is %t: %v", what, stomp.Unsent(err), err)
				}
				var refused *stomp.Error
				if name == "ERROR" && !errors.As(err, &refused) {
					t.Errorf("%s: %v", what, err)
				}
			}
			<-c.Done()
			matches(t, c.Err(), end.want)
		})
	}
}

// A frame is withdrawn when its ctx ends before it was taken for writing.
func TestWithdraw(t *testing.T) {
	bubble(t, "Unsent", func(t *testing.T) {
		c, p := peerRig(t, nil)
		p.block(c)
		start := time.Now()
		err := c.Send(within(t, time.Second), "/withdrawn", nil, stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		const text = `stomp: send /withdrawn: waiting for receipt "r1": context deadline exceeded (nothing was written)`
		if d := time.Since(start); d != time.Second || !stomp.Unsent(err) || err.Error() != text {
			t.Errorf("after %v: %v (unsent %t)", d, err, stomp.Unsent(err))
		}
		fine(t, c.Send(t.Context(), "/next", nil))
		big := c.Send(within(t, time.Second), "/withdrawn", make([]byte, 100<<10), stomp.WithReceipt())
		if !stomp.Unsent(big) {
			t.Error(big)
		}
		fine(t, c.Send(t.Context(), "/last", nil))
		for _, want := range []string{"/block", "/next", "/last"} {
			if got := wire.Get(p.want(wire.Send).Header, "destination"); got != want {
				t.Errorf("SEND to %s, want %s", got, want)
			}
		}
		if n := c.Stats().FramesSent; n != 3 {
			t.Errorf("%d frames were sent", n)
		}
	})
	bubble(t, "Ack_can_be_repeated", func(t *testing.T) {
		c, p := peerRig(t, nil)
		_, f := acked(t, c, p)
		p.block(c)
		err := c.Ack(within(t, time.Second), f, stomp.WithReceipt())
		if !stomp.Unsent(err) {
			t.Errorf("%v: unsent is false", err)
		}
		fine(t, c.Ack(t.Context(), f))
		matches(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
		p.want(wire.Send)
		p.want(wire.Ack)
	})
	bubble(t, "Commit_can_be_repeated", func(t *testing.T) {
		c, p := peerRig(t, nil)
		tx, err := c.Begin(t.Context())
		fine(t, err)
		p.want(wire.Begin)
		p.block(c)
		if err := tx.Commit(within(t, time.Second), stomp.WithReceipt()); !stomp.Unsent(err) {
			t.Errorf("%v: unsent is false", err)
		}
		fine(t, tx.Send(t.Context(), "/a", nil))
		fine(t, tx.Commit(t.Context()))
		matches(t, tx.Commit(t.Context()), stomp.ErrTransactionDone)
		for _, command := range []string{wire.Send, wire.Send, wire.Commit} {
			p.want(command)
		}
	})
	bubble(t, "Begin_leaves_nothing_open", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := p.rest()
		_, err := c.Begin(within(t, time.Second), stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		fine(t, c.Flush(t.Context()))
		c.Close()
		same(t, "frames", <-rest, []string{"BEGIN", "ABORT"})
	})
}
