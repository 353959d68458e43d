package stomp_test

import (
	"context"
	"fmt"
	"math"
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
// them, or as many as the connection takes.
func floodOf(p *rig.Peer, n int, ids ...string) error {
	body := strings.Repeat("x", 100_000)
	for i := range n {
		message := fmt.Sprintf("MESSAGE\nsubscription:%s\nmessage-id:m\ndestination:/a\n\n%s\x00", ids[i%len(ids)], body)
		if _, err := p.Conn.Write([]byte(message)); err != nil {
			return err
		}
	}
	return nil
}

// endless is more messages than any test reads.
const endless = math.MaxInt

// floodThen is floodOf, and then the RECEIPT of f.
func floodThen(p *rig.Peer, n int, f wire.Frame, id string) <-chan error {
	return rig.Go(func() error {
		if err := floodOf(p, n, id); err != nil {
			return err
		}
		p.Receipt(f)
		return nil
	})
}

// fullQueues makes a session with subscriptions to /a whose queues, of that bound, stop the reading when full.
func fullQueues(t *testing.T, subscriptions, frames int, bytes int64) (p *rig.Peer, c *stomp.Client, subs []*stomp.Subscription[stomp.Frame]) {
	t.Helper()
	p, c = rig.NewServer(t).Session("version:1.2", stomp.WithHeartBeat(0, 0))
	for range subscriptions {
		sub, err := c.NewSubscription(t.Context(), "/a", stomp.WithBuffer(frames, bytes, stomp.OverflowBlock))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		subs = append(subs, sub)
	}
	return p, c, subs
}

// sendAsked sends a frame with a receipt.
func sendAsked(t *testing.T, p *rig.Peer, c *stomp.Client) (*stomp.Receipt, wire.Frame) {
	t.Helper()
	r, err := c.SendAsync(t.Context(), "/b", nil)
	rig.OK(t, err)
	return r, p.Want(wire.Send)
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
			p, c, _ := fullQueues(t, 2, 4, 0)
			wait(t.Context(), p, c)
			flooded := rig.Go(func() error { return floodOf(p, endless, "s1", "s2") })
			for _, at := range []struct {
				after       time.Duration
				least, most int64
			}{
				{2 * time.Second, 16 * mib, 25 * mib},
				{5 * time.Minute, 60 * mib, 70 * mib},
				{time.Hour, 115 * mib, 130 * mib},
			} {
				if at.after == time.Hour && name != "receipt" {
					break // once is enough
				}
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
		p, c, _ := fullQueues(t, 1, 4, 0)
		r, f := sendAsked(t, p, c)
		flooded := floodThen(p, 40*mib/100_000, f, "s1")
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
		p, c, subs := fullQueues(t, 1, 0, mib)
		sub := subs[0]
		_, f := sendAsked(t, p, c)
		flooded := floodThen(p, endless, f, sub.ID())
		most := int64(0)
		for start := time.Now(); time.Since(start) < 10*time.Minute; time.Sleep(250 * time.Millisecond) {
			<-sub.C
			most = max(most, sub.Stats().QueuedBytes)
		}
		if n := sub.Stats().Stalls; most > 30*mib || n < 3 {
			t.Errorf("%d MiB were queued at most, and the queue was full %d times", most/mib, n)
		}
		c.Close()
		<-flooded
	})
}

// Promise 2: what an earlier session has read beyond the bound is not waited for on the next one.
func TestWithBuffer_promise2_pace_on_the_next_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12, stomp.WithHeartBeat(0, 0))
		sub, err := c.NewSubscription(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		go c.Send(t.Context(), "/b", nil, stomp.WithReceipt())
		flooded := floodThen(p, endless, p.Want(wire.Send), sub.ID())
		time.Sleep(5 * time.Minute)
		p.Conn.Close()
		<-flooded
		server.Release()
		p = server.AcceptSession(wire.V12)
		p.Want(wire.Subscribe)
		r, err := c.SendAsync(t.Context(), "/b", nil)
		rig.OK(t, err)
		flooded = floodThen(p, 1, p.Want(wire.Send), sub.ID())
		start := time.Now()
		rig.OK(t, r.Wait(t.Context()))
		if d := time.Since(start); d > 3*time.Second { // 1.75 s are for these 100 kB
			t.Errorf("a receipt behind one message has come after %v", d)
		}
		rig.OK(t, <-flooded)
	})
}

// Promise 2: a single large message is as fast as many small ones.
func TestWithBuffer_promise2_pace_after_a_large_message(t *testing.T) {
	for size, want := range map[int]time.Duration{15: 0, 17: 275 * time.Millisecond, 32: 15 * time.Second, 63: 4 * time.Minute} {
		rig.Bubble(t, fmt.Sprint(size, "_MiB"), func(t *testing.T) {
			p, c, subs := fullQueues(t, 1, 1, 0)
			r, f := sendAsked(t, p, c)
			start := time.Now()
			for range 2 { // of which one fills the channel
				p.Send(wire.Message, "", "subscription", subs[0].ID(), "message-id", "m", "destination", "/a")
			}
			sent := rig.Go(func() error {
				_, err := fmt.Fprintf(p.Conn, "MESSAGE\nsubscription:%s\nmessage-id:m\ndestination:/a\ncontent-length:%d\n\n%s\x00", subs[0].ID(), size*mib, strings.Repeat("x", size*mib))
				p.Receipt(f)
				return err
			})
			rig.OK(t, r.Wait(t.Context()))
			if d := time.Since(start); d < want*9/10 || d > want*11/10+time.Millisecond {
				t.Errorf("the receipt behind it has come after %v, want %v", d, want)
			}
			rig.OK(t, <-sent)
		})
	}
}

// Promise 2: when the queue that caused it is taken, the pace is that of the others, at once.
func TestWithBuffer_promise2_pace_when_another_queue_is_taken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, subs := fullQueues(t, 2, 1, 0)
		r, f := sendAsked(t, p, c)
		sent := rig.Go(func() error {
			if err := floodOf(p, 500, "s1"); err != nil {
				return err
			}
			return <-floodThen(p, 20, f, "s2")
		})
		for subs[1].Stats().Received < 5 {
			time.Sleep(time.Second)
		}
		for range 500 {
			<-subs[0].C
		}
		start := time.Now()
		rig.OK(t, r.Wait(t.Context()))
		if d := time.Since(start); d > 200*time.Millisecond { // it looks so often
			t.Errorf("the receipt has come after %v", d)
		}
		rig.OK(t, <-sent)
	})
}

// Promise 2: Unsubscribe waits for what is on its way, and the time in which another's full queue stops the reading is
// not the server's.
func TestUnsubscribe_promise2_behind_the_full_queue_of_another(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, full := fullQueues(t, 1, 4, 0)
		sub, err := c.NewSubscription(t.Context(), "/b")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
		sendAsked(t, p, c) // and not answered
		rig.OK(t, floodOf(p, 310, full[0].ID()))
		unsubscribed := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		f := p.Want(wire.Unsubscribe)
		answered := rig.Go(func() error {
			if err := floodOf(p, 3, full[0].ID()); err != nil {
				return err
			}
			p.Send(wire.Message, "last", "subscription", sub.ID(), "message-id", "m", "destination", "/b")
			p.Receipt(f)
			return nil
		})
		rig.Body(t, sub.C, "last")
		rig.Closed(t, sub.C)
		rig.OK(t, <-unsubscribed)
		rig.OK(t, <-answered)
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

// Promise 2: a server that leaves out the answer to UNSUBSCRIBE costs its caller no more than some seconds, also where
// full queues stop the reading, in the loop of their consumer too.
func TestUnsubscribe_promise2_is_not_answered_while_a_queue_is_full(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c, full := fullQueues(t, 1, 4, 0)
		sub, err := c.NewSubscription(t.Context(), "/b")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
		flooded := rig.Go(func() error { return floodOf(p, endless, full[0].ID()) })
		p.Discard()
		<-full[0].C
		rig.Takes(t, 16*time.Second, func() { rig.OK(t, sub.Unsubscribe(t.Context())) })
		c.Close()
		<-flooded
	})
}
