package stomptest_test

import (
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestBroker_Refuse_in_each_profile(t *testing.T) {
	closes := func(code int, reason string) func(*client) {
		return func(c *client) { c.t.Helper(); c.closed(code, reason) }
	}
	cut := func(c *client) { c.t.Helper(); c.cut() }
	for _, test := range []struct {
		profile         stomptest.Profile
		subscribe, send string        // the receipt-id of the ERROR to each; "-": there is no ERROR
		receipt         bool          // to SUBSCRIBE, behind the ERROR
		end             func(*client) // nil: the connection stays open
	}{
		{stomptest.Generic, "r", "r", false, closes(1002, "")},
		{stomptest.RabbitMQ, "-", "-", false, died},
		{stomptest.RabbitMQ4, "", "-", true, died},
		{stomptest.Classic, "r", "r", false, nil},
		{stomptest.Artemis, "", "r", false, cut},
		{stomptest.Spring, "", "", false, closes(1002, "")},
		{stomptest.OpenMQ, "", "", false, nil},
	} {
		t.Run(test.profile.String(), func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				b.Refuse("/topic/no")
				refused := func(command, id string, header ...string) {
					t.Helper()
					c := connect(t, b)
					c.send(command, "", append(header, "destination", "/topic/no", "receipt", "r")...)
					if id != "-" {
						f := c.next(wire.Error, "message", "access_refused")
						if got := wire.Get(f.Header, "receipt-id"); got != id {
							t.Errorf("the ERROR to %s has the receipt-id %q, want %q", command, got, id)
						}
					}
					if test.receipt && command == wire.Subscribe {
						c.next(wire.Receipt, "receipt-id", "r")
					}
					if test.end != nil {
						test.end(c)
					} else {
						c.quiet()
					}
				}
				refused(wire.Subscribe, test.subscribe, "id", "s")
				refused(wire.Send, test.send)

				b.Allow("/topic/no")
				c := connect(t, b)
				c.send(wire.Subscribe, "", "id", "s", "destination", "/topic/no")
				c.send(wire.Send, "body", "destination", "/topic/no")
				c.message("body")
			}, stomptest.WithProfile(test.profile))
		})
	}
}

// Who has subscribed before goes on, and may only not send.
func TestBroker_Refuse_leaves_subscriptions(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/queue/a")
		b.Refuse("/queue/a")
		b.Publish("/queue/a", nil, []byte("body"))
		c.message("body")
	})
}
