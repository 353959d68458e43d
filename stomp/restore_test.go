package stomp_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Promise 3: a channel survives a reconnect.
func TestSubscription_promise3_order_SUBSCRIBEs_then_carried_frames_then_waiting_sends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		offset := 0
		for _, d := range []string{"/queue/c", "/queue/a", "/queue/b"} {
			_, err := c.Subscribe(t.Context(), d, stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
				offset++
				return stomp.Header{{"offset", fmt.Sprint(offset)}}, nil
			}))
			rig.OK(t, err)
			p.Want(wire.Subscribe)
		}
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/queue/x", []byte("carried")))
		p.Close()
		synctest.Wait()
		sent := make(chan error, 2)
		go func() { sent <- c.Send(t.Context(), "/queue/x", []byte("waiting")) }() // joined below
		synctest.Wait()
		start := time.Now()
		late, err := c.NewSubscription(t.Context(), "/queue/late") // returns at once
		rig.OK(t, err)
		if d := time.Since(start); d != 0 {
			t.Errorf("took %v", d)
		}
		server.Resume(wire.V12)
		rig.OK(t, <-sent)
		rig.OK(t, late.Confirmed(t.Context()))
		rig.Equal(t, "the next session", server.Carried(), []string{"SUBSCRIBE /queue/c", "SUBSCRIBE /queue/a", "SUBSCRIBE /queue/b",
			"SUBSCRIBE /queue/late", "SEND /queue/x carried", "SEND /queue/x waiting"})
		for i, want := range []string{"4", "5", "6"} {
			if got := wire.Get(server.Attended()[i].Header, "offset"); got != want {
				t.Errorf("the header function of subscription %d gave %q, want %q", i, got, want)
			}
		}
	})
}

func TestSubscription_promise3_what_was_ended_while_offline_is_not_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		ctx, cancel := context.WithCancel(t.Context())
		first, err := c.NewSubscription(ctx, "/queue/ctx")
		rig.OK(t, err)
		second, err := c.NewSubscription(t.Context(), "/queue/unsubscribed", stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/stays")
		rig.OK(t, err)
		for range 3 {
			p.Want(wire.Subscribe)
		}
		p.Close()
		synctest.Wait()
		cancel()
		rig.OK(t, second.Unsubscribe(t.Context()))
		offline, err := c.NewSubscription(t.Context(), "/queue/offline")
		rig.OK(t, err)
		rig.OK(t, offline.Unsubscribe(t.Context()))
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), []string{"SUBSCRIBE /queue/stays"})
		for _, sub := range []*stomp.Subscription[stomp.Frame]{first, second, offline} {
			rig.Closed(t, sub.C)
			rig.OK(t, sub.Err())
		}
	})
}

// A subscription that is made right after the last SUBSCRIBE of a new session, before calls can use that, is not
// forgotten. The log is told of that SUBSCRIBE at this moment.
func TestSubscribe_promise3_while_a_session_is_restored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *stomp.Client
		var sent atomic.Int32 // subscriptions end side by side
		moment := onDebug(func(message string) {
			if message != "stomp: send" {
				return
			}
			if sent.Add(1) == 4 { // CONNECT, SUBSCRIBE, CONNECT, SUBSCRIBE
				_, err := c.Subscribe(t.Context(), "/queue/late")
				rig.OK(t, err)
			}
		})
		server, p, c1 := rig.Reconnecting(t, wire.V12, stomp.WithLogger(slog.New(moment)))
		c = c1
		_, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Close()
		server.Resume(wire.V12)
		rig.Equal(t, "the next session", server.Carried(), []string{"SUBSCRIBE /queue/a", "SUBSCRIBE /queue/late"})
	})
}

// onDebug is a log handler that is told each line's message.
type onDebug func(message string)

func (h onDebug) Enabled(context.Context, slog.Level) bool      { return true }
func (h onDebug) Handle(_ context.Context, r slog.Record) error { h(r.Message); return nil }
func (h onDebug) WithAttrs([]slog.Attr) slog.Handler            { return h }
func (h onDebug) WithGroup(string) slog.Handler                 { return h }

func TestSubscription_promise3_WithoutResubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithoutResubscribe())
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Close()
		rig.Closed(t, sub.C)
		rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
		offline, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithoutResubscribe())
		rig.OK(t, err)
		server.Release()
		p = server.AcceptSession(wire.V12)
		if f := p.Want(wire.Subscribe); wire.Get(f.Header, "destination") != "/queue/b" {
			t.Errorf("%v", f.Header)
		}
		p.Close()
		rig.Closed(t, offline.C)
		rig.ErrorIs(t, offline.Err(), stomp.ErrConnectionLost)
		server.Attend(server.AcceptSession(wire.V12))
		rig.Equal(t, "the last session", server.Carried(), nil)
	})
}

func TestSubscription_promise3_Epoch_changes_in_order_with_the_data(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithReceipt())
		rig.OK(t, err)
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
}

func TestSubscription_promise3_Confirmed_waits_for_the_next_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Close()
		synctest.Wait()
		confirmed := rig.Go(func() error { return sub.Confirmed(t.Context()) })
		synctest.Wait()
		server.Resume(wire.V12)
		rig.OK(t, <-confirmed)
	})
}

// Promise 6, and transactions: what belongs to a session ends with it.
func TestAck_promise6_of_another_session(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		rig.Bubble(t, fmt.Sprint("acks_", mode), func(t *testing.T) {
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(mode))
			rig.OK(t, err)
			b.Publish("/queue/a", nil, []byte("x"))
			old := <-sub.C
			tx, err := c.Begin(t.Context())
			rig.OK(t, err)
			b.Cut()
			again := <-sub.C // the same message
			if again.Epoch != 2 || string(again.Body) != "x" || again.Header.Get("redelivered") != "true" {
				t.Errorf("%v of epoch %d", again, again.Epoch)
			}
			for _, err := range []error{
				c.Ack(t.Context(), old), c.Nack(t.Context(), old), c.Ack(t.Context(), old, stomp.WithReceipt()), tx.Ack(t.Context(), old),
			} {
				rig.ErrorIs(t, err, stomp.ErrStale)
				rig.Unsent(t, err)
			}
			if err := tx.Ack(t.Context(), again); err == nil || !stomp.Unsent(err) {
				t.Errorf("acked in the transaction of another session: %v", err)
			}
			rig.ErrorIs(t, tx.Send(t.Context(), "/queue/b", nil), stomp.ErrConnectionLost)
			rig.ErrorIs(t, tx.Commit(t.Context()), stomp.ErrConnectionLost)
			rig.OK(t, tx.Abort(t.Context()))
			rig.OK(t, c.Ack(t.Context(), again, stomp.WithReceipt()))
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
}

func TestStats_add_up_over_sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		for range 3 {
			rig.OK(t, c.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithReceipt()))
			b.Cut()
			synctest.Wait()
		}
		rig.OK(t, c.Send(t.Context(), "/queue/a", []byte("x"), stomp.WithReceipt()))
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
