package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// stray sends MESSAGEs that match no subscription.
func stray(p *rig.Peer, from, to int) {
	for _, n := range rig.Numbers(from, to) {
		p.Send(wire.Message, n, "subscription", "/temp-queue/x", "message-id", n, "destination", "/a")
	}
}

func TestUnmatched_S3_handed_out_to_all_who_ask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		stray(p, 1, 1) // nobody asks yet: counted
		synctest.Wait()
		one, other := c.Unmatched(t.Context()), c.Unmatched(t.Context())
		stray(p, 2, 3)
		for _, ch := range []<-chan stomp.Frame{one, other} {
			f := <-ch
			if f.Epoch != 1 || f.Header.Get("subscription") != "/temp-queue/x" {
				t.Errorf("got %v, epoch %d", f, f.Epoch)
			}
			rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
			got, open := rig.Bodies(ch)
			rig.Equal(t, "bodies", got, rig.Numbers(3, 3))
			if string(f.Body) != "2" || !open {
				t.Errorf("first %v, open %t", f, open)
			}
		}
		if n := c.Stats().Unmatched; n != 3 {
			t.Errorf("%d unmatched", n)
		}
	})
}

func TestUnmatched_S3_1024_wait_then_the_newest_is_dropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		ch := c.Unmatched(t.Context())
		stray(p, 1, 1100)
		synctest.Wait()
		if s := c.Stats(); s.Unmatched != 1100 || s.Dropped != 76 || s.Stalls != 0 {
			t.Errorf("%+v", s)
		}
		got, _ := rig.Bodies(ch)
		rig.Equal(t, "bodies", got, rig.Numbers(1, 1024))
	})
}

func TestUnmatched_closes_with_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		ctx, cancel := context.WithCancel(t.Context())
		ch := c.Unmatched(ctx)
		stray(p, 1, 1)
		synctest.Wait()
		cancel()
		got, open := rig.Bodies(ch)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, 1))
		if open {
			t.Error("it is open")
		}
		rig.Closed(t, c.Unmatched(ctx))
		stray(p, 2, 2)
	})
}

func TestUnmatched_closes_with_the_Client(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		ch := c.Unmatched(t.Context())
		p.Close()
		rig.Closed(t, ch)
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost) // set before the channel was closed
		<-c.Done()
		rig.Closed(t, c.Unmatched(t.Context()))
	})
}
