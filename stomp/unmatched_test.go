package stomp_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

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

// Promise 7: what had arrived when the Client fails by itself is still delivered, to each channel for itself.
func TestUnmatched_promise7_what_had_arrived_is_delivered(t *testing.T) {
	failed := func(t *testing.T, ctx context.Context, opts ...stomp.ConnectOption) (*stomp.Client, <-chan stomp.Frame) {
		p, c := rig.Session(t, opts...)
		ch := c.Unmatched(ctx)
		stray(p, 1, 100)
		synctest.Wait()
		p.Close()
		synctest.Wait()
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
		if rig.IsClosed(c.Done()) {
			t.Error("Done is closed, and a consumer is still taking")
		}
		return c, ch
	}
	dropped := func(t *testing.T, c *stomp.Client, ch <-chan stomp.Frame) {
		t.Helper()
		got, open := rig.Bodies(ch)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open || c.Stats().Dropped != 100-channelBuffer {
			t.Errorf("open %t, stats %+v", open, c.Stats())
		}
	}
	rig.Bubble(t, "to_a_slow_consumer", func(t *testing.T) {
		c, ch := failed(t, t.Context())
		for _, body := range rig.Numbers(1, 100) {
			time.Sleep(consumerPatience - 1)
			rig.Body(t, ch, body)
		}
		rig.Closed(t, ch)
		rig.Takes(t, 0, func() { <-c.Done() })
		if s := c.Stats(); s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		rig.Closed(t, c.Unmatched(t.Context()))
	})
	rig.Bubble(t, "not_to_one_that_takes_nothing", func(t *testing.T) {
		log := new(rig.Log)
		c, ch := failed(t, t.Context(), stomp.WithLogger(log.Logger(slog.LevelWarn)))
		rig.Takes(t, consumerPatience, func() { <-c.Done() })
		dropped(t, c, ch)
		if n := len(log.Lines("takes nothing any more")); n != 1 {
			t.Errorf("%d lines in the log", n)
		}
	})
	rig.Bubble(t, "beside_one_that_takes_nothing", func(t *testing.T) {
		p, c := rig.Session(t)
		ch, other := c.Unmatched(t.Context()), c.Unmatched(t.Context())
		stray(p, 1, 100)
		synctest.Wait()
		p.Close()
		for _, body := range rig.Numbers(1, 100) {
			rig.Body(t, ch, body)
		}
		rig.Closed(t, ch)
		rig.Takes(t, consumerPatience, func() { <-c.Done() })
		dropped(t, c, other)
	})
	for name, end := range map[string]func(c *stomp.Client, cancel func()){
		"until_its_ctx_ends": func(_ *stomp.Client, cancel func()) { cancel() },
		"until_Close":        func(c *stomp.Client, _ func()) { c.Close() },
		"until_Disconnect":   func(c *stomp.Client, _ func()) { c.Disconnect(context.Background()) },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			c, ch := failed(t, ctx)
			time.Sleep(time.Second)
			rig.Takes(t, 0, func() {
				end(c, cancel)
				<-c.Done()
			})
			dropped(t, c, ch)
		})
	}
	rig.Bubble(t, "not_after_Close", func(t *testing.T) {
		p, c := rig.Session(t)
		ch := c.Unmatched(t.Context())
		stray(p, 1, 100)
		synctest.Wait()
		rig.Takes(t, 0, func() { c.Close() })
		dropped(t, c, ch)
	})
}
