package stomp_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// waiting subscribes and lets n messages arrive that nobody has read.
func waiting(t *testing.T, b *stomptest.Broker, c *stomp.Client, n int, opts ...stomp.SubscribeOption) *stomp.Subscription[stomp.Frame] {
	t.Helper()
	sub, err := c.NewSubscription(t.Context(), "/queue/a", opts...)
	rig.OK(t, err)
	rig.Publish(b, "/queue/a", rig.Numbers(1, n)...)
	synctest.Wait()
	return sub
}

// The channel's own buffer holds 8 frames: see inbox.go.
const channelBuffer = 8

func TestSubscription_M1_ctx_ends_it_in_auto_mode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub, err := c.NewSubscription(ctx, "/queue/a")
		rig.OK(t, err)
		rig.Publish(b, "/queue/a", rig.Numbers(1, 40)...)
		synctest.Wait()
		cancel()
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open || sub.Err() != nil {
			t.Errorf("open %t, error %v", open, sub.Err())
		}
		rig.Equal(t, "the broker", rig.Received(b, "id"), []string{"SUBSCRIBE id:s1", "UNSUBSCRIBE id:s1"})
		if s := sub.Stats(); s != (stomp.SubscriptionStats{Received: 40, Delivered: channelBuffer, Dropped: 40 - channelBuffer}) {
			t.Errorf("stats %+v", s)
		}
		if s := c.Stats(); s.Dropped != 40-channelBuffer || s.Subscriptions != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestSubscription_ctx_ends_it_in_a_client_mode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub, err := c.NewSubscription(ctx, "/queue/a", stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		b.Publish("/queue/a", nil, []byte("1"))
		f := <-sub.C
		cancel()
		synctest.Wait()
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrStale)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("%d messages are back in the queue", n)
		}
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
}

func TestSubscription_id_is_free_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		for range 2 {
			ctx, cancel := context.WithCancel(t.Context())
			_, err := c.Subscribe(ctx, "/a", stomp.WithID("x"))
			rig.OK(t, err)
			cancel()
			synctest.Wait()
		}
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "UNSUBSCRIBE", "SUBSCRIBE", "UNSUBSCRIBE"})
		rig.OK(t, c.Err())
	})
}

// A SUBSCRIBE that was withdrawn must not be followed by its UNSUBSCRIBE: brokers end sessions for less.
func TestSubscribe_withdrawn_is_not_unsubscribed_from(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		p.Block(c)
		_, err := c.Subscribe(rig.Within(t, time.Second), "/a", stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.Unsent(t, err)
		synctest.Wait()
		rest := p.Rest()
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SEND"})
	})
}

func TestSubscribe_written_is_unsubscribed_from(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		_, err := c.Subscribe(rig.Within(t, time.Second), "/a", stomp.WithReceipt())
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.MaySent(t, err)
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
}

func TestUnsubscribe_auto_everything_that_arrived_is_delivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "bodies", got, rig.Numbers(1, 100))
		rig.OK(t, <-done)
		if open || sub.Err() != nil || sub.Stats() != (stomp.SubscriptionStats{Received: 100, Delivered: 100}) {
			t.Errorf("open %t, error %v, stats %+v", open, sub.Err(), sub.Stats())
		}
		rig.OK(t, sub.Unsubscribe(t.Context())) // again: nothing happens
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
}

func TestUnsubscribe_auto_ctx_ends_first(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		start := time.Now()
		err := sub.Unsubscribe(rig.Within(t, time.Second))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		const text = "stomp: unsubscribe /queue/a: waiting for the consumer: context deadline exceeded (what it had not taken is dropped)"
		if d := time.Since(start); d != time.Second || err.Error() != text {
			t.Errorf("after %v: %v", d, err)
		}
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, channelBuffer))
		if open || sub.Stats().Dropped != 100-channelBuffer {
			t.Errorf("open %t, stats %+v", open, sub.Stats())
		}
	})
}

func TestUnsubscribe_auto_receipts_known_are_waited_for(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 0)
		rig.OK(t, sub.Confirmed(t.Context()))
		b.Delay(time.Second / 2)
		rig.Takes(t, time.Second/2, func() { rig.OK(t, sub.Unsubscribe(t.Context())) })
	})
}

// What the library asks of its own accord costs a second at most, and once where the server answers SEND alone, as
// go-stomp's does.
func TestUnsubscribe_promise11_server_that_answers_other_frames(t *testing.T) {
	for name, opts := range map[string][]stomp.SubscribeOption{"auto": nil, "client": {stomp.WithAck(stomp.AckClient)}} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, c := rig.Session(t)
			p.AnswerOnly(wire.Send)
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			var subs []*stomp.Subscription[stomp.Frame]
			for range 4 {
				sub, err := c.NewSubscription(t.Context(), "/queue/a", opts...)
				rig.OK(t, err)
				subs = append(subs, sub)
			}
			rig.ErrorIs(t, subs[0].Unsubscribe(rig.Within(t, time.Second/2)), context.DeadlineExceeded)
			rig.Takes(t, time.Second, func() { rig.OK(t, subs[1].Unsubscribe(rig.Within(t, time.Hour))) })
			rig.Takes(t, 0, func() { rig.OK(t, subs[2].Unsubscribe(rig.Within(t, time.Hour))) })
			err := subs[3].Unsubscribe(rig.Within(t, time.Minute), stomp.WithReceipt()) // which is the caller's own wish
			rig.ErrorIs(t, err, context.DeadlineExceeded)
		})
	}
}

// One UNSUBSCRIBE that was not answered in time does not outweigh one that was.
func TestUnsubscribe_promise11_server_that_answers_now_and_then(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		for _, takes := range []time.Duration{0, time.Second, time.Second, 0} {
			sub := waiting(t, b, c, 0)
			rig.OK(t, sub.Confirmed(t.Context()))
			answer := stomptest.Pass()
			if takes > 0 {
				answer = stomptest.Drop()
			}
			rig.On(b, wire.Unsubscribe, "", rig.Always(answer))
			rig.Takes(t, takes, func() { rig.OK(t, sub.Unsubscribe(rig.Within(t, time.Hour))) })
		}
	})
}

// In auto mode what the server had under way is delivered, however long that takes.
func TestUnsubscribe_auto_messages_still_come(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
		rig.OK(t, sub.Confirmed(t.Context()))
		start := time.Now()
		done := rig.Go(func() error { return sub.Unsubscribe(context.Background()) })
		answer := p.Want(wire.Unsubscribe)
		for _, n := range rig.Numbers(1, 5) {
			time.Sleep(900 * time.Millisecond)
			p.Send(wire.Message, n, "subscription", "s1", "message-id", n, "destination", "/queue/a")
		}
		time.Sleep(900 * time.Millisecond)
		p.Receipt(answer)
		rig.OK(t, <-done)
		if took := time.Since(start); took != 5400*time.Millisecond {
			t.Errorf("it took %v", took)
		}
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "bodies", got, rig.Numbers(1, 5))
		if open {
			t.Error("the channel is open")
		}
	})
}

func TestUnsubscribe_auto_refused_by_broker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 0)
		rig.On(b, "UNSUBSCRIBE", "", rig.Refuse("stay"))
		rig.Refused(t, sub.Unsubscribe(t.Context(), stomp.WithReceipt()), "stay")
		if _, open := <-sub.C; open || sub.Err() != nil || c.Err() != nil {
			t.Errorf("open %t, error %v, client's %v", open, sub.Err(), c.Err())
		}
	})
}

// UNSUBSCRIBE goes out nevertheless.
func TestUnsubscribe_auto_ctx_ends_before_it_is_written(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		sub, err := c.NewSubscription(t.Context(), "/a") // blocks the writer
		rig.OK(t, err)
		synctest.Wait()
		rig.ErrorIs(t, sub.Unsubscribe(rig.Within(t, time.Second), stomp.WithReceipt()), context.DeadlineExceeded)
		rest := p.Rest()
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		rig.Equal(t, "frames", <-rest, []string{"SUBSCRIBE", "UNSUBSCRIBE"})
	})
}

func TestUnsubscribe_auto_connection_lost_meanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := waiting(t, b, c, 100)
		done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		synctest.Wait()
		b.Cut()
		rig.OK(t, <-done) // it is over, which is what was wanted
		<-c.Done()
	})
}

func TestUnsubscribe_auto_1_0_names_the_destination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithVersions(stomp.V10))
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		rig.OK(t, sub.Unsubscribe(t.Context(), stomp.WithHeader("x", "y")))
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b, "id", "destination", "x"), []string{"SUBSCRIBE id:s1 destination:/a", "UNSUBSCRIBE id:s1 destination:/a x:y"})
	})
}

// What cannot be encoded is refused before anything is changed: else the subscription would end here alone.
func TestUnsubscribe_F13_refuses_what_cannot_be_encoded(t *testing.T) {
	long := stomp.WithHeader("x", strings.Repeat("x", 64<<10))
	for name, tc := range map[string]struct {
		version stomp.Version
		mode    stomp.AckMode
		bad     stomp.FrameOption
		check   func(error)
	}{
		"NUL":           {stomp.V12, stomp.AckAuto, stomp.WithHeader("x", "\x00"), func(err error) { rig.ErrorClause(t, err, "F13") }},
		"NUL_client":    {stomp.V12, stomp.AckClient, stomp.WithHeader("x", "\x00"), func(err error) { rig.ErrorClause(t, err, "F13") }},
		"line_feed_1.0": {stomp.V10, stomp.AckAuto, stomp.WithHeader("x", "\n"), func(err error) { rig.ErrorClause(t, err, "F13") }},
		"F12_too_long":  {stomp.V12, stomp.AckAuto, long, func(err error) { rig.ErrorLimit(t, err, stomp.LimitError{What: "header", Limit: 64 << 10}) }},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, stomp.WithVersions(tc.version))
			sub := waiting(t, b, c, 0, stomp.WithAck(tc.mode))
			err := sub.Unsubscribe(t.Context(), tc.bad)
			tc.check(err)
			rig.Unsent(t, err)
			f := rig.Deliver(t, b, "/queue/a", sub.C, 1)[0] // it goes on
			if tc.mode != stomp.AckAuto {
				rig.OK(t, c.Ack(t.Context(), f))
			}
			rig.OK(t, sub.Unsubscribe(t.Context()))
			if got := rig.Received(b); got[0] != "SUBSCRIBE" || got[len(got)-1] != "UNSUBSCRIBE" {
				t.Errorf("the broker got %v", got)
			}
		})
	}
}

// The same where there is no session that would tell.
func TestSubscribe_F13_in_an_outage_refuses_what_cannot_be_encoded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, p, c := rig.Reconnecting(t, wire.V12)
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		p.Conn.Close()
		synctest.Wait()
		_, err = c.Subscribe(t.Context(), "/b", stomp.WithHeader("x", "\x00"))
		rig.ErrorClause(t, err, "F13")
		rig.Unsent(t, err)
		err = sub.Unsubscribe(t.Context(), stomp.WithHeader("x", "\x00"))
		rig.ErrorClause(t, err, "F13")
		rig.Unsent(t, err)
		if n := c.Stats().Subscriptions; n != 1 || sub.Err() != nil || rig.IsClosed(sub.Done()) {
			t.Errorf("%d subscriptions are open, error %v", n, sub.Err())
		}
	})
}

// ActiveMQ Classic ends a durable subscription only when nobody is subscribed: UNSUBSCRIBE goes out twice, by id and by
// name. Artemis and others want one.
func TestUnsubscribe_durable_subscription(t *testing.T) {
	for server, want := range map[string]int{"ActiveMQ/6.1.8": 2, "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine": 1, "": 1} {
		rig.Bubble(t, server, func(t *testing.T) {
			p, c := rig.NewServer(t).Session("version:1.2\nserver:" + server)
			sub, err := c.NewSubscription(t.Context(), "/topic/a", stomp.WithHeader("activemq.subscriptionName", "mine"))
			rig.OK(t, err)
			p.Receipt(p.Want(wire.Subscribe))
			done := rig.Go(func() error {
				return sub.Unsubscribe(t.Context(), stomp.WithHeader("activemq.subscriptionName", "mine"), stomp.WithReceipt())
			})
			if want == 2 {
				rig.Equal(t, "the first", p.Want(wire.Unsubscribe).Header, [][2]string{{"id", sub.ID()}})
			}
			last := p.Want(wire.Unsubscribe)
			receipt := wire.Get(last.Header, "receipt")
			rig.Equal(t, "the last", last.Header, [][2]string{{"id", sub.ID()}, {"activemq.subscriptionName", "mine"}, {"receipt", receipt}})
			p.Send(wire.Receipt, "", "receipt-id", receipt)
			rig.OK(t, <-done)
		})
	}
}

// A subscription that has ended leaves nothing behind in its session, though its server answers no receipt (Spring's simple
// broker), or those of SEND alone (go-stomp's).
func TestUnsubscribe_leaves_nothing_behind(t *testing.T) {
	rig.Bubble(t, "no_receipts", func(t *testing.T) {
		p, c := rig.Session(t)
		p.AnswerOnly()
		leavesNothing(t, c)
	})
	rig.Bubble(t, "receipts_of_SEND", func(t *testing.T) {
		p, c := rig.Session(t)
		p.AnswerOnly(wire.Send)
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
		leavesNothing(t, c)
	})
}

func leavesNothing(t *testing.T, c *stomp.Client) {
	t.Helper()
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
		rig.OK(t, err)
		gentle, err := c.NewSubscription(t.Context(), "/topic/b")
		rig.OK(t, err)
		cancel()
		rig.OK(t, gentle.Unsubscribe(t.Context()))
		synctest.Wait()
	}
	cycle()
	before := heap()
	const n = 1000
	for range n {
		cycle()
	}
	if grown := heap() - before; grown > n*100 {
		t.Errorf("%d bytes are left of each subscription", grown/n)
	}
	c.Close()
}
