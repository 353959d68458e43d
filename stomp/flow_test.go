package stomp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
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
	const messages = 100_000
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
