package stomp_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// waiting subscribes and lets n messages arrive that nobody has read.
func waiting(t *testing.T, b *stomptest.Broker, c *stomp.Client, n int, opts ...stomp.SubscribeOption) *stomp.Subscription[stomp.Frame] {
	t.Helper()
	sub, err := c.NewSubscription(t.Context(), "/queue/a", opts...)
	fine(t, err)
	for _, s := range numbers(1, n) {
		b.Publish("/queue/a", nil, []byte(s))
	}
	synctest.Wait()
	return sub
}

// The channel's own buffer holds 8 frames: see inbox.go.
const channelBuffer = 8

func TestSubscriptionEndsWithContext(t *testing.T) {
	bubble(t, "M1_auto", func(t *testing.T) {
		b, c := pipeRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub, err := c.NewSubscription(ctx, "/queue/a")
		fine(t, err)
		for _, s := range numbers(1, 40) {
			b.Publish("/queue/a", nil, []byte(s))
		}
		synctest.Wait()
		cancel()
		got, open := bodies(sub.C)
		same(t, "what stays readable", got, numbers(1, channelBuffer))
		if open || sub.Err() != nil {
			t.Errorf("open %t, error %v", open, sub.Err())
		}
		same(t, "the broker", took(b, "id"), []string{"SUBSCRIBE id:s1", "UNSUBSCRIBE id:s1"})
		if s := sub.Stats(); s != (stomp.SubscriptionStats{Received: 40, Delivered: channelBuffer, Dropped: 40 - channelBuffer}) {
			t.Errorf("stats %+v", s)
		}
		if s := c.Stats(); s.Dropped != 40-channelBuffer || s.Subscriptions != 0 {
			t.Errorf("stats %+v", s)
		}
	})
	bubble(t, "client_mode_broker_delivers_again", func(t *testing.T) {
		b, c := pipeRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub, err := c.NewSubscription(ctx, "/queue/a", stomp.WithAck(stomp.AckClient))
		fine(t, err)
		b.Publish("/queue/a", nil, []byte("1"))
		f := <-sub.C
		cancel()
		synctest.Wait()
		matches(t, c.Ack(t.Context(), f), stomp.ErrStale)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("%d messages are back in the queue", n)
		}
		same(t, "the broker", took(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
	bubble(t, "id_is_free_again", func(t *testing.T) {
		b, c := pipeRig(t)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := c.Subscribe(ctx, "/a", stomp.WithID("x"))
			fine(t, err)
			cancel()
			synctest.Wait()
		}
		same(t, "the broker", took(b), []string{"SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE"})
		fine(t, c.Err())
	})
	// A SUBSCRIBE that was withdrawn must not be followed by its UNSUBSCRIBE: brokers end sessions for less.
	bubble(t, "withdrawn_SUBSCRIBE_is_not_unsubscribed_from", func(t *testing.T) {
		c, p := peerRig(t, nil)
		p.block(c)
		_, err := c.Subscribe(within(t, time.Second), "/a", stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		if !stomp.Unsent(err) {
			t.Errorf("%v: may have been sent", err)
		}
		synctest.Wait()
		rest := p.rest()
		fine(t, c.Flush(t.Context()))
		c.Close()
		same(t, "frames", <-rest, []string{"SEND"})
	})
	bubble(t, "written_SUBSCRIBE_is_unsubscribed_from", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := p.rest()
		_, err := c.Subscribe(within(t, time.Second), "/a", stomp.WithReceipt())
		matches(t, err, context.DeadlineExceeded)
		if stomp.Unsent(err) {
			t.Errorf("%v: was sent", err)
		}
		fine(t, c.Flush(t.Context()))
		c.Close()
		same(t, "frames", <-rest, []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
}

func TestUnsubscribeAuto(t *testing.T) {
	bubble(t, "everything_that_arrived_is_delivered", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		done := make(chan error, 1)
		go func() { done <- sub.Unsubscribe(t.Context()) }()
		synctest.Wait()
		same(t, "the broker", took(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
		got, open := bodies(sub.C)
		same(t, "bodies", got, numbers(1, 100))
		fine(t, <-done)
		if open || sub.Err() != nil || sub.Stats() != (stomp.SubscriptionStats{Received: 100, Delivered: 100}) {
			t.Errorf("open %t, error %v, stats %+v", open, sub.Err(), sub.Stats())
		}
		fine(t, sub.Unsubscribe(t.Context())) // again: nothing happens
		same(t, "the broker", took(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
	bubble(t, "ctx_ends_first", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		start := time.Now()
		err := sub.Unsubscribe(within(t, time.Second))
		matches(t, err, context.DeadlineExceeded)
		const text = "stomp: unsubscribe /queue/a: waiting for the consumer: context deadline exceeded (what it had not taken is dropped)"
		if d := time.Since(start); d != time.Second || err.Error() != text {
			t.Errorf("after %v: %v", d, err)
		}
		got, open := bodies(sub.C)
		same(t, "what stays readable", got, numbers(1, channelBuffer))
		if open || sub.Stats().Dropped != 100-channelBuffer {
			t.Errorf("open %t, stats %+v", open, sub.Stats())
		}
	})
	bubble(t, "receipts_known_are_waited_for", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 0)
		fine(t, sub.Confirmed(t.Context()))
		b.Delay(time.Second)
		start := time.Now()
		fine(t, sub.Unsubscribe(t.Context()))
		if d := time.Since(start); d != time.Second {
			t.Errorf("returned after %v", d)
		}
	})
	bubble(t, "refused_by_broker", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 0)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "UNSUBSCRIBE" {
				return stomptest.ReplyError("stay", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
			}
			return stomptest.Pass()
		})
		refusal(t, sub.Unsubscribe(t.Context(), stomp.WithReceipt()), "stay")
		if _, open := <-sub.C; open || sub.Err() != nil || c.Err() != nil {
			t.Errorf("open %t, error %v, client's %v", open, sub.Err(), c.Err())
		}
	})
	// UNSUBSCRIBE goes out nevertheless.
	bubble(t, "ctx_ends_before_it_is_written", func(t *testing.T) {
		c, p := peerRig(t, nil)
		sub, err := c.NewSubscription(t.Context(), "/a") // blocks the writer
		fine(t, err)
		synctest.Wait()
		matches(t, sub.Unsubscribe(within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		rest := p.rest()
		fine(t, c.Flush(t.Context()))
		c.Close()
		same(t, "frames", <-rest, []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
	bubble(t, "connection_lost_meanwhile", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := waiting(t, b, c, 100)
		done := make(chan error, 1)
		go func() { done <- sub.Unsubscribe(t.Context()) }()
		synctest.Wait()
		b.Cut()
		fine(t, <-done) // it is over, which is what was wanted
		<-c.Done()
	})
	bubble(t, "1.0_names_the_destination", func(t *testing.T) {
		b := pipeBroker(t)
		c := joinBroker(t, b, stomp.WithVersions(stomp.V10))
		sub, err := c.NewSubscription(t.Context(), "/a")
		fine(t, err)
		fine(t, sub.Unsubscribe(t.Context(), stomp.WithHeader("x", "y")))
		synctest.Wait()
		same(t, "the broker", took(b, "id", "destination", "x"), []string{"SUBSCRIBE id:s1 destination:/a", "UNSUBSCRIBE id:s1 destination:/a x:y"})
	})
}

// ActiveMQ Classic ends a durable subscription only when nobody is subscribed: UNSUBSCRIBE goes out twice, by id and by
// name. Artemis and others want one.
func TestUnsubscribe_durable(t *testing.T) {
	for server, want := range map[string]int{"ActiveMQ/6.1.8": 2, "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine": 1, "": 1} {
		bubble(t, server, func(t *testing.T) {
			c, p := peerRig(t, [][2]string{{"version", "1.2"}, {"server", server}})
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithHeader("activemq.subscriptionName", "mine"))
			fine(t, err)
			p.want(wire.Subscribe)
			done := make(chan error)
			go func() {
				done <- sub.Unsubscribe(t.Context(), stomp.WithHeader("activemq.subscriptionName", "mine"), stomp.WithReceipt())
			}()
			if want == 2 {
				same(t, "the first", p.want(wire.Unsubscribe).Header, [][2]string{{"id", sub.ID()}})
			}
			last := p.want(wire.Unsubscribe)
			receipt := wire.Get(last.Header, "receipt")
			same(t, "the last", last.Header, [][2]string{{"id", sub.ID()}, {"activemq.subscriptionName", "mine"}, {"receipt", receipt}})
			p.send(wire.Receipt, "", [2]string{"receipt-id", receipt})
			fine(t, <-done)
		})
	}
}

// A subscription that has ended leaves nothing behind in its session, though its server (Spring's simple broker) answers
// no receipt.
func TestUnsubscribe_leaves_nothing_behind(t *testing.T) {
	bubble(t, "without_receipts", func(t *testing.T) {
		c, p := peerRig(t, nil)
		rest := make(chan struct{})
		go func() { // ends with the connection
			for p.next().Command != "" {
			}
			close(rest)
		}()
		heap := func() int64 {
			for range 2 { // the first leaves what lies in pools, up to 150 kB here, for the second
				runtime.GC()
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return int64(m.HeapAlloc)
		}
		cycle := func() {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := c.Subscribe(ctx, "/topic/a")
			fine(t, err)
			gentle, err := c.NewSubscription(t.Context(), "/topic/b")
			fine(t, err)
			cancel()
			fine(t, gentle.Unsubscribe(t.Context()))
			synctest.Wait()
		}
		cycle()
		before := heap()
		const n = 1000
		for range n {
			cycle()
		}
		if grown := heap() - before; grown > n*100 {
			t.Errorf("%d octets are left of each subscription", grown/n)
		}
		c.Close()
		<-rest
	})
}
