package stomp_test

import (
	"context"
	"net"
	"runtime"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// heap returns how many bytes live on the heap.
func heap() int64 {
	for range 2 { // the first leaves what lies in pools for the second
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What a service keeps of a Client that has ended does not keep its session, which is some 10 KiB.
func TestClient_what_is_kept_lets_go_of_the_session(t *testing.T) {
	const clients = 200
	subscribed := func(t *testing.T, c *stomp.Client, mode stomp.AckMode) *stomp.Subscription[stomp.Frame] {
		s, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt(), stomp.WithAck(mode))
		rig.OK(t, err)
		return s
	}
	begun := func(t *testing.T, c *stomp.Client) *stomp.Transaction {
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		return tx
	}
	for name, kept := range map[string]struct {
		most int64 // bytes
		keep func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any
	}{
		"Frame_in_auto_mode": {1 << 10, func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any {
			return rig.Deliver(t, b, "/queue/a", subscribed(t, c, stomp.AckAuto).C, 1)[0]
		}},
		"Frame_not_acked": {1 << 10, func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any {
			return rig.Deliver(t, b, "/queue/a", subscribed(t, c, stomp.AckClient).C, 1)[0]
		}},
		"Frame_acked": {1 << 10, func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any {
			f := rig.Deliver(t, b, "/queue/a", subscribed(t, c, stomp.AckClient).C, 1)[0]
			rig.OK(t, c.Ack(t.Context(), f, stomp.WithReceipt()))
			return f
		}},
		"Receipt": {1 << 10, func(t *testing.T, _ *stomptest.Broker, c *stomp.Client) any {
			r, err := c.SendAsync(t.Context(), "/topic/a", nil)
			rig.OK(t, err)
			rig.OK(t, r.Wait(t.Context()))
			return r
		}},
		"Receipt_that_never_came": {1 << 10, func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any {
			rig.On(b, wire.Send, "/topic/a", rig.Always(stomptest.Drop()))
			r, err := c.SendAsync(t.Context(), "/topic/a", nil)
			rig.OK(t, err)
			return r
		}},
		"Error": {1 << 10, func(t *testing.T, b *stomptest.Broker, c *stomp.Client) any {
			rig.On(b, wire.Send, "/topic/a", rig.Refuse("no"))
			return c.Send(t.Context(), "/topic/a", nil, stomp.WithReceipt())
		}},
		"Status": {1 << 10, func(_ *testing.T, _ *stomptest.Broker, c *stomp.Client) any { return c.Status() }},
		// These keep their Client, with its options.
		"Transaction": {4 << 10, func(t *testing.T, _ *stomptest.Broker, c *stomp.Client) any { return begun(t, c) }},
		"Transaction_done": {4 << 10, func(t *testing.T, _ *stomptest.Broker, c *stomp.Client) any {
			tx := begun(t, c)
			rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
			return tx
		}},
		"Subscription": {6 << 10, func(t *testing.T, _ *stomptest.Broker, c *stomp.Client) any { return subscribed(t, c, stomp.AckAuto) }},
	} {
		t.Run(name, func(t *testing.T) {
			one := func() any {
				b := stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithTCP())
				dial := b.Dial
				dialer := func(ctx context.Context, url string) (net.Conn, error) { return dial(ctx, url) }
				c, err := stomp.Connect(t.Context(), b.TCPURL(), stomp.WithDialer(dialer), stomp.WithoutReconnect())
				rig.OK(t, err)
				v := kept.keep(t, b, c)
				c.Close()
				b.Close()
				dial = nil // or a Client that is kept keeps the broker
				return v
			}
			one()
			before := heap()
			all := make([]any, clients)
			for i := range all {
				all[i] = one()
			}
			if each := (heap() - before) / clients; each > kept.most {
				t.Errorf("%d bytes are kept of each, want %d at most", each, kept.most)
			}
			runtime.KeepAlive(all)
		})
	}
}

// A frame that is kept over reconnects does not keep the session that delivered it, and its ACK is stale.
func TestFrame_kept_lets_go_of_a_session_that_was_lost(t *testing.T) {
	const sessions, most = 200, 3 << 10 // the broker remembers what it received
	b := rig.PipeBroker(t)
	c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
	sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithAck(stomp.AckClient))
	rig.OK(t, err)
	status := c.Watch(t.Context())
	epoch := uint64(0)
	session := func() stomp.Frame {
		epoch++
		rig.UntilSession(t, status, epoch)
		rig.OK(t, sub.Confirmed(t.Context()))
		f := rig.Deliver(t, b, "/topic/a", sub.C, 1)[0]
		b.Cut()
		return f
	}
	for range 20 {
		session()
	}
	before := heap()
	kept := make([]stomp.Frame, sessions)
	for i := range kept {
		kept[i] = session()
	}
	if each := (heap() - before) / sessions; each > most {
		t.Errorf("%d bytes are kept of each session, want %d at most", each, most)
	}
	for _, f := range kept {
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
	}
}
