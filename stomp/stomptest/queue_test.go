package stomptest_test

import (
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestQueue_waits_for_a_subscriber_in_order(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		for i := range 5 {
			c.sent("/queue/a", fmt.Sprint(i))
		}
		if n := b.QueueLen("/queue/a"); n != 5 {
			t.Errorf("QueueLen is %d, want 5", n)
		}
		c.subscribe("s", "/queue/a")
		for i := range 5 {
			c.message(fmt.Sprint(i))
		}
		if n := b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("QueueLen is %d afterwards", n)
		}
	})
}

func TestQueue_goes_round_robin(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.subscribe("s", "/queue/a")
		y.subscribe("s", "/queue/a")
		for i := range 4 {
			b.Publish("/queue/a", nil, []byte(fmt.Sprint(i)))
		}
		x.message("0")
		y.message("1")
		x.message("2")
		y.message("3")
		x.quiet()
		y.quiet()
	})
}

func TestQueue_redelivers_to_the_front_in_order_when_the_connection_is_lost(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.subscribe("s", "/queue/a", "ack", "client-individual", "prefetch-count", "3")
		for i := range 5 {
			y.sent("/queue/a", fmt.Sprint(i))
		}
		for i := range 3 {
			x.message(fmt.Sprint(i))
		}
		if n := b.Unacked("/queue/a"); n != 3 {
			t.Errorf("Unacked is %d, want 3", n)
		}
		_ = x.ws.CloseNow()
		<-x.done
		y.quiet()
		y.subscribe("s", "/queue/a")
		for i := range 3 {
			y.message(fmt.Sprint(i), "redelivered", "true")
		}
		for i := range 2 {
			if f := y.message(fmt.Sprint(3 + i)); wire.Get(f.Header, "redelivered") != "" {
				t.Errorf("a first delivery says %v", f.Header)
			}
		}
	})
}

func TestTopic_goes_to_every_subscription(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.sent("/topic/a", "missed")
		x.subscribe("1", "/topic/a")
		x.subscribe("2", "/topic/a")
		y.subscribe("s", "/topic/a")
		b.Publish("/topic/a", [][2]string{{"k", "v"}}, []byte("all"))
		x.message("all", "subscription", "1", "k", "v")
		x.message("all", "subscription", "2")
		y.message("all", "subscription", "s")
		if n := b.Subscriptions("/topic/a"); n != 3 {
			t.Errorf("Subscriptions is %d, want 3", n)
		}
		x.send(wire.Unsubscribe, "", "id", "1", "receipt", "u")
		x.next(wire.Receipt)
		b.Publish("/topic/a", nil, []byte("less"))
		x.message("less", "subscription", "2")
		x.quiet()
	})
}

func TestQueue_temporary_a_reply_to_needs_no_subscription(t *testing.T) {
	for _, test := range []struct {
		profile     stomptest.Profile
		reply, seen string
	}{
		{stomptest.Generic, "/remote-temp-queue/1-r", "/temp-queue/r"},
		{stomptest.RabbitMQ, "/reply-queue/amq.gen-1-r", "/queue/amq.gen-1-r"},
	} {
		t.Run(test.profile.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				x, y := connect(t, b), connect(t, b)
				y.subscribe("s", "/queue/service")
				for range 2 {
					x.send(wire.Send, "ask", "destination", "/queue/service", "reply-to", "/temp-queue/r")
					y.message("ask", "reply-to", test.reply)
					y.send(wire.Send, "answer", "destination", test.reply)
					x.message("answer", "subscription", "/temp-queue/r", "destination", test.seen)
				}
				_ = x.ws.CloseNow()
				<-x.done
				y.quiet()
				y.sent(test.reply, "nobody")
				if n := b.QueueLen(test.reply); n != 0 {
					t.Errorf("%d messages wait in a queue whose owner has gone", n)
				}
			}, stomptest.WithProfile(test.profile))
		})
	}
}

func TestQueue_temporary_an_explicit_subscription_replaces_the_implicit_one(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Send, "ask", "destination", "/queue/service", "reply-to", "/temp-queue/r")
		c.subscribe("mine", "/temp-queue/r")
		for range 2 {
			c.send(wire.Send, "answer", "destination", "/temp-queue/r")
			c.message("answer", "subscription", "mine")
		}
		c.send(wire.Subscribe, "", "id", "/temp-queue/r", "destination", "/queue/x")
		c.next(wire.Error, "message", "Invalid id")
	})
}

func TestQueue_temporary_an_explicit_subscription_takes_over(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.subscribe("mine", "/temp-queue/r")
		y.subscribe("s", "/queue/service")
		x.send(wire.Send, "ask", "destination", "/queue/service", "reply-to", "/temp-queue/r")
		reply := wire.Get(y.message("ask").Header, "reply-to")
		y.send(wire.Send, "answer", "destination", reply)
		x.message("answer", "subscription", "mine", "destination", "/temp-queue/r")
		x.quiet()
		y.send(wire.Subscribe, "", "id", "spy", "destination", reply)
		y.next(wire.Error, "message", "Access refused")
	})
}

// TestBroker_keeps_no_name_that_nobody_uses sees that names which nobody uses any more are forgotten, and that a
// message in somebody's hands keeps its queue.
func TestBroker_keeps_no_name_that_nobody_uses(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		for i := range 3 {
			x.subscribe(fmt.Sprint(i), "/queue/a", "ack", "client", "prefetch-count", "1")
		}
		y.subscribe("s", "/topic/a")
		for i := range 4 {
			b.Publish("/queue/a", nil, []byte(fmt.Sprint(i)))
		}
		for i := range 3 {
			x.message(fmt.Sprint(i))
		}
		b.Cut()
		if n := b.QueueLen("/queue/a"); n != 4 {
			t.Errorf("QueueLen is %d, want 4", n)
		}
		z := connect(t, b)
		z.subscribe("s", "/queue/a")
		for i := range 4 {
			z.message(fmt.Sprint(i))
		}
		z.send(wire.Unsubscribe, "", "id", "s", "receipt", "r")
		z.next(wire.Receipt)
		if queues, topics := stomptest.Names(b); queues+topics != 0 {
			t.Errorf("%d queues and %d topics are kept", queues, topics)
		}
	})
}
