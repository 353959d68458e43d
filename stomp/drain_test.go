package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

func TestDrain_consumers_finish_while_acks_and_sends_go_on(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		auto := waiting(t, b, c, 100)
		client, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		rig.Publish(b, "/queue/b", rig.Numbers(1, 5)...)
		synctest.Wait()
		done := rig.Go(func() error { return c.Drain(t.Context()) })
		synctest.Wait()
		_, err = c.Subscribe(t.Context(), "/queue/c")
		rig.ErrorIs(t, err, stomp.ErrClosed)
		for f := range client.C {
			time.Sleep(time.Second)
			rig.OK(t, c.Send(t.Context(), "/queue/out", f.Body, stomp.WithReceipt()))
			rig.OK(t, c.Ack(t.Context(), f, stomp.WithReceipt()))
		}
		got, _ := rig.Bodies(auto.C)
		rig.Equal(t, "bodies", got, rig.Numbers(1, 100))
		rig.OK(t, <-done)
		over(t, c)
		synctest.Wait()
		if b.QueueLen("/queue/out") != 5 || b.QueueLen("/queue/b") != 0 || b.StaleAcks() != 0 {
			t.Errorf("%d were sent, %d are back", b.QueueLen("/queue/out"), b.QueueLen("/queue/b"))
		}
		commands := rig.Received(b)
		if n := len(only(commands, "UNSUBSCRIBE")); n != 2 || commands[len(commands)-1] != "DISCONNECT" {
			t.Errorf("the broker got %v", commands)
		}
		rig.OK(t, auto.Err())
		rig.OK(t, client.Err())
	})
}

func TestDrain_ctx_ends_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		rig.Takes(t, time.Second, func() { rig.ErrorIs(t, c.Drain(rig.Within(t, time.Second)), context.DeadlineExceeded) })
		over(t, c)
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open {
			t.Error("the channel is open")
		}
	})
}

func TestDrain_waits_for_an_Unsubscribe_under_way(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 1, stomp.WithAck(stomp.AckClient))
		f := <-sub.C
		done := make(chan error, 2)
		go func() { done <- sub.Unsubscribe(t.Context()) }()
		synctest.Wait()
		go func() { done <- c.Drain(t.Context()) }()
		synctest.Wait()
		rig.OK(t, c.Ack(t.Context(), f))
		rig.OK(t, <-done)
		rig.OK(t, <-done)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "ACK", "UNSUBSCRIBE", "DISCONNECT"})
	})
}

func TestDrain_twice_at_once_and_without_subscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		done := make(chan error)
		for range 2 {
			go func() { done <- c.Drain(t.Context()) }()
		}
		rig.OK(t, <-done)
		rig.OK(t, <-done)
		over(t, c)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"DISCONNECT"})
	})
}

// SUBSCRIBE waits for room, and is overtaken: neither it nor its UNSUBSCRIBE may go out.
func TestDrain_ends_a_Subscribe_under_way(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.Fill(c)
		subscribed := rig.Go(func() error {
			_, err := c.Subscribe(t.Context(), "/a")
			return err
		})
		synctest.Wait()
		drained := rig.Go(func() error { return c.Drain(t.Context()) })
		synctest.Wait()
		rest := p.Rest()
		err := <-subscribed
		rig.ErrorIs(t, err, stomp.ErrClosed)
		rig.Unsent(t, err)
		synctest.Wait()
		p.Send("RECEIPT", "", "receipt-id", "r2") // DISCONNECT's
		rig.OK(t, <-drained)
		rig.Equal(t, "frames", <-rest, []string{"SEND", "SEND", "DISCONNECT"})
	})
}

func TestDrain_connection_lost_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		done := rig.Go(func() error { return c.Drain(t.Context()) })
		synctest.Wait()
		b.Cut()
		<-done
		<-c.Done()
		if _, open := rig.Bodies(sub.C); open {
			t.Error("the channel is open")
		}
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
	})
}

// A Subscribe that Drain ends before its SUBSCRIBE is written: either both frames go out, or neither.
func TestClient_Drain_ends_a_Subscribe_that_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithHeartBeat(0, 0))
		_, err := c.Subscribe(t.Context(), "/queue/b")
		rig.OK(t, err)
		p.Receipt(p.Next()) // this server answers
		synctest.Wait()
		p.Block(c)
		rig.OK(t, c.Send(t.Context(), "/behind", nil))
		subscribed := rig.Go(func() error {
			_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithReceipt(), stomp.WithAck(stomp.AckClient))
			return err
		})
		synctest.Wait()
		drained := rig.Go(func() error { return c.Drain(rig.Within(t, time.Second)) })
		rig.ErrorIs(t, <-subscribed, stomp.ErrClosed)
		synctest.Wait()
		came := 1
		for f := p.Next(); f.Command != wire.Disconnect && f.Command != ""; f = p.Next() {
			switch f.Command {
			case wire.Subscribe:
				came++
			case wire.Unsubscribe:
				came--
			}
			if came < 0 {
				t.Error("UNSUBSCRIBE goes out without SUBSCRIBE")
			}
			if _, ok := wire.Lookup(f.Header, "receipt"); ok {
				p.Receipt(f)
			}
		}
		<-drained
	})
}
