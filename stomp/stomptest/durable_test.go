package stomptest_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Each server's own way: what was sent while the subscriber was away waits for it, in order; what it was given and had
// not acked comes again; and after the UNSUBSCRIBE that names it nothing is collected any more.
func TestTopic_durable_collects_while_nobody_reads(t *testing.T) {
	rabbit := []string{"durable", "true", "auto-delete", "false"}
	jms := func(name string) []string { return []string{name, "orders"} }
	for name, test := range map[string]struct {
		profile stomptest.Profile
		entries []string
		inTwo   bool // UNSUBSCRIBE goes out twice, the second time with the name
	}{
		"Generic, by id":                 {stomptest.Generic, rabbit, false},
		"Generic, by name":               {stomptest.Generic, jms("durable-subscription-name"), false},
		"RabbitMQ4":                      {stomptest.RabbitMQ4, rabbit, false},
		"RabbitMQ, x-queue-name":         {stomptest.RabbitMQ, append([]string{"x-queue-name", "billing"}, rabbit...), false},
		"Classic":                        {stomptest.Classic, jms("activemq.subscriptionName"), true},
		"Artemis":                        {stomptest.Artemis, jms("durable-subscription-name"), false},
		"Artemis, durable-subscriber-n.": {stomptest.Artemis, jms("durable-subscriber-name"), false},
		"OpenMQ":                         {stomptest.OpenMQ, jms("durable-subscriber-name"), false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				reader := func() *client {
					c := connect(t, b, "accept-version", "1.2", "host", "/", "client-id", "billing")
					c.subscribe("s", "/topic/orders", append([]string{"ack", "client-individual"}, test.entries...)...)
					return c
				}
				leave := func(c *client, entries ...string) {
					c.send(wire.Unsubscribe, "", append([]string{"id", "s", "receipt", "u"}, entries...)...)
					c.next(wire.Receipt, "receipt-id", "u")
				}
				c := reader()
				b.Publish("/topic/orders", nil, []byte("1"))
				c.message("1")
				leave(c)
				b.Publish("/topic/orders", nil, []byte("2"))
				if n := b.QueueLen("/topic/orders"); n != 2 {
					t.Errorf("%d messages wait, want 2", n)
				}
				_ = c.ws.CloseNow()

				c = reader()
				c.message("1")
				if f := c.message("2"); test.profile != stomptest.OpenMQ { // whose ids this client would escape
					c.ack(wire.Ack, f)
					if n := b.Unacked("/topic/orders"); n != 1 {
						t.Errorf("%d messages are not acked, want 1", n)
					}
				}
				if test.inTwo {
					leave(c)
				}
				leave(c, test.entries...)
				b.Publish("/topic/orders", nil, []byte("3"))
				if _, topics := stomptest.Names(b); topics != 0 {
					t.Error("it goes on collecting")
				}
				reader().quiet()
			}, stomptest.WithProfile(test.profile))
		})
	}
}

// It belongs to all who read it: as long as somebody does, nobody ends it for good.
func TestTopic_durable_is_shared(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		durable := []string{"durable", "true", "auto-delete", "false"}
		x, y := connect(t, b), connect(t, b)
		x.subscribe("s", "/topic/orders", durable...)
		y.subscribe("s", "/topic/orders", durable...)
		b.Publish("/topic/orders", nil, []byte("1"))
		b.Publish("/topic/orders", nil, []byte("2"))
		x.message("1")
		y.message("2")
		x.send(wire.Unsubscribe, "", append([]string{"id", "s", "receipt", "u"}, durable...)...)
		x.next(wire.Receipt)
		b.Publish("/topic/orders", nil, []byte("3"))
		y.message("3")
	})
}

// The id names it on its own topic alone.
func TestTopic_durable_of_the_same_id_on_another_topic(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		durable := []string{"durable", "true", "auto-delete", "false"}
		c := connect(t, b, "accept-version", "1.2", "host", "/", "client-id", "billing") // which means nothing here
		for _, end := range [][]string{nil, durable} {
			topic := map[bool]string{true: "/topic/kept", false: "/topic/ended"}[end == nil]
			c.subscribe("s", topic, durable...)
			c.send(wire.Unsubscribe, "", append([]string{"id", "s", "receipt", "u"}, end...)...)
			c.next(wire.Receipt)
			b.Publish(topic, nil, []byte("1"))
		}
		if kept, ended := b.QueueLen("/topic/kept"), b.QueueLen("/topic/ended"); kept != 1 || ended != 0 {
			t.Errorf("%d and %d messages wait, want 1 and 0", kept, ended)
		}
		c.send(wire.Unsubscribe, "", append([]string{"id", "s"}, durable...)...) // of no subscription
		c.next(wire.Error)
	})
}

// What a server does not take for one is a plain subscription of a topic.
func TestTopic_durable_only_where_the_server_knows_the_entries(t *testing.T) {
	for profile, entries := range map[stomptest.Profile][]string{
		stomptest.RabbitMQ4: {"durable-subscription-name", "orders"},
		stomptest.Classic:   {"durable-subscription-name", "orders"},
		stomptest.Artemis:   {"durable", "true", "auto-delete", "false"},
		stomptest.Generic:   {"durable", "true"}, // auto-delete is what RabbitMQ does by default
	} {
		t.Run(profile.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b, "accept-version", "1.2", "host", "/", "client-id", "billing")
				c.subscribe("s", "/topic/orders", entries...)
				_ = c.ws.CloseNow()
				c.ended()
				connect(t, b) // by then the broker has noticed
				b.Publish("/topic/orders", nil, []byte("missed"))
				if n := b.QueueLen("/topic/orders"); n != 0 {
					t.Errorf("%d messages wait", n)
				}
			}, stomptest.WithProfile(profile))
		})
	}
}

func TestBroker_Cancel_empties_durable_subscriptions(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/orders", "durable", "true", "auto-delete", "false")
		c.send(wire.Unsubscribe, "", "id", "s", "receipt", "u")
		c.next(wire.Receipt)
		b.Publish("/topic/orders", nil, []byte("1"))
		b.Cancel("/topic/orders")
		c.subscribe("s", "/topic/orders", "durable", "true", "auto-delete", "false")
		c.quiet()
	})
}
