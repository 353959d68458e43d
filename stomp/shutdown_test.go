package stomp_test

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// over fails the test unless the Client has ended as its user wished.
func over(t *testing.T, c *stomp.Client) {
	t.Helper()
	select {
	case <-c.Done():
	default:
		t.Error("the Client is not done")
	}
	matches(t, c.Err(), stomp.ErrClosed)
	if s := c.Status(); s.State != stomp.StateClosed || s.Epoch != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestDisconnect(t *testing.T) {
	bubble(t, "M6_receipts_first_then_DISCONNECT_then_nothing", func(t *testing.T) {
		c, p := peerRig(t, nil)
		r, err := c.SendAsync(t.Context(), "/a", nil)
		fine(t, err)
		sub, err := c.NewSubscription(t.Context(), "/a")
		fine(t, err)
		p.want(wire.Send)
		p.want(wire.Subscribe)
		done := make(chan error)
		go func() { done <- c.Disconnect(t.Context()) }()
		synctest.Wait() // it waits for the receipt, and writes nothing meanwhile
		matches(t, c.Send(t.Context(), "/a", nil), stomp.ErrClosed)
		p.send(wire.Receipt, "", [2]string{"receipt-id", "r1"})
		p.send(wire.Receipt, "", [2]string{"receipt-id", "r2"})
		f := p.want(wire.Disconnect)
		if wire.Get(f.Header, "receipt") == "" {
			t.Errorf("DISCONNECT %v", f.Header)
		}
		fine(t, r.Err())
		synctest.Wait()
		select {
		case <-done:
			t.Error("it did not wait for the RECEIPT")
		default:
		}
		rest := p.rest()
		p.send(wire.Receipt, "", [2]string{"receipt-id", wire.Get(f.Header, "receipt")})
		fine(t, <-done)
		same(t, "after DISCONNECT", <-rest, nil)
		over(t, c)
		if _, open := <-sub.C; open || sub.Err() != nil {
			t.Errorf("subscription: open %t, error %v", open, sub.Err())
		}
		fine(t, c.Disconnect(t.Context())) // again
	})
	// Whatever the server says to DISCONNECT is a clean end.
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
			t.Run(map[bool]string{false: "M6_", true: "M6_receipts_known_"}[known]+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b, c := pipeRig(t)
					b.Intercept(func(e stomptest.Event) stomptest.Action {
						if e.Frame.Command == "DISCONNECT" {
							return answer
						}
						return stomptest.Pass()
					})
					_, err := c.SendAsync(t.Context(), "/a", nil) // r1
					fine(t, err)
					if known {
						fine(t, c.Send(t.Context(), "/a", nil, stomp.WithHeader("x", "y")))
						synctest.Wait()
					}
					start := time.Now()
					fine(t, c.Disconnect(within(t, time.Minute)))
					if d := time.Since(start); d != 0 {
						t.Errorf("took %v", d)
					}
					over(t, c)
					synctest.Wait()
					if b.Connections() != 0 {
						t.Errorf("%d connections", b.Connections())
					}
				})
			})
		}
	}
	// A server that is not known to send receipts is waited for as well: a relay drops what it has not passed on when the
	// connection closes before its RECEIPT. One that answers nothing at all costs five seconds, and the close handshake
	// has to do.
	for name, c := range map[string]struct {
		answer stomptest.Action
		takes  time.Duration
	}{
		"M6_late_answer_of_an_unknown_answerer": {stomptest.DelayFor(3 * time.Second), 3 * time.Second},
		"M6_no_answer_of_an_unknown_answerer":   {stomptest.Drop(), 5 * time.Second},
	} {
		bubble(t, name, func(t *testing.T) {
			b, client := pipeRig(t)
			b.Intercept(func(e stomptest.Event) stomptest.Action {
				if e.Frame.Command == "DISCONNECT" {
					return c.answer
				}
				return stomptest.Pass()
			})
			fine(t, client.Send(t.Context(), "/a", nil))
			start := time.Now()
			fine(t, client.Disconnect(t.Context()))
			if d := time.Since(start); d != c.takes {
				t.Errorf("took %v, want %v", d, c.takes)
			}
			over(t, client)
		})
	}
	bubble(t, "M6_server_that_never_answers", func(t *testing.T) {
		b, c := pipeRig(t)
		fine(t, c.Send(t.Context(), "/a", nil, stomp.WithReceipt()))
		b.Silence(true)
		start := time.Now()
		err := c.Disconnect(within(t, 3*time.Second))
		matches(t, err, context.DeadlineExceeded)
		if d := time.Since(start); d != 3*time.Second {
			t.Errorf("returned after %v", d)
		}
		over(t, c)
	})
	bubble(t, "M6_receipts_outstanding_when_ctx_ends", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := p.rest()
		r, err := c.SendAsync(t.Context(), "/a", nil)
		fine(t, err)
		err = c.Disconnect(within(t, time.Second))
		matches(t, err, context.DeadlineExceeded)
		const text = "stomp: disconnect: receipts are still outstanding: context deadline exceeded"
		if err.Error() != text {
			t.Errorf("error %v", err)
		}
		matches(t, r.Err(), stomp.ErrClosed)
		same(t, "frames", <-rest, []string{"SEND"})
		over(t, c)
	})
	bubble(t, "ctx_over_already", func(t *testing.T) {
		b, c := pipeRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		matches(t, c.Disconnect(ctx), context.Canceled)
		over(t, c)
		synctest.Wait()
		same(t, "the broker", took(b), nil)
	})
	bubble(t, "what_was_accepted_is_written_first", func(t *testing.T) {
		b, c := pipeRig(t)
		for range 500 {
			fine(t, c.Send(t.Context(), "/queue/a", make([]byte, 1000)))
		}
		fine(t, c.Disconnect(t.Context()))
		synctest.Wait()
		if n := b.QueueLen("/queue/a"); n != 500 {
			t.Errorf("%d arrived", n)
		}
	})
	bubble(t, "lost_before_all_was_written", func(t *testing.T) {
		c, p := peerRig(t, nil)
		p.block(c)
		fine(t, c.Send(t.Context(), "/a", nil))
		done := make(chan error)
		go func() { done <- c.Disconnect(t.Context()) }()
		synctest.Wait()
		p.nc.Close()
		matches(t, <-done, stomp.ErrConnectionLost)
		over(t, c)
	})
	bubble(t, "twice_at_once", func(t *testing.T) {
		b, c := pipeRig(t)
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
		same(t, "the broker", took(b), []string{"DISCONNECT"})
		over(t, c)
	})
	bubble(t, "after_the_connection_was_lost", func(t *testing.T) {
		b, c := pipeRig(t)
		b.Cut()
		<-c.Done()
		fine(t, c.Disconnect(t.Context()))
		matches(t, c.Err(), stomp.ErrConnectionLost) // what ended it, still
	})
}

func TestClose(t *testing.T) {
	bubble(t, "idempotent_concurrent_joins", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				over(t, c)
			})
		}
		all.Wait()
		got, open := bodies(sub.C)
		same(t, "what stays readable", got, numbers(1, channelBuffer))
		if open || sub.Err() != nil {
			t.Errorf("open %t, error %v", open, sub.Err())
		}
		synctest.Wait()
		same(t, "the broker", took(b), []string{"SUBSCRIBE"}) // without a word
		if b.Connections() != 0 {
			t.Errorf("%d connections", b.Connections())
		}
	})
	bubble(t, "ends_a_Disconnect_that_waits", func(t *testing.T) {
		b, c := pipeRig(t)
		b.Silence(true)
		done := make(chan error)
		go func() { done <- c.Disconnect(t.Context()) }()
		synctest.Wait()
		start := time.Now()
		fine(t, c.Close())
		<-done
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
	bubble(t, "every_call_after_it", func(t *testing.T) {
		_, c := pipeRig(t)
		sub, err := c.NewSubscription(t.Context(), "/a")
		fine(t, err)
		c.Close()
		fine(t, sub.Unsubscribe(t.Context()))
		fine(t, c.Drain(t.Context()))
		fine(t, c.Disconnect(t.Context()))
		_, subscribing := c.Subscribe(t.Context(), "/a")
		_, sending := c.SendAsync(t.Context(), "/a", nil)
		_, requesting := c.Request(t.Context(), "/a", nil)
		_, beginning := c.Begin(t.Context())
		for _, err := range []error{subscribing, sending, requesting, beginning, c.Send(t.Context(), "/a", nil), c.SendJSON(t.Context(), "/a", 1), c.Flush(t.Context())} {
			matches(t, err, stomp.ErrClosed)
		}
		if c.Stats().Sessions != 1 {
			t.Errorf("%+v", c.Stats())
		}
	})
}

// slowConn is a connection whose Close takes a second, as one does that shakes hands first.
type slowConn struct {
	net.Conn
	closed atomic.Bool
}

func (c *slowConn) Close() error {
	time.Sleep(time.Second)
	defer c.closed.Store(true)
	return c.Conn.Close()
}

// Promise 4: Done is closed, and Close returns, when the connection is closed and not before, whoever ended it.
func TestPromise4_Done_comes_after_the_connection_is_closed(t *testing.T) {
	for name, end := range map[string]func(*stomp.Client){
		"silence": func(*stomp.Client) {},
		"Close":   func(c *stomp.Client) { go c.Close() }, // joined by Done
		"Close_beside_another": func(c *stomp.Client) {
			go c.Close() // likewise
			synctest.Wait()
			c.Close()
		},
	} {
		bubble(t, name, func(t *testing.T) {
			near, far := net.Pipe()
			nc := &slowConn{Conn: near}
			connect := startConnect(t, t.Context(), "tcp://broker.test", stomp.WithoutReconnect(),
				stomp.WithHeartBeat(0, 10*time.Second), stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nc, nil }))
			p := &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}
			p.read()
			p.send("CONNECTED\nversion:1.2\nheart-beat:10000,0\n\n\x00")
			c := connect.succeeds()
			end(c)
			<-c.Done()
			if !nc.closed.Load() {
				t.Error("Done, and the connection is still closing")
			}
			far.Close()
		})
	}
}

// hungConn is a connection whose Close waits for free.
type hungConn struct {
	net.Conn
	free chan struct{}
}

func (c *hungConn) Close() error {
	err := c.Conn.Close()
	<-c.free
	return err
}

// Promise 8: a silent connection that does not close either holds up no reconnect.
func TestPromise8_a_Close_that_hangs_holds_up_nothing(t *testing.T) {
	bubble(t, "reconnects", func(t *testing.T) {
		free := make(chan struct{})
		dial := func(context.Context, string) (net.Conn, error) {
			near, far := net.Pipe()
			p := &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}
			go func() { // ends with its last write
				p.read()
				p.send("CONNECTED\nversion:1.2\nheart-beat:10000,0\n\n\x00")
			}()
			return &hungConn{near, free}, nil
		}
		c, err := stomp.Connect(t.Context(), "tcp://broker.test", stomp.WithDialer(dial), stomp.WithHeartBeat(0, 10*time.Second),
			stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond}))
		fine(t, err)
		time.Sleep(50 * time.Second)
		if st := c.Status(); st.State != stomp.StateConnected || st.Epoch != 3 {
			t.Errorf("after 50 s %v in epoch %d, want connected in 3", st.State, st.Epoch)
		}
		close(free)
		fine(t, c.Close())
	})
}

// A SUBSCRIBE that was given up, and that the server never answers, holds up no Disconnect.
func TestDisconnect_does_not_wait_for_what_was_given_up(t *testing.T) {
	bubble(t, "Subscribe", func(t *testing.T) {
		c, p := peerRig(t, nil)
		go func() { // ends with the connection
			for f := p.next(); f.Command != ""; f = p.next() {
				if id, ok := wire.Lookup(f.Header, "receipt"); ok && f.Command != wire.Subscribe {
					p.send(wire.Receipt, "", [2]string{"receipt-id", id})
				}
			}
		}()
		fine(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt())) // this server answers
		_, err := c.Subscribe(within(t, time.Second), "/queue/a", stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		start := time.Now()
		fine(t, c.Disconnect(within(t, time.Minute)))
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
	})
}
