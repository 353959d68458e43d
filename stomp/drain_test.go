package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

func TestDrain(t *testing.T) {
	bubble(t, "consumers_finish_while_acks_and_sends_go_on", func(t *testing.T) {
		b, c := pipeRig(t)
		auto := waiting(t, b, c, 100)
		client, err := c.NewSubscription(t.Context(), "/queue/b", stomp.WithAck(stomp.AckClientIndividual))
		fine(t, err)
		for _, n := range numbers(1, 5) {
			b.Publish("/queue/b", nil, []byte(n))
		}
		synctest.Wait()
		done := make(chan error)
		go func() { done <- c.Drain(t.Context()) }()
		synctest.Wait()
		_, err = c.Subscribe(t.Context(), "/queue/c")
		matches(t, err, stomp.ErrClosed)
		for f := range client.C {
			time.Sleep(time.Second)
			fine(t, c.Send(t.Context(), "/queue/out", f.Body, stomp.WithReceipt()))
			fine(t, c.Ack(t.Context(), f, stomp.WithReceipt()))
		}
		got, _ := bodies(auto.C)
		same(t, "bodies", got, numbers(1, 100))
		fine(t, <-done)
		over(t, c)
		synctest.Wait()
		if b.QueueLen("/queue/out") != 5 || b.QueueLen("/queue/b") != 0 || b.StaleAcks() != 0 {
			t.Errorf("%d were sent, %d are back", b.QueueLen("/queue/out"), b.QueueLen("/queue/b"))
		}
		commands := took(b)
		if n := len(only(commands, "UNSUBSCRIBE")); n != 2 || commands[len(commands)-1] != "DISCONNECT" {
			t.Errorf("the broker got %v", commands)
		}
		fine(t, auto.Err())
		fine(t, client.Err())
	})
	bubble(t, "ctx_ends_first", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		start := time.Now()
		matches(t, c.Drain(within(t, time.Second)), context.DeadlineExceeded)
		if d := time.Since(start); d != time.Second {
			t.Errorf("returned after %v", d)
		}
		over(t, c)
		got, open := bodies(sub.C)
		same(t, "what stays readable", got, numbers(1, channelBuffer))
		if open {
			t.Error("the channel is open")
		}
	})
	bubble(t, "waits_for_an_Unsubscribe_under_way", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 1, stomp.WithAck(stomp.AckClient))
		f := <-sub.C
		done := make(chan error, 2)
		go func() { done <- sub.Unsubscribe(t.Context()) }()
		synctest.Wait()
		go func() { done <- c.Drain(t.Context()) }()
		synctest.Wait()
		fine(t, c.Ack(t.Context(), f))
		fine(t, <-done)
		fine(t, <-done)
		synctest.Wait()
		same(t, "the broker", took(b), []string{"SUBSCRIBE", "ACK", "UNSUBSCRIBE", "DISCONNECT"})
	})
	bubble(t, "twice_at_once_and_without_subscriptions", func(t *testing.T) {
		b, c := pipeRig(t)
		done := make(chan error)
		for range 2 {
			go func() { done <- c.Drain(t.Context()) }()
		}
		fine(t, <-done)
		fine(t, <-done)
		over(t, c)
		synctest.Wait()
		same(t, "the broker", took(b), []string{"DISCONNECT"})
	})
	// SUBSCRIBE waits for room, and is overtaken: neither it nor its UNSUBSCRIBE may go out.
	bubble(t, "ends_a_Subscribe_under_way", func(t *testing.T) {
		c, p := peerRig(t, nil)
		big := make([]byte, 2<<20)
		for range 2 { // one is being written, one fills the outbox
			fine(t, c.Send(t.Context(), "/big", big))
			synctest.Wait()
		}
		subscribed := make(chan error)
		go func() {
			_, err := c.Subscribe(t.Context(), "/a")
			subscribed <- err
		}()
		synctest.Wait()
		drained := make(chan error)
		go func() { drained <- c.Drain(t.Context()) }()
		synctest.Wait()
		rest := p.rest()
		err := <-subscribed
		matches(t, err, stomp.ErrClosed)
		if !stomp.Unsent(err) {
			t.Errorf("%v: unsent is false", err)
		}
		synctest.Wait()
		p.send("RECEIPT", "", [2]string{"receipt-id", "r2"}) // DISCONNECT's
		fine(t, <-drained)
		same(t, "frames", <-rest, []string{"SEND", "SEND", "DISCONNECT"})
	})
	bubble(t, "connection_lost_meanwhile", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		done := make(chan error)
		go func() { done <- c.Drain(t.Context()) }()
		synctest.Wait()
		b.Cut()
		<-done
		<-c.Done()
		if _, open := bodies(sub.C); open {
			t.Error("the channel is open")
		}
		matches(t, c.Err(), stomp.ErrConnectionLost)
	})
}
