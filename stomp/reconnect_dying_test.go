package stomp_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// dying is a client whose session has been cut and is not over yet: not before gate is closed.
func dying(t *testing.T) (b *stomptest.Broker, c *stomp.Client, gate chan struct{}) {
	t.Helper()
	b = rig.PipeBroker(t)
	gate = make(chan struct{})
	slow := true
	dial := func(ctx context.Context, url string) (net.Conn, error) {
		nc, err := b.Dial(ctx, url)
		if err == nil && slow {
			inner := nc
			slow, nc = false, &rig.Conn{Conn: nc, OnClose: func() error { <-gate; return inner.Close() }}
		}
		return nc, err
	}
	c = rig.Connect(t, "tcp://broker.test", stomp.WithDialer(dial), stomp.WithReconnect(rig.QuickBackoff), stomp.WithHeartBeat(0, 0))
	synctest.Wait()
	b.Cut()
	synctest.Wait()
	return b, c, gate
}

// A call that meets a session which is just ending waits for the next one, as any other in an outage.
func TestWithReconnect_session_just_ending(t *testing.T) {
	wait := map[string]func(ctx context.Context, c *stomp.Client) error{
		"Commit": func(ctx context.Context, c *stomp.Client) error {
			tx, err := c.Begin(ctx)
			if err != nil {
				return err
			}
			return tx.Commit(ctx, stomp.WithReceipt())
		},
	}
	for name, call := range calls {
		if name != "Request" { // nobody answers here
			wait[name] = call
		}
	}
	for name, call := range wait {
		rig.Bubble(t, name, func(t *testing.T) {
			_, c, gate := dying(t)
			done := rig.Go(func() error { return call(t.Context(), c) })
			synctest.Wait()
			select {
			case err := <-done:
				t.Errorf("it did not wait: %v", err)
			default:
			}
			close(gate)
			select {
			case err := <-done:
				rig.OK(t, err)
			case <-time.After(time.Minute):
				t.Error("it waits for ever")
			}
		})
	}
	rig.Bubble(t, "Request", func(t *testing.T) {
		b, c, gate := dying(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := rig.Go(func() error {
			_, err := c.Request(ctx, "/queue/a", []byte("q"))
			return err
		})
		synctest.Wait()
		close(gate)
		time.Sleep(time.Second)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("%d requests came", n)
		}
		cancel()
		rig.ErrorIs(t, <-done, context.Canceled)
	})
}

// WithoutWaiting does not wait for the end of that session either.
func TestWithoutWaiting_session_just_ending(t *testing.T) {
	for name, call := range callsWithoutWaiting {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c, gate := dying(t)
			done := rig.Go(func() error { return call(t.Context(), c) })
			synctest.Wait()
			select {
			case err := <-done:
				rig.ErrorIs(t, err, stomp.ErrNotConnected)
				rig.Unsent(t, err)
			default:
				t.Error("it waits")
			}
			close(gate)
			time.Sleep(time.Second)
			rig.Equal(t, "what the broker got", rig.Received(b), nil)
		})
	}
}
