package stomp_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Reconnect leaves by the protocol, and the channel goes on.
func TestClient_Reconnect_makes_a_new_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithFailover("ws://two.test/ws"), stomp.WithHeartBeat(0, 0))
		acked, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		messages, err := c.Subscribe(t.Context(), "/topic/a")
		rig.OK(t, err)
		rig.Publish(route.Broker, "/queue/a", "1")
		f := rig.Body(t, acked.C, "1")
		rig.OK(t, c.Send(t.Context(), "/queue/b", []byte("accepted")))
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)

		rig.Takes(t, 0, func() { rig.OK(t, c.Reconnect(t.Context())) })
		if s := c.Status(); s.Epoch != 2 || s.State != stomp.StateConnected {
			t.Errorf("status %+v", s)
		}
		synctest.Wait() // written is not yet received
		rig.Equal(t, "frames", rig.Received(route.Broker, "destination"), []string{
			"SUBSCRIBE destination:/queue/a", "SUBSCRIBE destination:/topic/a", "SEND destination:/queue/b", "BEGIN", "DISCONNECT",
			"SUBSCRIBE destination:/queue/a", "SUBSCRIBE destination:/topic/a"})
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
		rig.ErrorIs(t, tx.Commit(t.Context()), stomp.ErrConnectionLost)
		rig.Body(t, acked.C, "1") // again
		rig.Publish(route.Broker, "/topic/a", "2")
		if f := rig.Body(t, messages, "2"); f.Epoch != 2 {
			t.Errorf("delivered in epoch %d", f.Epoch)
		}
		rig.Equal(t, "endpoints", route.Hosts(), []string{"one.test", "one.test"})
	})
}

func TestClient_Reconnect_calls_at_the_same_time_share_a_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithHeartBeat(0, 0))
		rig.On(route.Broker, "DISCONNECT", "", rig.Always(stomptest.DelayFor(time.Second)))
		first := rig.Go(func() error { return c.Reconnect(t.Context()) })
		time.Sleep(time.Millisecond) // it is waiting for the answer
		second := rig.Go(func() error { return c.Reconnect(t.Context()) })
		rig.OK(t, <-first)
		rig.OK(t, <-second)
		if s := c.Status(); s.Epoch != 2 {
			t.Errorf("epoch %d", s.Epoch)
		}
	})
}

// During an outage the next attempt starts at once.
func TestClient_Reconnect_in_an_outage_waits_no_longer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.LongBackoff), stomp.WithHeartBeat(0, 0))
		route.Broker.Cut()
		rig.Until(t, c.Watch(t.Context()), stomp.StateReconnecting)
		time.Sleep(time.Hour)
		rig.Takes(t, 0, func() { rig.OK(t, c.Reconnect(t.Context())) })

		// Nor does the outage after it begin with a hurry.
		route.Broker.Cut()
		rig.Until(t, c.Watch(t.Context()), stomp.StateReconnecting)
		time.Sleep(time.Hour)
		if s := c.Status(); s.State != stomp.StateReconnecting || s.Attempt != 1 {
			t.Errorf("status %+v", s)
		}
	})
}

// It starts from the first endpoint, also where that has refused and would be left alone.
func TestClient_Reconnect_in_an_outage_asks_the_first_endpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(stomp.Backoff{Min: time.Minute, Max: time.Hour, Factor: 1000}), stomp.WithFailover("ws://two.test/ws"), stomp.WithHeartBeat(0, 0))
		route.PlanByHost(func(host string) rig.Trouble {
			if host == "one.test" {
				return rig.Denied
			}
			return rig.NoDial
		})
		route.Broker.Cut()
		time.Sleep(10 * time.Minute)
		route.Mend()
		route.Hosts()
		rig.Takes(t, 0, func() { rig.OK(t, c.Reconnect(t.Context())) })
		rig.Equal(t, "endpoints", route.Hosts(), []string{"one.test"})
	})
}

// When ctx ends first, the session is cut, and the Client goes on trying.
func TestClient_Reconnect_promise1_ctx_bounds_it(t *testing.T) {
	rig.Bubble(t, "while_the_server_does_not_answer_DISCONNECT", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt())) // it answers
		rig.On(route.Broker, "DISCONNECT", "", rig.Always(stomptest.Drop()))
		rig.Takes(t, time.Minute, func() { rig.ErrorIs(t, c.Reconnect(rig.Within(t, time.Minute)), context.DeadlineExceeded) })
		w := c.Watch(t.Context())
		rig.UntilSession(t, w, 2)
	})
	rig.Bubble(t, "while_nobody_listens", func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		route.PlanByHost(func(string) rig.Trouble { return rig.NoDial })
		err := c.Reconnect(rig.Within(t, time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded, rig.ErrDown)
		route.Mend()
		rig.UntilSession(t, c.Watch(t.Context()), 2)
	})
}

func TestClient_Reconnect_refuses(t *testing.T) {
	b := rig.NewBroker(t)
	c := rig.Connect(t, b, stomp.WithoutReconnect())
	err := c.Reconnect(t.Context())
	rig.ErrorSays(t, err, "WithoutReconnect")
	if c.Status().Epoch != 1 || errors.Is(err, stomp.ErrClosed) {
		t.Errorf("status %+v, %v", c.Status(), err)
	}
	c.Close()

	c = rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
	rig.ErrorIs(t, c.Reconnect(rig.Ended()), context.Canceled)
	if c.Status().Epoch != 1 {
		t.Errorf("status %+v", c.Status())
	}
	c.Close()
	rig.ErrorIs(t, c.Reconnect(t.Context()), stomp.ErrClosed)
}

// A consumer may call it from its own loop, also while its queue is full.
func TestClient_Reconnect_waits_for_no_consumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithHeartBeat(0, 0))
		messages, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithBuffer(2, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		rig.Publish(route.Broker, "/queue/a", rig.Numbers(1, 50)...)
		rig.Body(t, messages, "1")
		rig.OK(t, c.Reconnect(t.Context()))
		if s := c.Status(); s.Epoch != 2 {
			t.Errorf("epoch %d", s.Epoch)
		}
	})
}

// While it leaves the old session, calls wait for the new one: none finds a closed Client.
func TestClient_Reconnect_lets_calls_wait_for_the_next_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		rig.Publish(route.Broker, "/queue/a", "1")
		f := rig.Body(t, sub.C, "1")
		tx, err := c.Begin(t.Context(), stomp.WithReceipt()) // the server answers
		rig.OK(t, err)
		rig.On(route.Broker, "DISCONNECT", "", rig.Always(stomptest.Drop()))                               // the answer takes its time
		route.Plan(func(context.Context, *stomptest.Broker) error { time.Sleep(time.Second); return nil }) // and so does the next session
		done := rig.Go(func() error { return c.Reconnect(rig.Within(t, time.Minute)) })
		synctest.Wait()

		sent := rig.Go(func() error { return c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()) })
		begun := rig.Go(func() error { _, err := c.Begin(t.Context(), stomp.WithReceipt()); return err })
		subscribed := rig.Go(func() error { _, err := c.Subscribe(t.Context(), "/queue/c"); return err })
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
		rig.ErrorIs(t, tx.Commit(t.Context()), stomp.ErrConnectionLost)
		rig.ErrorIs(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithoutWaiting()), stomp.ErrNotConnected)
		rig.OK(t, <-subscribed)
		if s := c.Status(); s.Epoch != 1 || c.Err() != nil {
			t.Errorf("status %+v, error %v", s, c.Err())
		}
		rig.ErrorIs(t, <-done, context.DeadlineExceeded)
		rig.OK(t, <-sent)
		rig.OK(t, <-begun)
		if s := c.Status(); s.Epoch != 2 {
			t.Errorf("status %+v", s)
		}
	})
}

// Senders with receipts that never pause do not hold it up.
func TestClient_Reconnect_among_steady_senders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
		rig.On(route.Broker, "SEND", "", rig.Always(stomptest.DelayFor(10*time.Millisecond)))
		ctx, stop := context.WithCancel(t.Context())
		var senders []<-chan error
		for range 4 {
			senders = append(senders, rig.Go(func() error {
				for ctx.Err() == nil {
					if err := c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()); err != nil {
						return err
					}
				}
				return nil
			}))
		}
		time.Sleep(time.Second)
		start := time.Now()
		rig.OK(t, c.Reconnect(rig.Within(t, time.Minute)))
		if took := time.Since(start); took > time.Second {
			t.Errorf("it took %v", took)
		}
		stop() // the new way to the broker has no delay: time would stand still
		for _, s := range senders {
			rig.OK(t, <-s)
		}
	})
}

// A Disconnect that comes while Reconnect leaves goes by its own ctx, whether Reconnect's ends before the answer to
// DISCONNECT, or in the close handshake.
func TestClient_Reconnect_whose_ctx_ends_leaves_the_rest_to_Disconnect(t *testing.T) {
	rig.Bubble(t, "M6_before_the_answer", func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithReconnect(rig.LongBackoff))
		renewed := rig.Go(func() error { return c.Reconnect(rig.Within(t, time.Second)) })
		f := p.Want(wire.Disconnect)
		left := rig.Go(func() error { return c.Disconnect(rig.Within(t, time.Minute)) })
		rest := p.Rest()
		time.Sleep(10 * time.Second)
		rig.ErrorIs(t, <-renewed, stomp.ErrClosed)
		p.Receipt(f)
		rig.Takes(t, 0, func() { rig.OK(t, <-left) })
		rig.Equal(t, "after DISCONNECT", <-rest, nil)
		over(t, c)
	})
	rig.Bubble(t, "M6_in_the_close_handshake", func(t *testing.T) {
		b := rig.PipeBroker(t)
		rig.On(b, wire.Disconnect, "", rig.Always(stomptest.Drop()))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.LongBackoff), stomp.WithHeartBeat(0, 0))
		renewed := rig.Go(func() error { return c.Reconnect(rig.Within(t, 6*time.Second)) })
		synctest.Wait()
		go func() { // the handshake begins when 5 s were waited for the answer to DISCONNECT; joined by the bubble
			time.Sleep(4 * time.Second)
			b.Silence(true)
			time.Sleep(4 * time.Second)
			b.Silence(false)
		}()
		rig.Takes(t, 8*time.Second, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Minute))) })
		rig.ErrorIs(t, <-renewed, stomp.ErrClosed)
		over(t, c)
	})
	rig.Bubble(t, "promise1_nor_does_a_longer_one_hold_it_up", func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithReconnect(rig.LongBackoff))
		renewed := rig.Go(func() error { return c.Reconnect(rig.Within(t, time.Minute)) })
		p.Want(wire.Disconnect)
		rig.Takes(t, time.Second, func() { rig.ErrorIs(t, c.Disconnect(rig.Within(t, time.Second)), context.DeadlineExceeded) })
		rig.ErrorIs(t, <-renewed, stomp.ErrClosed)
		over(t, c)
	})
}

// slowLog takes a second for a line with that text.
type slowLog struct{ text string }

func (l slowLog) Enabled(context.Context, slog.Level) bool { return true }
func (l slowLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l slowLog) WithGroup(string) slog.Handler            { return l }
func (l slowLog) Handle(_ context.Context, r slog.Record) error {
	if strings.Contains(r.Message, l.text) {
		time.Sleep(time.Second)
	}
	return nil
}

// While Reconnect has cut the old session and not joined it yet, no error says that the Client is closed.
func TestReconnect_errors_before_the_old_session_is_joined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rig.NewServer(t)
		p, c := s.Session("version:1.2", stomp.WithReconnect(rig.QuickBackoff), stomp.WithLogger(slog.New(slowLog{"ERROR for a receipt"})))
		done := rig.Go(func() error { return c.Reconnect(t.Context()) })
		leaving := p.Next()
		p.SendRaw("RECEIPT\nreceipt-id:" + wire.Get(leaving.Header, "receipt") + "\n\n\x00ERROR\nreceipt-id:r0\n\n\x00")
		synctest.Wait()
		err := c.Send(t.Context(), "/queue/a", nil, stomp.WithoutWaiting())
		rig.ErrorIs(t, err, stomp.ErrNotConnected, stomp.ErrConnectionLost)
		if errors.Is(err, stomp.ErrClosed) {
			t.Errorf("it says that the Client is closed: %v", err)
		}
		s.Attend(s.AcceptSession("1.2"))
		rig.OK(t, <-done)
	})
}
