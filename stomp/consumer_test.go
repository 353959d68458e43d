package stomp_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// 60,000 frames that nobody reads delay neither another subscription, nor a receipt, nor a beat.
func TestSubscription_promise2_unread_delays_nobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithHeartBeat(time.Second, time.Second))
		c := rig.Connect(t, b, stomp.WithHeartBeat(time.Second, time.Second))
		unread, err := c.NewSubscription(t.Context(), "/queue/unread", stomp.WithReceipt())
		rig.OK(t, err)
		other, err := c.Subscribe(t.Context(), "/queue/other", stomp.WithReceipt())
		rig.OK(t, err)
		for range 60_000 {
			b.Publish("/queue/unread", nil, []byte("x"))
		}
		b.Publish("/queue/other", nil, []byte("through"))
		rig.Body(t, other, "through")
		rig.OK(t, c.Send(t.Context(), "/queue/none", nil, stomp.WithReceipt()))
		before := c.Stats()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		after := c.Stats()
		if n := after.HeartBeatsReceived - before.HeartBeatsReceived; n < 9 || after.HeartBeatsSent-before.HeartBeatsSent != 20 {
			t.Errorf("%d heart-beats came, %d went", n, after.HeartBeatsSent-before.HeartBeatsSent)
		}
		if s := unread.Stats(); s.Queued != 60_000 || s.Stalls != 0 || s.Dropped != 0 || c.Err() != nil {
			t.Errorf("%+v, client's error %v", s, c.Err())
		}
	})
}

// A consumer that sends with a receipt from its own loop, on a queue of 4 frames, never deadlocks.
func TestSubscription_promise2_consumer_that_sends_with_receipts(t *testing.T) {
	const messages = 30_000
	b := rig.NewBroker(t)
	c := rig.Connect(t, b)
	in, err := c.NewSubscription(t.Context(), "/queue/in", stomp.WithBuffer(4, 0, stomp.OverflowBlock), stomp.WithReceipt())
	rig.OK(t, err)
	published := make(chan struct{})
	go func() { // joined below
		defer close(published)
		for range messages {
			b.Publish("/queue/in", nil, []byte("x"))
		}
	}()
	for i := range messages {
		if _, ok := <-in.C; !ok {
			t.Fatalf("closed after %d messages: %v, %v", i, in.Err(), c.Err())
		}
		if i%10 == 0 { // often enough that a full queue is met again and again
			rig.OK(t, c.Send(t.Context(), "/queue/out", nil, stomp.WithReceipt()))
		}
	}
	<-published
	if s := in.Stats(); s.Dropped != 0 || s.Received != messages || b.QueueLen("/queue/out") != messages/10 {
		t.Errorf("%+v, %d were sent", s, b.QueueLen("/queue/out"))
	}
}

// Promise 2: a consumer that sends on what it receives, without receipts, on a queue of 4 frames, from a server that
// reads nothing before it has written everything: the server waits for us, the consumer for the server, and all the
// same it ends.
func TestSubscription_promise2_consumer_that_sends_to_a_server_that_does_not_read(t *testing.T) {
	const messages = 10_000
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithHeartBeat(0, 0))
		got := make(chan int)
		go func() { // the server; ends with the connection
			p.Want(wire.Subscribe)
			body := strings.Repeat("x", 300)
			for n := range messages {
				p.Send(wire.Message, body, "subscription", "s1", "message-id", fmt.Sprint(n), "destination", "/a")
			}
			n := 0
			for n < messages && p.Next().Command == wire.Send {
				n++
			}
			got <- n
		}()
		in, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		go func() { // ends with the channel
			for m := range in {
				if err := c.Send(t.Context(), "/b", m.Body); err != nil {
					return
				}
			}
		}()
		if n := <-got; n != messages {
			t.Errorf("%d messages came back, want %d", n, messages)
		}
	})
}

// A frame is its receiver's: it may change header and body while more frames wait behind it.
func TestFrame_belongs_to_its_receiver(t *testing.T) {
	b := rig.NewBroker(t)
	c := rig.Connect(t, b)
	sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	const n = 5000
	go func() { // joined by the loop below, which receives what it sends
		for range n {
			b.Publish("/topic/a", [][2]string{{"name", "a value of some length"}}, []byte("body"))
		}
	}()
	for range n {
		f := <-sub.C
		f.Header.Set("name", "")
		f.Header.Del("destination")
		clear(f.Body)
	}
	rig.OK(t, sub.Unsubscribe(t.Context())) // the feeder has noted what it sent last
	if s := sub.Stats(); s.Delivered != n || s.Queued != 0 || s.QueuedBytes != 0 {
		t.Errorf("stats %+v", s)
	}
}
