package stomp_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// over fails the test unless the Client has ended as its user wished, on its first session.
func over(t *testing.T, c *stomp.Client) {
	t.Helper()
	wantEnded(t, c)
	if s := c.Status(); s.Epoch != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestDisconnect_M6_receipts_first_then_DISCONNECT_then_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		r, err := c.SendAsync(t.Context(), "/a", nil)
		rig.OK(t, err)
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		p.Want(wire.Send)
		p.Want(wire.Subscribe)
		done := rig.Go(func() error { return c.Disconnect(t.Context()) })
		synctest.Wait() // it waits for the receipt, and writes nothing meanwhile
		rig.ErrorIs(t, c.Send(t.Context(), "/a", nil), stomp.ErrClosed)
		p.Send(wire.Receipt, "", "receipt-id", "r1")
		p.Send(wire.Receipt, "", "receipt-id", "r2")
		f := p.Want(wire.Disconnect)
		if wire.Get(f.Header, "receipt") == "" {
			t.Errorf("DISCONNECT %v", f.Header)
		}
		rig.OK(t, r.Err())
		synctest.Wait()
		select {
		case <-done:
			t.Error("it did not wait for the RECEIPT")
		default:
		}
		rest := p.Rest()
		p.Receipt(f)
		rig.OK(t, <-done)
		rig.Equal(t, "after DISCONNECT", <-rest, nil)
		over(t, c)
		if _, open := <-sub.C; open || sub.Err() != nil {
			t.Errorf("subscription: open %t, error %v", open, sub.Err())
		}
		rig.OK(t, c.Disconnect(t.Context())) // again
	})
}

// Whatever the server says to DISCONNECT is a clean end.
func TestDisconnect_M6_any_answer_is_a_clean_end(t *testing.T) {
	for name, answer := range map[string]stomptest.Action{
		"RECEIPT":                      stomptest.Pass(),
		"close_1000":                   stomptest.CloseWith(1000, "STOMP died"),
		"close_1002":                   stomptest.CloseWith(1002, "no"),
		"cut":                          stomptest.CutBefore(),
		"ERROR_and_close":              stomptest.ReplyError("Session closed.", nil, nil, true),
		"ERROR_and_left_open":          stomptest.ReplyError("Session closed.", nil, nil, false),
		"nothing_of_a_known_answerer":  stomptest.CutAfter(),
		"ERROR_with_receipt_left_open": stomptest.ReplyError("bad DISCONNECT", [][2]string{{"receipt-id", "r2"}}, nil, false),
	} {
		for _, known := range []bool{false, true} {
			rig.Bubble(t, map[bool]string{false: "M6_", true: "M6_receipts_known_"}[known]+name, func(t *testing.T) {
				b, c := rig.Pair(t)
				rig.On(b, "DISCONNECT", "", rig.Always(answer))
				_, err := c.SendAsync(t.Context(), "/a", nil) // r1
				rig.OK(t, err)
				if known {
					rig.OK(t, c.Send(t.Context(), "/a", nil, stomp.WithHeader("x", "y")))
					synctest.Wait()
				}
				rig.Takes(t, 0, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Minute))) })
				over(t, c)
				synctest.Wait()
				if b.Connections() != 0 {
					t.Errorf("%d connections", b.Connections())
				}
			})
		}
	}
}

// A server that is not known to send receipts is waited for as well: a relay drops what it has not passed on when the
// connection closes before its RECEIPT. One that answers nothing at all costs five seconds, and the close handshake
// has to do.
func TestDisconnect_M6_server_not_known_to_answer(t *testing.T) {
	for name, c := range map[string]struct {
		answer stomptest.Action
		takes  time.Duration
	}{
		"M6_late_answer_of_an_unknown_answerer": {stomptest.DelayFor(3 * time.Second), 3 * time.Second},
		"M6_no_answer_of_an_unknown_answerer":   {stomptest.Drop(), 5 * time.Second},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, client := rig.Pair(t)
			rig.On(b, "DISCONNECT", "", rig.Always(c.answer))
			rig.OK(t, client.Send(t.Context(), "/a", nil))
			rig.Takes(t, c.takes, func() { rig.OK(t, client.Disconnect(t.Context())) })
			over(t, client)
		})
	}
}

func TestDisconnect_M6_server_that_never_answers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.OK(t, c.Send(t.Context(), "/a", nil, stomp.WithReceipt()))
		b.Silence(true)
		start := time.Now()
		err := c.Disconnect(rig.Within(t, 3*time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("returned after %v", d)
		}
		over(t, c)
	})
}

func TestDisconnect_M6_receipts_outstanding_when_ctx_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		r, err := c.SendAsync(t.Context(), "/a", nil)
		rig.OK(t, err)
		err = c.Disconnect(rig.Within(t, time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		const text = "stomp: disconnect: receipts are still outstanding: context deadline exceeded"
		if err.Error() != text {
			t.Errorf("error %v", err)
		}
		rig.ErrorIs(t, r.Err(), stomp.ErrClosed)
		rig.Equal(t, "frames", <-rest, []string{"SEND"})
		over(t, c)
	})
}

func TestDisconnect_ctx_over_already(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		rig.ErrorIs(t, c.Disconnect(ctx), context.Canceled)
		over(t, c)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), nil)
	})
}

func TestDisconnect_what_was_accepted_is_written_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		for range 500 {
			rig.OK(t, c.Send(t.Context(), "/queue/a", make([]byte, 1000)))
		}
		rig.OK(t, c.Disconnect(t.Context()))
		synctest.Wait()
		if n := b.QueueLen("/queue/a"); n != 500 {
			t.Errorf("%d arrived", n)
		}
	})
}

func TestDisconnect_lost_before_all_was_written(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/a", nil))
		done := rig.Go(func() error { return c.Disconnect(t.Context()) })
		synctest.Wait()
		p.Close()
		rig.ErrorIs(t, <-done, stomp.ErrConnectionLost)
		over(t, c)
	})
}

func TestDisconnect_twice_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Delay(time.Second)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := c.Disconnect(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"DISCONNECT"})
		over(t, c)
	})
}

func TestDisconnect_after_the_connection_was_lost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		b.Cut()
		<-c.Done()
		rig.OK(t, c.Disconnect(t.Context()))
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost) // what ended it, still
	})
}

// A SUBSCRIBE that was given up, and that the server never answers, holds up no Disconnect.
func TestDisconnect_does_not_wait_for_what_was_given_up(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.AnswerOnly(wire.Send, wire.Disconnect)
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt())) // this server answers
		_, err := c.Subscribe(rig.Within(t, time.Second), "/queue/a", stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.Takes(t, 0, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Minute))) })
	})
}

// A Spring relay answers SEND, and never a SUBSCRIBE to an application prefix: nobody asked for that receipt, and
// nothing waits for it.
func TestDisconnect_promise11_waits_for_no_receipt_that_only_the_library_asked_for(t *testing.T) {
	for name, leave := range map[string]func(ctx context.Context, c *stomp.Client, endLifetime func()) error{
		"Disconnect":   func(ctx context.Context, c *stomp.Client, _ func()) error { return c.Disconnect(ctx) },
		"Drain":        func(ctx context.Context, c *stomp.Client, _ func()) error { return c.Drain(ctx) },
		"WithLifetime": func(_ context.Context, c *stomp.Client, end func()) error { end(); <-c.Done(); return nil },
		"Reconnect":    func(ctx context.Context, c *stomp.Client, _ func()) error { return c.Reconnect(ctx) },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			lifetime, end := context.WithCancel(t.Context())
			server, p, c := rig.Reconnecting(t, wire.V12, stomp.WithLifetime(lifetime))
			p.AnswerOnly(wire.Send, wire.Unsubscribe, wire.Disconnect)
			_, err := c.Subscribe(t.Context(), "/app/init")
			rig.OK(t, err)
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			if name == "Reconnect" {
				go server.Resume(wire.V12) // ends with the next session
			}
			rig.Takes(t, 0, func() { rig.OK(t, leave(rig.Within(t, time.Hour), c, end)) })
		})
	}
}

// So it does not where the one who waits for a receipt leaves while Disconnect waits for it as well.
func TestDisconnect_does_not_wait_for_what_is_given_up_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.AnswerOnly(wire.Disconnect)
		sent := rig.Go(func() error { return c.Send(rig.Within(t, time.Second), "/queue/a", nil, stomp.WithReceipt()) })
		time.Sleep(500 * time.Millisecond)
		rig.Takes(t, 500*time.Millisecond, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Hour))) })
		rig.ErrorIs(t, <-sent, context.DeadlineExceeded)
	})
}

// It waits for the receipt that a caller has asked for, and not for one beside it that only the library has.
func TestDisconnect_promise11_waits_for_what_was_asked_for(t *testing.T) {
	for range 10 { // which of the two is looked at first is a matter of chance
		rig.Bubble(t, "", func(t *testing.T) {
			p, c := rig.Session(t)
			go func() { // ends with the connection
				for f := p.Next(); f.Command != ""; f = p.Next() {
					switch f.Command {
					case wire.Send:
						time.Sleep(time.Second)
						p.Receipt(f)
					case wire.Disconnect:
						p.Receipt(f)
					}
				}
			}()
			_, err := c.Subscribe(t.Context(), "/app/init")
			rig.OK(t, err)
			r, err := c.SendAsync(t.Context(), "/queue/a", nil)
			rig.OK(t, err)
			rig.Takes(t, time.Second, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Hour))) })
			rig.OK(t, r.Err())
		})
	}
}
