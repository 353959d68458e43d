package stomp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

const mib = 1 << 20

// floodOf is a server that writes messages of 100 kB to these subscriptions, in turn, as fast as they are read: n of
// them, and then answers f; without end if n is 0.
func floodOf(p *rig.Peer, n int, f wire.Frame, ids ...string) <-chan error {
	return rig.Go(func() error { // ends with the connection
		body := strings.Repeat("x", 100_000)
		for i := 0; n == 0 || i < n; i++ {
			message := fmt.Sprintf("MESSAGE\nsubscription:%s\nmessage-id:m\ndestination:/a\n\n%s\x00", ids[i%len(ids)], body)
			if _, err := p.Conn.Write([]byte(message)); err != nil {
				return err
			}
		}
		p.Receipt(f)
		return nil
	})
}

// Promise 2: where a call waits for what never comes, reading goes on beyond the bounds of OverflowBlock, ever more
// slowly, for all full queues together.
func TestWithBuffer_promise2_bound_holds_though_an_answer_never_comes(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, p *rig.Peer, c *stomp.Client){
		"receipt": func(ctx context.Context, p *rig.Peer, c *stomp.Client) {
			go c.Send(ctx, "/b", nil, stomp.WithReceipt())
			p.Want(wire.Send)
		},
		"receipt_ever_again": func(ctx context.Context, p *rig.Peer, c *stomp.Client) {
			go func() {
				for ctx.Err() == nil {
					second, done := context.WithTimeout(ctx, time.Second)
					c.Send(second, "/b", nil, stomp.WithReceipt())
					done()
				}
			}()
			p.Want(wire.Send)
			p.Discard()
		},
		"reply": func(ctx context.Context, p *rig.Peer, c *stomp.Client) {
			go c.Request(ctx, "/b", nil, stomp.WithReplyTo("/replies"))
			p.Want(wire.Subscribe)
			p.Want(wire.Send)
		},
		"writing": func(ctx context.Context, _ *rig.Peer, c *stomp.Client) { // the server reads nothing
			go func() {
				for c.Send(ctx, "/b", make([]byte, 1000)) == nil {
				}
			}()
		},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			server := rig.NewServer(t)
			p, c := server.Session("version:1.2", stomp.WithHeartBeat(0, 0))
			for range 2 {
				_, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
				rig.OK(t, err)
				p.Want(wire.Subscribe)
			}
			wait(t.Context(), p, c)
			flooded := floodOf(p, 0, wire.Frame{}, "s1", "s2")
			for _, at := range []struct {
				after       time.Duration
				least, most int64
			}{
				{2 * time.Second, 16 * mib, 25 * mib},
				{5 * time.Minute, 60 * mib, 70 * mib},
				{time.Hour, 115 * mib, 130 * mib},
			} {
				time.Sleep(at.after - time.Since(c.Status().Since))
				synctest.Wait()
				if n := c.Stats().QueuedBytes; n < at.least || n > at.most {
					t.Errorf("%d MiB are queued after %v, want %d to %d", n/mib, at.after, at.least/mib, at.most/mib)
				}
			}
			c.Close()
			<-flooded
		})
	}
}

// Promise 2: what lies behind 40 MiB that nobody takes, which are 49 in memory, comes all the same.
func TestWithBuffer_promise2_a_receipt_behind_what_is_not_taken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rig.NewServer(t)
		p, c := server.Session("version:1.2", stomp.WithHeartBeat(0, 0))
		_, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		r, err := c.SendAsync(t.Context(), "/b", nil)
		rig.OK(t, err)
		flooded := floodOf(p, 40*mib/100_000, p.Want(wire.Send), "s1")
		start := time.Now()
		rig.OK(t, r.Wait(t.Context()))
		if d := time.Since(start); d < 75*time.Second || d > 95*time.Second {
			t.Errorf("it has come after %v", d)
		}
		rig.OK(t, <-flooded)
	})
}

// Promise 2: a consumer that takes ever so slowly, beside a call that waits without end, gets its queue to the half at
// which it is full no more, again and again.
func TestWithBuffer_promise2_a_slow_consumer_empties_its_queue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rig.NewServer(t)
		p, c := server.Session("version:1.2", stomp.WithHeartBeat(0, 0))
		sub, err := c.NewSubscription(t.Context(), "/a", stomp.WithBuffer(0, mib, stomp.OverflowBlock))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		_, err = c.SendAsync(t.Context(), "/b", nil)
		rig.OK(t, err)
		flooded := floodOf(p, 0, p.Want(wire.Send), sub.ID())
		most := int64(0)
		for start := time.Now(); time.Since(start) < time.Hour; time.Sleep(250 * time.Millisecond) {
			<-sub.C
			most = max(most, sub.Stats().QueuedBytes)
		}
		if n := sub.Stats().Stalls; most > 30*mib || n < 5 {
			t.Errorf("%d MiB were queued at most, and the queue was full %d times", most/mib, n)
		}
		c.Close()
		<-flooded
	})
}

// A slow server's receipt, or a slow process's, is not taken for one that never comes: the consumer that waits for it
// in its own loop is not held up.
func TestWithBuffer_promise2_reading_goes_on_for_a_receipt_of_a_slow_server(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := rig.NewServer(t)
		p, c := server.Session("version:1.2", stomp.WithHeartBeat(0, 0))
		in, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		confirmed := rig.Go(func() error {
			<-in
			return c.Send(t.Context(), "/b", nil, stomp.WithReceipt())
		})
		flooded := rig.Go(func() error { // ends with the connection
			message := "MESSAGE\nsubscription:s1\nmessage-id:m\ndestination:/a\n\n" + strings.Repeat("x", 1000) + "\x00"
			for n := 0; ; n++ {
				time.Sleep(10 * time.Millisecond)
				if n == 1 {
					go p.Next() // the SEND, which is written into a pipe without a buffer
				}
				if _, err := p.Conn.Write([]byte(message)); err != nil {
					return err
				}
				if n == 12_000 {
					p.SendRaw("RECEIPT\nreceipt-id:r2\n\n\x00")
				}
			}
		})
		rig.Takes(t, 2*time.Minute+10*time.Millisecond, func() { rig.OK(t, <-confirmed) })
		c.Close()
		<-flooded
	})
}
