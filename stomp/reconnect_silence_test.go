package stomp_test

import (
	"bytes"
	"context"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promise 8: a session that falls silent is cut at once, not shaken hands with, and the next one is made.
func TestReconnect_Promise8_silence(t *testing.T) {
	bubble(t, "websocket", func(t *testing.T) {
		l := newApproach(t)
		c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		sub, err := c.NewSubscription(t.Context(), "/topic/a")
		fine(t, err)
		w := c.Watch(t.Context())
		until(t, w, stomp.StateConnected)
		synctest.Wait()
		for epoch := uint64(2); epoch < 5; epoch++ {
			silent := time.Now()
			l.broker.Silence(true) // right after CONNECTED: that is the last octet
			lost := until(t, w, stomp.StateReconnecting)
			if took := time.Since(silent); took != 2*time.Second {
				t.Errorf("the silence was noticed after %v, want exactly 2 s", took)
			}
			matches(t, lost.Err, stomp.ErrHeartBeat, stomp.ErrConnectionLost)
			if s := until(t, w, stomp.StateConnected); s.Epoch != epoch || !time.Now().Equal(lost.RetryAt) {
				t.Errorf("at %v: %+v, want it at %v", time.Now(), s, lost.RetryAt)
			}
			synctest.Wait()
		}
		l.broker.Publish("/topic/a", nil, []byte("x"))
		if f := <-sub.C; f.Epoch != 4 {
			t.Errorf("epoch %d", f.Epoch)
		}
		if commands := took(l.broker); slices.Contains(commands, wire.Disconnect) || slices.Contains(commands, wire.Unsubscribe) {
			t.Errorf("the dead were talked to: %v", commands)
		}
	})
	// On the wire: heart-beats to the end, and not an octet more.
	bubble(t, "stream", func(t *testing.T) {
		var sent [2]bytes.Buffer
		var began [2]time.Time
		gone := make(chan time.Time)
		attempt := 0
		dial := func(context.Context, string) (net.Conn, error) {
			near, far := net.Pipe()
			n := attempt
			attempt++
			began[n] = time.Now()
			go func() { // ends with the connection, which the Client closes
				answered := false
				p := make([]byte, 4096)
				for {
					m, err := far.Read(p)
					if err != nil {
						break
					}
					sent[n].Write(p[:m])
					if !answered {
						answered = true
						far.Write([]byte("CONNECTED\nversion:1.2\nheart-beat:1000,1000\n\n\x00"))
						sent[n].Reset()
					}
				}
				gone <- time.Now()
			}()
			return near, nil
		}
		c, err := stomp.Connect(t.Context(), "tcp://peer.test", stomp.WithDialer(dial), stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		fine(t, err)
		if at := <-gone; at.Sub(began[0]) != 2*time.Second {
			t.Errorf("cut after %v, want 2 s", at.Sub(began[0]))
		}
		if s := sent[0].String(); s != "\n\n\n" && s != "\n\n\n\n" { // the one that is due at 2 s may come before the cut
			t.Errorf("the client sent %q, want heart-beats every 500 ms and nothing else", s)
		}
		time.Sleep(time.Second)
		if s := c.Status(); s.Epoch != 2 || s.State != stomp.StateConnected {
			t.Errorf("status %+v", s)
		}
		go c.Close()
		<-gone
		<-c.Done()
	})
}

// blackHole is a connection whose Close takes for ever unless a deadline has passed, as that of a WebSocket library
// which shakes hands with its peer does.
type blackHole struct {
	net.Conn
	expired chan struct{}
}

func (b *blackHole) SetDeadline(at time.Time) error {
	if !at.After(time.Now()) {
		select {
		case <-b.expired:
		default:
			close(b.expired)
		}
	}
	return b.Conn.SetDeadline(at)
}

func (b *blackHole) Close() error {
	<-b.expired
	return b.Conn.Close()
}

// A dialer's connection whose Close waits for its peer does not hold up the next session.
func TestReconnect_Promise8_no_handshake_with_the_dead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := pipeBroker(t)
		b.Silence(false)
		dial := func(ctx context.Context, url string) (net.Conn, error) {
			nc, err := b.Dial(ctx, url)
			if err != nil {
				return nil, err
			}
			return &blackHole{nc, make(chan struct{})}, nil
		}
		c, err := stomp.Connect(t.Context(), "tcp://peer.test", stomp.WithDialer(dial), stomp.WithReconnect(longBackoff), stomp.WithHeartBeat(time.Second, time.Second))
		fine(t, err)
		defer c.Close()
		synctest.Wait()
		b.Silence(true)
		lasts(t, 2*time.Second, func() { until(t, c.Watch(t.Context()), stomp.StateReconnecting) })
	})
}

// The beat goes on while a consumer is blocked, however long: the session stays, on a broker that enforces it.
func TestReconnect_beat_while_a_consumer_is_blocked(t *testing.T) {
	for name, policy := range map[string]stomp.Overflow{"queue_full": stomp.OverflowBlock, "dropping": stomp.OverflowDropOldest} {
		bubble(t, name, func(t *testing.T) {
			l := newApproach(t, stomptest.WithHeartBeat(time.Second, time.Second))
			c := l.join(t, stomp.WithReconnect(quickBackoff), stomp.WithHeartBeat(time.Second, time.Second))
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithBuffer(10, 0, policy))
			fine(t, err)
			synctest.Wait()
			for _, n := range numbers(1, 100) {
				l.broker.Publish("/topic/a", nil, []byte(n))
			}
			before := c.Stats().HeartBeatsSent
			time.Sleep(time.Hour)
			synctest.Wait() // for the one that is due now
			s := c.Stats()
			if beats := s.HeartBeatsSent - before; s.Sessions != 1 || beats != 7200 {
				t.Errorf("%d sessions, %d heart-beats, want 7,200 of them: one each half of the interval", s.Sessions, beats)
			}
			if policy == stomp.OverflowBlock {
				got, _ := bodies(sub.C)
				same(t, "bodies", got, numbers(1, 100))
			}
			fine(t, c.Err())
		})
	}
}
