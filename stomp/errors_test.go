package stomp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Each sentinel answers errors.Is where a call returns it, its text says what was tried on what, and Unsent says
// whether the call may be repeated.
func TestErrors_sentinels(t *testing.T) {
	for name, c := range map[string]struct {
		call   func(t *testing.T, ctx context.Context, p *rig.Peer, client *stomp.Client) error
		want   error
		unsent bool
		text   string
	}{
		"ErrNoDestination_Send": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			return c.Send(ctx, "", nil)
		}, stomp.ErrNoDestination, true, "stomp: send: no destination"},
		"ErrNoDestination_Subscribe": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			_, err := c.Subscribe(ctx, "")
			return err
		}, stomp.ErrNoDestination, true, "stomp: subscribe: no destination"},
		"ErrNoDestination_Request": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			_, err := c.Request(ctx, "", nil)
			return err
		}, stomp.ErrNoDestination, true, "stomp: request: no destination"},
		"ErrNoID": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			_, err := c.Subscribe(ctx, "/a", stomp.WithID(""))
			return err
		}, stomp.ErrNoID, true, "stomp: subscribe /a: no subscription id"},
		"ErrDuplicateID": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			_, err := c.Subscribe(ctx, "/a", stomp.WithID("x"))
			rig.OK(t, err)
			_, err = c.Subscribe(ctx, "/b", stomp.WithID("x"))
			return err
		}, stomp.ErrDuplicateID, true, `stomp: subscribe /b: duplicate subscription id: "x"`},
		"ErrNotAckable_of_ones_own": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			return c.Ack(ctx, stomp.NewFrame("MESSAGE", stomp.Header{{"message-id", "7"}, {"ack", "7"}}, nil))
		}, stomp.ErrNotAckable, true, "stomp: ack 7: frame cannot be acknowledged: no subscription delivered it"},
		"ErrNotAckable_auto": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			return c.Nack(ctx, deliveredTo(t, p, c))
		}, stomp.ErrNotAckable, true, "stomp: nack m1: frame cannot be acknowledged: delivered in auto mode (see WithAck)"},
		"ErrStale": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			f := deliveredTo(t, p, c, stomp.WithAck(stomp.AckClient))
			p.Close()
			<-c.Done()
			return c.Ack(ctx, f)
		}, stomp.ErrStale, true, "stomp: ack m1: the frame's session or subscription is over"},
		"ErrTransactionDone": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			tx, err := c.Begin(ctx)
			rig.OK(t, err)
			rig.OK(t, tx.Commit(ctx))
			return tx.Commit(ctx)
		}, stomp.ErrTransactionDone, true, "stomp: commit t1: transaction done"},
		"ErrClosed": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			c.Close()
			return c.Send(ctx, "/a", nil)
		}, stomp.ErrClosed, true, "stomp: send /a: client closed"},
		"ErrConnectionLost": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			receipt, err := c.SendAsync(ctx, "/a", nil)
			rig.OK(t, err)
			p.Raw()
			p.Close()
			return receipt.Wait(ctx)
		}, stomp.ErrConnectionLost, false, `stomp: send /a: waiting for receipt "r1": connection lost: ws: read: the peer ended the connection: EOF (the broker may have the message)`},
		"ErrSlowConsumer": {func(t *testing.T, ctx context.Context, p *rig.Peer, c *stomp.Client) error {
			sub, err := c.NewSubscription(ctx, "/a", stomp.WithID("x"), stomp.WithBuffer(1, 0, stomp.OverflowFail))
			rig.OK(t, err)
			p.Raw()
			for range 2 {
				p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:m1\n\n\x00")
			}
			p.Raw() // UNSUBSCRIBE
			for range sub.C {
			}
			return sub.Err()
		}, stomp.ErrSlowConsumer, false, `slow consumer: 1 frames or 67108864 bytes wait in subscription "x" to /a (see WithBuffer)`},
		"ctx_cancelled_before": {func(_ *testing.T, ctx context.Context, _ *rig.Peer, c *stomp.Client) error {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return c.Send(ctx, "/a", nil)
		}, context.Canceled, true, "stomp: send /a: context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.Session(t)
			err := c.call(t, t.Context(), p, client)
			rig.ErrorIs(t, err, c.want)
			if got := stomp.Unsent(err); got != c.unsent {
				t.Errorf("Unsent is %t, want %t", got, c.unsent)
			}
			rig.ErrorText(t, err, c.text)
			all := []error{stomp.ErrClosed, stomp.ErrNotConnected, stomp.ErrConnectionLost, stomp.ErrHeartBeat, stomp.ErrStale, stomp.ErrNotAckable,
				stomp.ErrSlowConsumer, stomp.ErrTransactionDone, stomp.ErrNoDestination, stomp.ErrNoID, stomp.ErrDuplicateID}
			for _, other := range all {
				if other != c.want && errors.Is(err, other) {
					t.Errorf("the error matches %q as well", other)
				}
			}
		})
	}
}

// deliveredTo makes a subscription "x", and returns the one frame that the server sends to it.
func deliveredTo(t *testing.T, p *rig.Peer, client *stomp.Client, opts ...stomp.SubscribeOption) stomp.Frame {
	t.Helper()
	messages, err := client.Subscribe(t.Context(), "/a", append(opts, stomp.WithID("x"))...)
	rig.OK(t, err)
	p.Raw()
	p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:m1\nack:a1\n\n\x00")
	f, open := <-messages
	if !open {
		t.Fatal(client.Err())
	}
	return f
}

// Two sentinels with one text could not be told apart in a log.
func TestErrors_sentinels_differ(t *testing.T) {
	seen := map[string]bool{}
	for _, err := range []error{stomp.ErrClosed, stomp.ErrNotConnected, stomp.ErrConnectionLost, stomp.ErrHeartBeat, stomp.ErrStale, stomp.ErrNotAckable,
		stomp.ErrSlowConsumer, stomp.ErrTransactionDone, stomp.ErrNoDestination, stomp.ErrNoID, stomp.ErrDuplicateID} {
		if seen[err.Error()] {
			t.Errorf("two sentinels say %q", err)
		}
		seen[err.Error()] = true
	}
}

// The error types say what they know, and a wrapped one is found.
func TestErrors_types(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"Error":             {&stomp.Error{Message: "denied", Frame: stomp.NewFrame("ERROR", nil, []byte("you may not\n"))}, `broker says ERROR "denied": "you may not"`},
		"Error_empty":       {&stomp.Error{}, "broker says ERROR"},
		"Error_long_body":   {&stomp.Error{Frame: stomp.NewFrame("ERROR", nil, []byte(strings.Repeat("x", 5000)))}, `broker says ERROR: "` + strings.Repeat("x", 256) + `"`},
		"ProtocolError":     {&stomp.ProtocolError{Reason: "x", Clause: "F3"}, "protocol error: x (F3)"},
		"CloseError":        {&stomp.CloseError{Code: 1002, Reason: "bye"}, `the server closed the WebSocket with code 1002, "bye"`},
		"CloseError_silent": {&stomp.CloseError{Code: 1005}, "the server closed the WebSocket with code 1005"},
		"LimitError":        {&stomp.LimitError{What: "body", Limit: 10, Size: 11}, "body of 11 bytes is above the limit of 10 (see WithLimits)"},
		"ConnectError":      {&stomp.ConnectError{URL: "ws://h/ws", Err: io.EOF}, "stomp: connect ws://h/ws: EOF"},
		"ConnectError_body": {&stomp.ConnectError{URL: "ws://h/ws", StatusCode: 503, Body: []byte(" busy\n"), Err: io.EOF}, `stomp: connect ws://h/ws: EOF (the server says "busy")`},
	} {
		t.Run(name, func(t *testing.T) {
			rig.ErrorText(t, c.err, c.want)
			if wrapped := fmt.Errorf("outer: %w", c.err); !errors.Is(wrapped, c.err) {
				t.Error("errors.Is does not find it")
			}
		})
	}
	if err := error(&stomp.ConnectError{Err: &stomp.Error{Message: "m"}}); !errors.As(err, new(*stomp.Error)) {
		t.Error("errors.As does not find the cause of a *ConnectError")
	}
	if stomp.Unsent(nil) || stomp.Unsent(io.EOF) || stomp.Unsent(fmt.Errorf("x: %w", stomp.ErrClosed)) {
		t.Error("Unsent is true of what is not an error of a call")
	}
}

// Unsent, where a frame had been accepted: true as long as no byte of it was written.
func TestUnsent_never_taken_for_writing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, client := rig.Session(t)
		if err := client.Send(t.Context(), "/first", nil); err != nil { // nobody reads: the writer hangs in this one
			t.Fatal(err)
		}
		synctest.Wait()
		ctx := rig.Within(t, time.Second)
		err := client.Send(ctx, "/a", nil, stomp.WithReceipt())
		rig.ErrorText(t, err, `stomp: send /a: waiting for receipt "r1": context deadline exceeded (nothing was written)`)
		rig.Unsent(t, err)
		receipt, err := client.SendAsync(t.Context(), "/b", nil)
		rig.OK(t, err)
		client.Close()
		if err := receipt.Err(); !stomp.Unsent(err) || !errors.Is(err, stomp.ErrClosed) {
			t.Errorf("the receipt of what was never written is %v, Unsent %t", err, stomp.Unsent(err))
		}
	})
}

func TestUnsent_written_and_not_answered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(stomptest.Spring)) // sends no receipts
		defer b.Close()
		client := rig.Connect(t, b)
		ctx := rig.Within(t, time.Second)
		err := client.Send(ctx, "/queue/a", nil, stomp.WithReceipt())
		rig.ErrorText(t, err, `stomp: send /queue/a: waiting for receipt "r1": context deadline exceeded (the broker may have the message)`)
		rig.MaySent(t, err)
	})
}

// An ERROR is kept for as long as its error is, by a subscription or a receipt: not with all of a body of any length.
func TestError_keeps_the_start_of_a_long_body(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		rig.On(b, wire.Send, "/queue/a", func(f stomptest.Frame) stomptest.Action {
			return stomptest.ReplyError("no", [][2]string{{"receipt-id", f.Get("receipt")}}, bytes.Repeat([]byte("x"), 8<<20), false)
		})
		c := rig.Connect(t, b)
		refused := rig.Refused(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()), "no")
		if n := cap(refused.Frame.Body); n != 64<<10 {
			t.Errorf("%d bytes of the body are kept, want 64 KiB", n)
		}
	})
}
