package stomp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// sends is what came to the attended connections: receipt id and body of each SEND.
func (l *trunk) sends() (list []string) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.log {
		if f.Command == wire.Send {
			list = append(list, wire.Get(f.Header, "receipt")+"="+string(f.Body))
		}
	}
	return list
}

// WithRetry: at least once.
func TestRetry(t *testing.T) {
	bubble(t, "the_same_frame_until_its_receipt_comes", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		close(l.gate)
		body := []byte("payload")
		r, err := c.SendAsync(t.Context(), "/queue/x", body, stomp.WithRetry(), stomp.WithHeader("k", "v:1"))
		fine(t, err)
		copy(body, "changed") // Send has copied it
		first := p.want(wire.Send)
		for range 10 {
			p.nc.Close()
			p = l.accept(wire.V12)
			again := p.want(wire.Send)
			if fmt.Sprint(again.Header) != fmt.Sprint(first.Header) || string(again.Body) != "payload" {
				t.Fatalf("%v %q, first it was %v %q", again.Header, again.Body, first.Header, first.Body)
			}
			if r.Err() != nil {
				t.Fatal(r.Err())
			}
		}
		p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(first.Header, "receipt")})
		fine(t, r.Wait(t.Context()))
		p.nc.Close()
		l.attend(l.accept(wire.V12))
		same(t, "after its receipt", l.carried(), nil)
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts are pending", n)
		}
	})
	bubble(t, "an_ERROR_ends_it", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		r, err := c.SendAsync(t.Context(), "/queue/x", nil, stomp.WithRetry())
		fine(t, err)
		f := p.want(wire.Send)
		p.send(wire.Error, "", [2]string{"message", "no"}, [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		refusal(t, r.Wait(t.Context()), "no")
		p.nc.Close()
		close(l.gate)
		l.attend(l.accept(wire.V12))
		same(t, "the next session", l.carried(), nil)
	})
	bubble(t, "order_of_retried_and_unwritten_frames_is_that_of_acceptance", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		send := func(body string, opts ...stomp.SendOption) {
			_, err := c.SendAsync(t.Context(), "/queue/x", []byte(body), opts...)
			fine(t, err)
		}
		send("1", stomp.WithRetry())
		send("2", stomp.WithRetry())
		send("lost")
		for range 3 {
			p.want(wire.Send)
		}
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", []byte("3")))
		send("4", stomp.WithRetry())
		fine(t, c.Send(t.Context(), "/queue/x", []byte("5")))
		send("6")
		p.nc.Close()
		synctest.Wait()
		waits := make(chan error, 1)
		go func() { waits <- c.Send(t.Context(), "/queue/x", []byte("7"), stomp.WithRetry()) }() // joined below
		synctest.Wait()
		close(l.gate)
		l.attend(l.accept(wire.V12))
		fine(t, <-waits)
		same(t, "the next session", l.sends(), []string{"r1=1", "r2=2", "=3", "r4=4", "=5", "r5=6", "r6=7"})
	})
}

// Several sessions that take a part of what is sent again, or nothing, change nothing about its order.
func TestRetry_Order(t *testing.T) {
	bubble(t, "over_several_sessions", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		close(l.gate)
		for i := range 5 {
			_, err := c.SendAsync(t.Context(), "/queue/x", fmt.Append(nil, i), stomp.WithRetry())
			fine(t, err)
		}
		for n := range 5 { // takes n frames, and a part of one, and confirms one
			var f wire.Frame
			for range min(n, 4) {
				f = p.want(wire.Send)
			}
			if n == 2 {
				p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")}) // of "1"
				synctest.Wait()
			}
			p.nc.Close()
			p = l.accept(wire.V12)
		}
		for range 3 {
			_, err := c.SendAsync(t.Context(), "/queue/x", []byte("later"), stomp.WithRetry())
			fine(t, err)
		}
		l.attend(p)
		same(t, "the last session", l.sends(), []string{"r1=0", "r3=2", "r4=3", "r5=4", "r6=later", "r7=later", "r8=later"})
	})
}

// The ctx of a frame that is sent again.
func TestRetry_Ctx(t *testing.T) {
	for _, async := range []bool{false, true} {
		start := func(ctx context.Context, c *stomp.Client) <-chan error {
			done := make(chan error, 1)
			go func() { // joined by who receives
				if !async {
					done <- c.Send(ctx, "/queue/x", nil, stomp.WithRetry())
					return
				}
				r, err := c.SendAsync(ctx, "/queue/x", nil, stomp.WithRetry())
				if err == nil {
					<-r.Done()
					err = r.Err()
				}
				done <- err
			}()
			return done
		}
		name := fmt.Sprintf("async_%v_", async)
		bubble(t, name+"ends_while_the_receipt_is_awaited", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			began := time.Now()
			done := start(within(t, time.Second), c)
			p.want(wire.Send)
			err := <-done
			matches(t, err, context.DeadlineExceeded)
			if d := time.Since(began); d != time.Second || stomp.Unsent(err) {
				t.Errorf("after %v: %v", d, err)
			}
			p.nc.Close()
			close(l.gate)
			l.attend(l.accept(wire.V12))
			same(t, "the next session", l.carried(), nil)
		})
		bubble(t, name+"ends_between_two_sessions", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			done := start(within(t, time.Second), c)
			p.want(wire.Send)
			p.nc.Close()
			err := <-done
			matches(t, err, context.DeadlineExceeded)
			if stomp.Unsent(err) {
				t.Errorf("Unsent of %v, which was written on the first session", err)
			}
			close(l.gate)
			l.attend(l.accept(wire.V12))
			same(t, "the next session", l.carried(), nil)
		})
		bubble(t, name+"ends_before_it_was_ever_written", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			p.block(c)
			done := start(within(t, time.Second), c)
			synctest.Wait()
			p.nc.Close()
			err := <-done
			matches(t, err, context.DeadlineExceeded)
			if !stomp.Unsent(err) {
				t.Errorf("not Unsent: %v", err)
			}
			close(l.gate)
			l.attend(l.accept(wire.V12))
			same(t, "the next session", l.carried(), nil)
		})
		bubble(t, name+"ends_while_it_waits_to_be_written_again", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			_, err := c.SendAsync(t.Context(), "/queue/first", nil, stomp.WithRetry())
			fine(t, err)
			done := start(within(t, time.Second), c)
			p.want(wire.Send)
			p.want(wire.Send)
			p.nc.Close()
			close(l.gate)
			p = l.accept(wire.V12) // and reads nothing: the frames wait
			if err := <-done; stomp.Unsent(err) {
				t.Errorf("Unsent of %v, which was written on the first session", err)
			}
			p.nc.Close()
			l.attend(l.accept(wire.V12))
			same(t, "the last session", l.carried(), []string{"SEND /queue/first"})
		})
		bubble(t, name+"ends_before_it_was_written_again", func(t *testing.T) {
			l, c, p := trunkRig(t, wire.V12)
			_, err := c.Subscribe(t.Context(), "/queue/a")
			fine(t, err)
			done := start(within(t, 3*time.Second), c)
			p.want(wire.Subscribe)
			p.want(wire.Send)
			p = suspect(t, l, p) // reads no SUBSCRIBE: when its time is over, SEND waits behind it
			if err := <-done; stomp.Unsent(err) {
				t.Errorf("Unsent of %v, which was written on the first session", err)
			}
			l.attend(p)
			same(t, "the session", l.carried(), []string{"SUBSCRIBE /queue/a"})
		})
		bubble(t, name+"the_Client_ends", func(t *testing.T) {
			_, c, p := trunkRig(t, wire.V12)
			done := start(t.Context(), c)
			p.want(wire.Send)
			p.nc.Close()
			synctest.Wait()
			fine(t, c.Close())
			matches(t, <-done, stomp.ErrClosed)
		})
	}
}

// What WithRetry excludes.
func TestRetry_Excluded(t *testing.T) {
	bubble(t, "transactions_and_Request", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		l.attend(p)
		tx, err := c.Begin(t.Context())
		fine(t, err)
		for _, err := range []error{
			tx.Send(t.Context(), "/queue/x", nil, stomp.WithRetry()),
			second(c.Request(t.Context(), "/queue/x", nil, stomp.WithRetry())),
		} {
			if err == nil || !stomp.Unsent(err) {
				t.Errorf("%v", err)
			}
		}
		same(t, "the session", l.carried(), []string{"BEGIN"})
	})
	bubble(t, "Disconnect_says_that_accepted_frames_are_dropped", func(t *testing.T) {
		_, c, p := trunkRig(t, wire.V12)
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", nil))
		p.nc.Close()
		synctest.Wait()
		matches(t, c.Disconnect(t.Context()), stomp.ErrConnectionLost)
		fine(t, c.Disconnect(t.Context()))
	})
	bubble(t, "Disconnect_with_nothing_accepted", func(t *testing.T) {
		_, c, p := trunkRig(t, wire.V12)
		p.nc.Close()
		synctest.Wait()
		fine(t, c.Disconnect(t.Context()))
	})
}
