package stomp_test

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promise 8: a session that falls silent is cut at once, not shaken hands with, and the next one is made.
func TestWithReconnect_promise8_silence_on_a_websocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		w := c.Watch(t.Context())
		rig.Until(t, w, stomp.StateConnected)
		synctest.Wait()
		for epoch := uint64(2); epoch < 5; epoch++ {
			var lost stomp.Status
			rig.Takes(t, 2*time.Second, func() {
				route.Broker.Silence(true) // right after CONNECTED: that is the last byte
				lost = rig.Until(t, w, stomp.StateReconnecting)
			})
			rig.ErrorIs(t, lost.Err, stomp.ErrHeartBeat, stomp.ErrConnectionLost)
			if s := rig.Until(t, w, stomp.StateConnected); s.Epoch != epoch || !time.Now().Equal(lost.RetryAt) {
				t.Errorf("at %v: %+v, want it at %v", time.Now(), s, lost.RetryAt)
			}
			synctest.Wait()
		}
		route.Broker.Publish("/topic/a", nil, []byte("x"))
		if f := <-sub.C; f.Epoch != 4 {
			t.Errorf("epoch %d", f.Epoch)
		}
		if commands := rig.Received(route.Broker); slices.Contains(commands, wire.Disconnect) || slices.Contains(commands, wire.Unsubscribe) {
			t.Errorf("the dead were talked to: %v", commands)
		}
	})
}

// On the wire: heart-beats to the end, and not a byte more.
func TestWithReconnect_promise8_silence_on_a_stream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const connected = "version:1.2\nheart-beat:1000,1000"
		server := rig.NewServer(t)
		p, c := server.Session(connected, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		rig.Takes(t, 2*time.Second, func() {
			sent, err := io.ReadAll(p.Conn)
			rig.OK(t, err)
			if s := string(sent); s != "\n\n\n" && s != "\n\n\n\n" { // the one that is due at 2 s may come before the cut
				t.Errorf("the client sent %q, want heart-beats every 500 ms and nothing else", s)
			}
		})
		p = server.Accept()
		p.Handshake(connected)
		gone := p.Discard()
		time.Sleep(time.Second)
		if s := c.Status(); s.Epoch != 2 || s.State != stomp.StateConnected {
			t.Errorf("status %+v", s)
		}
		c.Close()
		<-gone
		<-c.Done()
	})
}

// blackHole makes a connection whose Close takes for ever unless a deadline has passed, as that of a WebSocket
// library which shakes hands with its peer does.
func blackHole(nc net.Conn) net.Conn {
	expired := make(chan struct{})
	return &rig.Conn{Conn: nc,
		OnSetDeadline: func(at time.Time) error {
			if !at.After(time.Now()) && !rig.IsClosed(expired) {
				close(expired)
			}
			return nc.SetDeadline(at)
		},
		OnClose: func() error { <-expired; return nc.Close() },
	}
}

// A dialer's connection whose Close waits for its peer does not hold up the next session.
func TestWithReconnect_promise8_no_handshake_with_the_dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		dial := func(ctx context.Context, url string) (net.Conn, error) {
			nc, err := b.Dial(ctx, url)
			if err != nil {
				return nil, err
			}
			return blackHole(nc), nil
		}
		c := rig.Connect(t, "tcp://broker.test", stomp.WithDialer(dial), stomp.WithReconnect(rig.LongBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		synctest.Wait()
		b.Silence(true)
		rig.Takes(t, 2*time.Second, func() { rig.Until(t, c.Watch(t.Context()), stomp.StateReconnecting) })
	})
}

// The beat goes on while a consumer is blocked, however long: the session stays, on a broker that enforces it.
func TestWithReconnect_beat_while_a_consumer_is_blocked(t *testing.T) {
	for name, policy := range map[string]stomp.Overflow{"queue_full": stomp.OverflowBlock, "dropping": stomp.OverflowDropOldest} {
		rig.Bubble(t, name, func(t *testing.T) {
			route := rig.NewRoute(t, stomptest.WithHeartBeat(time.Second, time.Second))
			c := rig.Connect(t, route, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithBuffer(10, 0, policy))
			rig.OK(t, err)
			synctest.Wait()
			rig.Publish(route.Broker, "/topic/a", rig.Numbers(1, 100)...)
			before := c.Stats().HeartBeatsSent
			time.Sleep(10 * time.Minute)
			synctest.Wait() // for the one that is due now
			s := c.Stats()
			if beats := s.HeartBeatsSent - before; s.Sessions != 1 || beats != 1200 {
				t.Errorf("%d sessions, %d heart-beats, want 1,200 of them: one each half of the interval", s.Sessions, beats)
			}
			if policy == stomp.OverflowBlock {
				got, _ := rig.Bodies(sub.C)
				rig.Equal(t, "bodies", got, rig.Numbers(1, 100))
			}
			rig.OK(t, c.Err())
		})
	}
}
