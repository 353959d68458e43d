package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// waits are the calls that wait for the broker, told so where they have to be.
var waits = map[string]func(ctx context.Context, w waiter) error{
	"Send": func(ctx context.Context, w waiter) error { return w.c.Send(ctx, "/a", nil, stomp.WithReceipt()) },
	"SendJSON": func(ctx context.Context, w waiter) error {
		return w.c.SendJSON(ctx, "/a", 1, stomp.WithReceipt())
	},
	"Subscribe": func(ctx context.Context, w waiter) error {
		_, err := w.c.Subscribe(ctx, "/a", stomp.WithReceipt())
		return err
	},
	"SubscribeJSON": func(ctx context.Context, w waiter) error {
		_, err := stomp.SubscribeJSON[int](ctx, w.c, "/a", stomp.WithReceipt())
		return err
	},
	"Request":     func(ctx context.Context, w waiter) error { _, err := w.c.Request(ctx, "/a", nil); return err },
	"Ack":         func(ctx context.Context, w waiter) error { return w.c.Ack(ctx, w.f, stomp.WithReceipt()) },
	"Nack":        func(ctx context.Context, w waiter) error { return w.c.Nack(ctx, w.f, stomp.WithReceipt()) },
	"Begin":       func(ctx context.Context, w waiter) error { _, err := w.c.Begin(ctx, stomp.WithReceipt()); return err },
	"tx.Send":     func(ctx context.Context, w waiter) error { return w.tx.Send(ctx, "/a", nil, stomp.WithReceipt()) },
	"tx.Ack":      func(ctx context.Context, w waiter) error { return w.tx.Ack(ctx, w.f, stomp.WithReceipt()) },
	"tx.Nack":     func(ctx context.Context, w waiter) error { return w.tx.Nack(ctx, w.f, stomp.WithReceipt()) },
	"Commit":      func(ctx context.Context, w waiter) error { return w.tx.Commit(ctx, stomp.WithReceipt()) },
	"Abort":       func(ctx context.Context, w waiter) error { return w.tx.Abort(ctx, stomp.WithReceipt()) },
	"Unsubscribe": func(ctx context.Context, w waiter) error { return w.sub.Unsubscribe(ctx, stomp.WithReceipt()) },
	"Confirmed": func(ctx context.Context, w waiter) error {
		sub, err := w.c.NewSubscription(context.Background(), "/b")
		if err == nil {
			err = sub.Confirmed(ctx)
		}
		return err
	},
	"Receipt.Wait": func(ctx context.Context, w waiter) error {
		r, err := w.c.SendAsync(context.Background(), "/a", nil)
		if err == nil {
			err = r.Wait(ctx)
		}
		return err
	},
}

// waiter is what the calls are made on.
type waiter struct {
	c   *stomp.Client
	f   stomp.Frame // can be acked
	tx  *stomp.Transaction
	sub *stomp.Subscription[stomp.Frame]
}

func newWaiter(t *testing.T, b *stomptest.Broker) waiter {
	t.Helper()
	w := waiter{c: rig.Connect(t, b, stomp.WithHeartBeat(0, 0))}
	acking, err := w.c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
	rig.OK(t, err)
	w.f = rig.Deliver(t, b, "/queue/a", acking, 1)[0]
	w.tx, err = w.c.Begin(t.Context())
	rig.OK(t, err)
	w.sub, err = w.c.NewSubscription(t.Context(), "/queue/b")
	rig.OK(t, err)
	synctest.Wait()
	return w
}

// A ctx bounds every wait, is honoured at once, and never reaches the socket.
func TestClient_promise1_ctx_bounds_waiting(t *testing.T) {
	for name, call := range waits {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			w := newWaiter(t, b)
			b.Silence(true)
			for _, cancelled := range []bool{false, true} {
				ctx, want := rig.Within(t, time.Second), context.DeadlineExceeded
				if cancelled {
					c, cancel := context.WithCancel(t.Context())
					time.AfterFunc(time.Second, cancel)
					ctx, want = c, context.Canceled
					w = newSilent(t, b, w)
				}
				start := time.Now()
				err := call(ctx, w)
				rig.ErrorIs(t, err, want)
				if d := time.Since(start); d != time.Second {
					t.Errorf("%v after %v", err, d)
				}
			}
			b.Silence(false)
			synctest.Wait()
			rig.OK(t, w.c.Send(t.Context(), "/still-here", nil, stomp.WithReceipt()))
		})
	}
}

// newSilent is a waiter of its own on a broker that is silent by now.
func newSilent(t *testing.T, b *stomptest.Broker, old waiter) waiter {
	t.Helper()
	b.Silence(false)
	synctest.Wait()
	old.c.Close()
	w := newWaiter(t, b)
	b.Silence(true)
	return w
}

// A ctx that has ended already: its error, and nothing is written.
func TestClient_promise1_ctx_over_already(t *testing.T) {
	for name, call := range waits {
		if name == "Confirmed" || name == "Receipt.Wait" {
			continue // they write with another ctx
		}
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			w := newWaiter(t, b)
			before := len(rig.Received(b))
			ctx, cancel := context.WithCancelCause(t.Context())
			cancel(errWhy)
			err := call(ctx, w)
			rig.ErrorIs(t, err, context.Canceled, errWhy)
			rig.Unsent(t, err)
			synctest.Wait()
			if after := rig.Received(b); len(after) != before || w.c.Err() != nil {
				t.Errorf("the broker got %v, client's error %v", after, w.c.Err())
			}
		})
	}
}

var errWhy = errors.New("why")
