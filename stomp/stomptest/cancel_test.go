package stomptest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestBroker_Cancel_in_each_profile(t *testing.T) {
	named := func(c *client) {
		c.t.Helper()
		f := c.next(wire.Error, "message", "Server cancelled subscription", "subscription", "s", "content-type", "text/plain")
		if want := "The server has canceled a subscription.\nNo more messages will be delivered for \"id='s'\"."; string(f.Body) != want {
			c.t.Errorf("ERROR says %q, want %q", f.Body, want)
		}
	}
	nameless := func(c *client) {
		c.t.Helper()
		f := c.next(wire.Error, "content-type", "text/plain")
		c.lacks(f, "message", "subscription", "receipt-id")
		if !strings.HasPrefix(string(f.Body), "consumer with ID ") || !strings.HasSuffix(string(f.Body), " disconnected by server") {
			c.t.Errorf("ERROR says %q", f.Body)
		}
	}
	for _, test := range []struct {
		name    string
		profile stomptest.Profile
		version string
		told    func(*client) // nil: nothing comes, and the subscription goes on
		ended   func(*client) // nil: the connection goes on
	}{
		{"Generic", stomptest.Generic, "1.2", named, func(c *client) { c.t.Helper(); c.closed(1002, "") }},
		{"RabbitMQ", stomptest.RabbitMQ, "1.2", named, nil},
		{"Artemis_1.2", stomptest.Artemis, "1.2", nameless, (*client).cut},
		{"Artemis_1.1", stomptest.Artemis, "1.1", nameless, nil},
		{"Artemis_1.0", stomptest.Artemis, "1.0", nameless, nil},
		{"Classic", stomptest.Classic, "1.2", nil, nil},
		{"Spring", stomptest.Spring, "1.2", nil, nil},
	} {
		for _, destination := range []string{"/queue/a", "/topic/a"} {
			t.Run(test.name+destination, func(t *testing.T) {
				inBubble(t, func(t *testing.T, b *stomptest.Broker) {
					c := connect(t, b, "accept-version", test.version)
					c.send(wire.Subscribe, "", "id", "s", "destination", destination)
					c.send(wire.Subscribe, "", "id", "t", "destination", "/topic/other")
					synctest.Wait()
					b.Cancel(destination)
					if test.told != nil {
						test.told(c)
					}
					if test.ended != nil {
						test.ended(c)
						return
					}
					b.Publish(destination, nil, []byte("after"))
					if test.told == nil {
						c.message("after", "subscription", "s")
					}
					b.Publish("/topic/other", nil, []byte("heard"))
					c.message("heard")
					c.quiet()
				}, stomptest.WithProfile(test.profile))
			})
		}
	}
}

func TestBroker_Cancel_takes_all_that_is_in_it(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.RabbitMQ, stomptest.Classic} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b)
			c.subscribe("s", "/queue/a", "ack", "client-individual", "prefetch-count", "1")
			b.Publish("/queue/a", nil, []byte("held"))
			b.Publish("/queue/a", nil, []byte("waits"))
			f := c.message("held")
			b.Cancel("/queue/a")
			if profile == stomptest.RabbitMQ {
				c.next(wire.Error)
			}
			if n := b.Unacked("/queue/a") + b.QueueLen("/queue/a"); n != 0 {
				t.Errorf("%v: %d messages are left", profile, n)
			}
			if profile == stomptest.Classic {
				b.Publish("/queue/a", nil, []byte("after"))
				c.message("after") // there is room again
				c.ack2(wire.Ack, f)
				c.next(wire.Error, "message", "Unknown acknowledgement")
			}
			c.quiet()
		}, stomptest.WithProfile(profile))
	}
}

// RabbitMQ declares a queue for the first frame of a connection that names it, and does not notice that it is gone.
func TestRabbitMQ_a_queue_that_was_deleted(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		for _, id := range []string{"s", "t"} {
			c.subscribe(id, "/queue/"+id)
			b.Cancel("/queue/" + id)
			c.next(wire.Error, "subscription", id)
		}
		c.send(wire.Send, "nowhere", "destination", "/queue/s", "receipt", "r")
		c.next(wire.Receipt, "receipt-id", "r")
		if n := b.QueueLen("/queue/s"); n != 0 {
			t.Errorf("%d messages wait", n)
		}
		other := connect(t, b)
		other.subscribe("s", "/queue/s") // and has declared it
		c.subscribe("u", "/queue/s")
		c.sent("/topic/a", "goes on")
		c.send(wire.Subscribe, "", "id", "t", "destination", "/queue/t", "receipt", "r")
		died(c)
		b.Publish("/queue/t", nil, []byte("somebody else has declared it"))
		other.subscribe("t", "/queue/t")
		other.message("somebody else has declared it")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestBroker_Cancel_without_a_subscription(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		b.Publish("/queue/a", nil, []byte("waits"))
		b.Cancel("/queue/a")
		b.Cancel("/topic/nobody")
		if n := b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestBroker_Cancel_S1_a_subscription_without_an_id(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.0")
		c.send(wire.Subscribe, "", "destination", "/queue/a")
		synctest.Wait()
		b.Cancel("/queue/a")
		f := c.next(wire.Error, "message", "Server cancelled subscription", "subscription", "/queue/a")
		if want := "\"destination='/queue/a'\"."; !strings.HasSuffix(string(f.Body), want) {
			t.Errorf("ERROR says %q, want %q at its end", f.Body, want)
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}
