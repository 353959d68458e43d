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

// Promise 3: a channel survives a reconnect.
func TestPromise3_Restore(t *testing.T) {
	bubble(t, "order_SUBSCRIBEs_then_carried_frames_then_waiting_sends", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		offset := 0
		for _, d := range []string{"/queue/c", "/queue/a", "/queue/b"} {
			_, err := c.Subscribe(t.Context(), d, stomp.WithHeaderFunc(func() stomp.Header {
				offset++
				return stomp.Header{{"offset", fmt.Sprint(offset)}}
			}))
			fine(t, err)
			p.want(wire.Subscribe)
		}
		p.block(c)
		fine(t, c.Send(t.Context(), "/queue/x", []byte("carried")))
		p.nc.Close()
		synctest.Wait()
		sent := make(chan error, 2)
		go func() { sent <- c.Send(t.Context(), "/queue/x", []byte("waiting")) }() // joined below
		synctest.Wait()
		start := time.Now()
		late, err := c.NewSubscription(t.Context(), "/queue/late") // returns at once
		fine(t, err)
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
		close(l.gate)
		l.attend(l.accept(wire.V12))
		fine(t, <-sent)
		fine(t, late.Confirmed(t.Context()))
		same(t, "the next session", l.carried(), []string{"SUBSCRIBE /queue/c", "SUBSCRIBE /queue/a", "SUBSCRIBE /queue/b",
			"SUBSCRIBE /queue/late", "SEND /queue/x carried", "SEND /queue/x waiting"})
		for i, want := range []string{"4", "5", "6"} {
			if got := wire.Get(l.log[i].Header, "offset"); got != want {
				t.Errorf("the header function of subscription %d gave %q, want %q", i, got, want)
			}
		}
	})
	bubble(t, "what_was_ended_while_offline_is_not_restored", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := c.NewSubscription(ctx, "/queue/ctx")
		fine(t, err)
		second, err := c.NewSubscription(t.Context(), "/queue/unsubscribed", stomp.WithAck(stomp.AckClient))
		fine(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/stays")
		fine(t, err)
		for range 3 {
			p.want(wire.Subscribe)
		}
		p.nc.Close()
		synctest.Wait()
		cancel()
		fine(t, second.Unsubscribe(t.Context()))
		offline, err := c.NewSubscription(t.Context(), "/queue/offline")
		fine(t, err)
		fine(t, offline.Unsubscribe(t.Context()))
		close(l.gate)
		l.attend(l.accept(wire.V12))
		same(t, "the next session", l.carried(), []string{"SUBSCRIBE /queue/stays"})
		for _, sub := range []*stomp.Subscription[stomp.Frame]{first, second, offline} {
			if _, open := <-sub.C; open {
				t.Errorf("%s is open", sub.Destination())
			}
			fine(t, sub.Err())
		}
	})
	bubble(t, "WithoutResubscribe", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		fine(t, err)
		p.want(wire.Subscribe)
		p.nc.Close()
		if _, open := <-sub.C; open {
			t.Error("a message came")
		}
		matches(t, sub.Err(), stomp.ErrConnectionLost)
		offline, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithoutResubscribe())
		fine(t, err)
		close(l.gate)
		p = l.accept(wire.V12)
		if f := p.want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		p.nc.Close()
		if _, open := <-offline.C; open {
			t.Error("a message came")
		}
		matches(t, offline.Err(), stomp.ErrConnectionLost)
		l.attend(l.accept(wire.V12))
		same(t, "the last session", l.carried(), nil)
	})
	bubble(t, "Epoch_changes_in_order_with_the_data", func(t *testing.T) {
		b := pipeBroker(t)
		c := joinLasting(t, b)
		sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithReceipt())
		fine(t, err)
		for epoch := 1; epoch <= 5; epoch++ {
			for i := range 100 { // more than the channel holds: they wait across the cut
				b.Publish("/topic/a", nil, fmt.Append(nil, epoch, " ", i))
			}
			synctest.Wait()
			b.Cut()
			for b.Subscriptions("/topic/a") == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		for epoch := 1; epoch <= 5; epoch++ {
			for i := range 100 {
				if f := <-sub.C; string(f.Body) != fmt.Sprint(epoch, " ", i) || f.Epoch != uint64(epoch) {
					t.Fatalf("%q of epoch %d; want %d of %d", f.Body, f.Epoch, i, epoch)
				}
			}
		}
		stats := c.Stats()
		if stats.Sessions != 6 || sub.Stats().Received != 500 || stats.FramesReceived < 500+6 {
			t.Errorf("%+v, %+v", stats, sub.Stats())
		}
	})
	bubble(t, "Confirmed_waits_for_the_next_session", func(t *testing.T) {
		l, c, p := trunkRig(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		fine(t, err)
		p.want(wire.Subscribe)
		p.nc.Close()
		synctest.Wait()
		confirmed := make(chan error, 1)
		go func() { confirmed <- sub.Confirmed(t.Context()) }() // joined below
		synctest.Wait()
		close(l.gate)
		l.attend(l.accept(wire.V12))
		fine(t, <-confirmed)
	})
}

// Promise 6, and transactions: what belongs to a session ends with it.
func TestPromise6_OtherSession(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		bubble(t, fmt.Sprint("acks_", mode), func(t *testing.T) {
			b := pipeBroker(t)
			c := joinLasting(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(mode))
			fine(t, err)
			b.Publish("/queue/a", nil, []byte("x"))
			old := <-sub.C
			tx, err := c.Begin(t.Context())
			fine(t, err)
			b.Cut()
			again := <-sub.C // the same message
			if again.Epoch != 2 || string(again.Body) != "x" || again.Header.Get("redelivered") != "true" {
				t.Errorf("%v of epoch %d", again, again.Epoch)
			}
			for _, err := range []error{
				c.Ack(t.Context(), old), c.Nack(t.Context(), old), c.Ack(t.Context(), old, stomp.WithReceipt()), tx.Ack(t.Context(), old),
			} {
				matches(t, err, stomp.ErrStale)
				if !stomp.Unsent(err) {
					t.Errorf("not Unsent: %v", err)
				}
			}
			if err := tx.Ack(t.Context(), again); err == nil || !stomp.Unsent(err) {
				t.Errorf("acked in the transaction of another session: %v", err)
			}
			matches(t, tx.Send(t.Context(), "/queue/b", nil), stomp.ErrConnectionLost)
			matches(t, tx.Commit(t.Context()), stomp.ErrConnectionLost)
			fine(t, tx.Abort(t.Context()))
			fine(t, c.Ack(t.Context(), again, stomp.WithReceipt()))
			if b.StaleAcks() != 0 || b.Unacked("/queue/a") != 0 || b.QueueLen("/queue/b") != 0 {
				t.Errorf("stale %d, unacked %d", b.StaleAcks(), b.Unacked("/queue/a"))
			}
			for _, e := range b.Received() {
				if e.Connection == 2 && e.Frame.Command != wire.Connect && e.Frame.Command != wire.Subscribe && e.Frame.Command != wire.Ack {
					t.Errorf("the second session carried %v", e.Frame)
				}
			}
		})
	}
	bubble(t, "Stats_add_up", func(t *testing.T) {
		b := pipeBroker(t)
		c := joinLasting(t, b)
		for range 3 {
			fine(t, c.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithReceipt()))
			b.Cut()
			synctest.Wait()
		}
		fine(t, c.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithReceipt()))
		s := c.Stats()
		if s.Sessions != 4 || s.FramesSent != 4 || s.ReceiptsPending != 0 {
			t.Errorf("%+v", s)
		}
		before := s.BytesSent
		b.Cut()
		synctest.Wait()
		if after := c.Stats(); after.BytesSent < before || after.FramesSent < s.FramesSent {
			t.Errorf("%+v, before %+v", after, s)
		}
	})
}
