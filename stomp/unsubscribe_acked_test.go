package stomp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestUnsubscribe_acked_waits_for_acks(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		rig.Bubble(t, fmt.Sprint("waits_for_acks_", mode), func(t *testing.T) {
			b, c := rig.Pair(t)
			sub := waiting(t, b, c, 100, stomp.WithAck(mode))
			done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
			synctest.Wait()
			n := 0
			for f := range sub.C { // what is in the channel stays readable, and can be acked
				n++
				rig.Equal(t, "the broker", rig.Received(b)[1:], repeat("ACK", n-1))
				rig.OK(t, c.Ack(t.Context(), f))
				synctest.Wait()
			}
			rig.OK(t, <-done)
			synctest.Wait()
			if n != channelBuffer || b.QueueLen("/queue/a") != 100-n {
				t.Errorf("%d frames were handed out, %d are back in the queue", n, b.QueueLen("/queue/a"))
			}
			rig.Equal(t, "the broker", rig.Received(b)[1:], append(repeat("ACK", n), "UNSUBSCRIBE"))
			if c.Err() != nil || sub.Err() != nil || b.StaleAcks() != 0 {
				t.Errorf("errors %v, %v; %d stale acks", c.Err(), sub.Err(), b.StaleAcks())
			}
		})
	}
}

func TestUnsubscribe_acked_ctx_ends_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 3, stomp.WithAck(stomp.AckClientIndividual))
		f := <-sub.C
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second)), context.DeadlineExceeded)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
		if n := b.QueueLen("/queue/a"); n != 3 {
			t.Errorf("%d messages are back in the queue", n)
		}
	})
}

// A receipt that nobody waits for any more is not counted, and holds up neither Disconnect nor OverflowBlock.
func TestUnsubscribe_acked_ctx_ends_first_and_its_receipt_with_it(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 1, stomp.WithAck(stomp.AckClientIndividual))
		rig.On(b, wire.Unsubscribe, "", rig.Always(stomptest.Drop()))
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		synctest.Wait()
		if n := c.Stats().ReceiptsPending; n != 0 {
			t.Errorf("%d receipts are pending", n)
		}
		rig.Takes(t, 0, func() { rig.OK(t, c.Disconnect(rig.Within(t, time.Minute))) })
	})
}

func TestUnsubscribe_acked_released_by_the_subscriptions_end(t *testing.T) {
	for name, end := range map[string]func(b *stomptest.Broker, cancel func()){
		"its_ctx_ends_meanwhile":      func(_ *stomptest.Broker, cancel func()) { cancel() },
		"broker_cancels_it_meanwhile": func(b *stomptest.Broker, _ func()) { b.Cancel("/queue/a") },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			sub, err := c.NewSubscription(ctx, "/queue/a", stomp.WithAck(stomp.AckClient))
			rig.OK(t, err)
			b.Publish("/queue/a", nil, []byte("never acked"))
			synctest.Wait()
			done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
			synctest.Wait()
			end(b, cancel)
			synctest.Wait()
			select {
			case err := <-done:
				rig.OK(t, err)
			default:
				t.Error("Unsubscribe waits for an ack that nobody can send any more")
				c.Close()
				<-done
			}
		})
	}
}

func TestUnsubscribe_acked_second_call_waits_as_well(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 1, stomp.WithAck(stomp.AckClient))
		f := <-sub.C
		done := make(chan error, 2)
		for range 2 {
			go func() { done <- sub.Unsubscribe(t.Context()) }()
			synctest.Wait()
		}
		if len(done) > 0 {
			t.Error("a call has returned, and the frame is not acked")
		}
		rig.OK(t, c.Ack(t.Context(), f))
		rig.OK(t, <-done)
		rig.OK(t, <-done)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "ACK", "UNSUBSCRIBE"})
	})
}

// The ACK waits for room in the outbox; UNSUBSCRIBE does not, and must not overtake it.
func TestUnsubscribe_acked_M3_no_ACK_behind_UNSUBSCRIBE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, f := acked(t, c, p)
		p.Fill(c)
		done := make(chan error, 2)
		go func() { done <- c.Ack(t.Context(), f) }()
		synctest.Wait()
		go func() { done <- sub.Unsubscribe(t.Context()) }()
		synctest.Wait()
		rest := p.Rest()
		rig.OK(t, <-done)
		rig.OK(t, <-done)
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SEND", "SEND", "ACK", "UNSUBSCRIBE"})
	})
}

func TestUnsubscribe_acked_M3_ACK_too_late_is_stale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, f := acked(t, c, p)
		p.Fill(c)
		done := rig.Go(func() error { return c.Ack(t.Context(), f) })
		synctest.Wait()
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second)), context.DeadlineExceeded)
		rest := p.Rest()
		rig.ErrorIs(t, <-done, stomp.ErrStale)
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SEND", "SEND", "UNSUBSCRIBE"})
	})
}

// acked subscribes in a client mode and lets one frame be delivered.
func acked(t *testing.T, c *stomp.Client, p *rig.Peer) (*stomp.Subscription[stomp.Frame], stomp.Frame) {
	t.Helper()
	sub, err := c.NewSubscription(t.Context(), "/a", stomp.WithAck(stomp.AckClientIndividual))
	rig.OK(t, err)
	p.Want(wire.Subscribe)
	p.Send(wire.Message, "", "subscription", "s1", "message-id", "1", "ack", "a1", "destination", "/a")
	return sub, <-sub.C
}

func repeat(s string, n int) (list []string) {
	for range n {
		list = append(list, s)
	}
	return list
}
