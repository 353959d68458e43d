package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

func TestUnmatched(t *testing.T) {
	stray := func(p *peer, from, to int) {
		for _, n := range numbers(from, to) {
			p.send(wire.Message, n, [2]string{"subscription", "/temp-queue/x"}, [2]string{"message-id", n}, [2]string{"destination", "/a"})
		}
	}
	bubble(t, "S3_handed_out_to_all_who_ask", func(t *testing.T) {
		c, p := peerRig(t, nil)
		stray(p, 1, 1) // nobody asks yet: counted
		synctest.Wait()
		one, other := c.Unmatched(t.Context()), c.Unmatched(t.Context())
		stray(p, 2, 3)
		for _, ch := range []<-chan stomp.Frame{one, other} {
			f := <-ch
			if f.Epoch != 1 || f.Header.Get("subscription") != "/temp-queue/x" {
				t.Errorf("got %v, epoch %d", f, f.Epoch)
			}
			matches(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
			got, open := bodies(ch)
			same(t, "bodies", got, numbers(3, 3))
			if string(f.Body) != "2" || !open {
				t.Errorf("first %v, open %t", f, open)
			}
		}
		if n := c.Stats().Unmatched; n != 3 {
			t.Errorf("%d unmatched", n)
		}
	})
	bubble(t, "S3_1024_wait_then_the_newest_is_dropped", func(t *testing.T) {
		c, p := peerRig(t, nil)
		ch := c.Unmatched(t.Context())
		stray(p, 1, 1100)
		synctest.Wait()
		if s := c.Stats(); s.Unmatched != 1100 || s.Dropped != 76 || s.Stalls != 0 {
			t.Errorf("%+v", s)
		}
		got, _ := bodies(ch)
		same(t, "bodies", got, numbers(1, 1024))
	})
	bubble(t, "closes_with_ctx", func(t *testing.T) {
		c, p := peerRig(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		ch := c.Unmatched(ctx)
		stray(p, 1, 1)
		synctest.Wait()
		cancel()
		got, open := bodies(ch)
		same(t, "what stays readable", got, numbers(1, 1))
		if open {
			t.Error("it is open")
		}
		if _, open := <-c.Unmatched(ctx); open {
			t.Error("one with a ctx that is over is open")
		}
		stray(p, 2, 2)
	})
	bubble(t, "closes_with_the_Client", func(t *testing.T) {
		c, p := peerRig(t, nil)
		ch := c.Unmatched(t.Context())
		p.nc.Close()
		if _, open := <-ch; open {
			t.Error("a frame came")
		}
		matches(t, c.Err(), stomp.ErrConnectionLost) // set before the channel was closed
		<-c.Done()
		if _, open := <-c.Unmatched(t.Context()); open {
			t.Error("one of a Client that is closed is open")
		}
	})
}
