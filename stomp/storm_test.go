package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// stormCuts is how often the broker cuts the connection under everybody's feet.
const stormCuts = 30

// TestClient_storm_of_cuts: 64 goroutines send, subscribe, acknowledge, unsubscribe and request while the broker cuts
// the connection, over sockets. Then Drain. Every message sent WithRetry has arrived, and no ACK reached another
// session.
func TestClient_storm_of_cuts(t *testing.T) {
	b := rig.NewBroker(t)
	c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
	seen := newArrivals()
	sub, err := c.NewSubscription(t.Context(), "/queue/retry", stomp.WithAck(stomp.AckClientIndividual))
	rig.OK(t, err)
	requests, err := c.NewSubscription(t.Context(), "/queue/requests")
	rig.OK(t, err)

	var consumers, workers sync.WaitGroup
	consumers.Go(func() {
		for f := range sub.C {
			seen.add(string(f.Body))
			if err := c.Ack(t.Context(), f); err != nil && !errors.Is(err, stomp.ErrStale) {
				t.Errorf("ack: %v", err)
			}
		}
	})
	consumers.Go(func() {
		for f := range requests.C {
			if err := c.Send(t.Context(), f.Header.Get("reply-to"), f.Body, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id"))); err != nil {
				t.Errorf("reply: %v", err)
			}
		}
	})
	var over atomic.Bool
	var sent, turns atomic.Int64
	round := make(chan struct{}, 1) // a worker has done something: the next cut may come
	for worker := range 64 {
		workers.Go(func() {
			for n := 0; !over.Load(); n++ {
				name := fmt.Sprint(worker, "-", n)
				if err := storm(t, c, worker%8, name, &sent); err != nil {
					t.Errorf("worker %d: %v", worker, err)
				}
				if kind := worker % 8; 0 < kind && kind < 5 { // the others may turn without a session
					turns.Add(1)
				}
				select {
				case round <- struct{}{}:
				default:
				}
			}
		})
	}
	for range stormCuts {
		at := b.Sessions()
		for from := turns.Load(); turns.Load() < from+32; { // one for each of those who count theirs
			<-round
		}
		b.Cut()
		for b.Sessions() == at {
			<-round
		}
	}
	over.Store(true)
	workers.Wait()
	if !seen.await(int(sent.Load())) {
		t.Errorf("%d of %d messages arrived", seen.count(), sent.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a hang, not a slow machine
	defer cancel()
	rig.OK(t, c.Drain(ctx))
	consumers.Wait()
	if n := b.StaleAcks(); n != 0 {
		t.Errorf("%d acks reached another session", n)
	}
	stats := c.Stats()
	if stats.Sessions < stormCuts || stats.ReceiptsPending != 0 {
		t.Errorf("%+v", stats)
	}
	t.Logf("%d retried, %d turns, %+v", sent.Load(), turns.Load(), stats)
}

// storm is one turn of a worker of that kind. An error is one that a caller must not get.
func storm(t *testing.T, c *stomp.Client, kind int, name string, sent *atomic.Int64) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	allowed := func(err error, these ...error) error {
		if err == nil || slices.ContainsFunc(these, func(e error) bool { return errors.Is(err, e) }) {
			return nil
		}
		return err
	}
	switch kind {
	case 0:
		if err := errors.Join(c.Send(ctx, "/topic/plain", []byte(name)), c.Flush(ctx)); err != nil {
			return err
		}
		// In step with the broker, or it would drown in these.
		return allowed(c.Send(ctx, "/topic/plain", nil, stomp.WithReceipt()), stomp.ErrConnectionLost)
	case 1:
		return allowed(c.Send(ctx, "/topic/plain", []byte(name), stomp.WithReceipt()), stomp.ErrConnectionLost)
	case 2, 3:
		err := c.Send(ctx, "/queue/retry", []byte(name), stomp.WithRetry())
		if err == nil {
			sent.Add(1)
		}
		return err
	case 4:
		sub, err := c.NewSubscription(ctx, "/topic/"+name, stomp.WithReceipt())
		if err != nil {
			return err
		}
		return sub.Unsubscribe(ctx)
	case 5:
		sub, err := c.NewSubscription(ctx, "/topic/"+name) // ended by its ctx
		if err != nil {
			return err
		}
		return sub.Confirmed(ctx)
	case 6:
		short, cancel := context.WithTimeout(ctx, 5*time.Second) // a reply may be lost: SENDs without receipt are
		defer cancel()
		f, err := c.Request(short, "/queue/requests", []byte(name))
		if err == nil && string(f.Body) != name {
			return fmt.Errorf("the reply to %q is %q", name, f.Body)
		}
		return allowed(err, stomp.ErrConnectionLost, context.DeadlineExceeded)
	default:
		tx, err := c.Begin(ctx, stomp.WithReceipt())
		if err != nil {
			return allowed(err, stomp.ErrConnectionLost)
		}
		if err := tx.Send(ctx, "/topic/plain", []byte(name)); err != nil {
			return allowed(err, stomp.ErrConnectionLost)
		}
		return allowed(tx.Commit(ctx, stomp.WithReceipt()), stomp.ErrConnectionLost)
	}
}
