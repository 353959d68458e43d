package stomptest_test

import (
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// ackEntries are the entries of an ACK or NACK of f in a version (M3).
func ackEntries(version wire.Version, f wire.Frame) []string {
	switch version {
	case wire.V12:
		return []string{"id", wire.Get(f.Header, "ack")}
	case wire.V11:
		return []string{"message-id", wire.Get(f.Header, "message-id"), "subscription", wire.Get(f.Header, "subscription")}
	default:
		return []string{"message-id", wire.Get(f.Header, "message-id")}
	}
}

// ack sends ACK or NACK of f and awaits the RECEIPT.
func (c *client) ack(command string, f wire.Frame, header ...string) {
	c.t.Helper()
	c.send(command, "", append(append(ackEntries(c.enc.Version, f), "receipt", "ack"), header...)...)
	c.next(wire.Receipt, "receipt-id", "ack")
}

// filled is a client in a client ack mode with n messages, 0 to n-1, in its hands.
func filled(t *testing.T, b *stomptest.Broker, version, mode string, n int) (*client, []wire.Frame) {
	c := connect(t, b, "accept-version", version)
	c.subscribe("s", "/queue/a", "ack", mode)
	frames := make([]wire.Frame, n)
	for i := range frames {
		b.Publish("/queue/a", nil, []byte(fmt.Sprint(i)))
		frames[i] = c.message(fmt.Sprint(i))
	}
	return c, frames
}

func TestAck_M2_client_is_cumulative(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		t.Run("M2_client_is_cumulative_in_"+version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c, frames := filled(t, b, version, "client", 5)
				c.ack(wire.Ack, frames[2])
				if n := b.Unacked("/queue/a"); n != 2 {
					t.Errorf("%d are not acked, want 2", n)
				}
			})
		})
	}
}

func TestAck_M2_M3_client_individual_is_single(t *testing.T) {
	for _, version := range []string{"1.1", "1.2"} {
		t.Run("M2_client_individual_is_single_in_"+version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c, frames := filled(t, b, version, "client-individual", 5)
				c.ack(wire.Ack, frames[2])
				if n := b.Unacked("/queue/a"); n != 4 {
					t.Errorf("%d are not acked, want 4", n)
				}
			})
		})
		t.Run("M3_NACK_puts_it_back_in_"+version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c, frames := filled(t, b, version, "client-individual", 3)
				c.send(wire.Nack, "", append(ackEntries(c.enc.Version, frames[1]), "receipt", "n")...)
				c.message("1", "redelivered", "true")
				c.next(wire.Receipt)
			})
		})
	}
}

func TestAck_M2_NACK_is_cumulative_in_client_mode(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client", 4)
		c.send(wire.Nack, "", "id", wire.Get(frames[2].Header, "ack"))
		for i := range 3 {
			c.message(fmt.Sprint(i), "redelivered", "true")
		}
		c.quiet()
	})
}

func TestAck_NACK_prefers_another_subscriber(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, frames := filled(t, b, "1.2", "client-individual", 1)
		y := connect(t, b)
		y.subscribe("s", "/queue/a", "ack", "client")
		b.Publish("/queue/a", nil, []byte("other")) // x was last, and y is next in turn
		b.Publish("/queue/a", nil, []byte("mine"))
		x.next(wire.Message)
		y.next(wire.Message)
		x.ack(wire.Nack, frames[0])
		y.message("0", "redelivered", "true")
		x.quiet()
	})
}

func TestAck_NACK_without_requeue_drops(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 1)
		c.ack(wire.Nack, frames[0], "requeue", "false")
		c.quiet()
		if n := b.QueueLen("/queue/a") + b.Unacked("/queue/a"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestAck_end_puts_back_what_was_not_acked(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(c *client)
	}{
		{"DISCONNECT", func(c *client) { c.send(wire.Disconnect, "", "receipt", "r"); c.next(wire.Receipt) }},
		{"UNSUBSCRIBE", func(c *client) { c.send(wire.Unsubscribe, "", "id", "s", "receipt", "r"); c.next(wire.Receipt) }},
	} {
		t.Run(test.name+"_puts_back_what_was_not_acked", func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				x, frames := filled(t, b, "1.2", "client-individual", 3)
				x.ack(wire.Ack, frames[1])
				test.end(x)
				y := connect(t, b)
				y.subscribe("s", "/queue/a")
				y.message("0", "redelivered", "true")
				y.message("2", "redelivered", "true")
				y.quiet()
			})
		})
	}
}

func TestAck_prefetch(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for i := range 6 {
			b.Publish("/queue/a", nil, []byte(fmt.Sprint(i)))
		}
		x := connect(t, b)
		x.subscribe("s", "/queue/a", "ack", "client")
		zero := x.message("0")
		x.message("1")
		x.quiet()
		x.ack2(wire.Ack, zero)
		x.message("2")
		x.next(wire.Receipt)
		y := connect(t, b)
		y.subscribe("s", "/queue/a", "ack", "client", "prefetch-count", "1")
		y.message("3")
		y.quiet()
	}, stomptest.WithPrefetch(2))
}

func TestAck_topics_redeliver_to_their_own_subscription(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		x.subscribe("s", "/topic/a", "ack", "client")
		y.subscribe("s", "/topic/a", "ack", "client")
		b.Publish("/topic/a", nil, []byte("1"))
		f := x.message("1")
		y.message("1")
		x.ack2(wire.Nack, f)
		x.message("1", "redelivered", "true")
		x.next(wire.Receipt)
		y.quiet()
	})
}

// ack2 is ack for a frame that brings about another before its RECEIPT.
func (c *client) ack2(command string, f wire.Frame) {
	c.t.Helper()
	c.send(command, "", append(ackEntries(c.enc.Version, f), "receipt", "ack")...)
}

func TestAck_M2_M3_refused(t *testing.T) {
	for _, test := range []struct {
		name    string
		version string
		mode    string
		header  func(f wire.Frame) []string
	}{
		{"M3_message_id_in_place_of_ack", "1.2", "client", func(f wire.Frame) []string { return []string{"id", wire.Get(f.Header, "message-id")} }},
		{"M3_another_subscription_in_1.1", "1.1", "client", func(f wire.Frame) []string {
			return []string{"message-id", wire.Get(f.Header, "message-id"), "subscription", "other"}
		}},
		{"M3_no_subscription_in_1.1", "1.1", "client", func(f wire.Frame) []string {
			return []string{"message-id", wire.Get(f.Header, "message-id")}
		}},
		{"M2_of_an_auto_subscription", "1.1", "auto", func(f wire.Frame) []string { return ackEntries(wire.V11, f) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c, frames := filled(t, b, test.version, test.mode, 1)
				c.send(wire.Ack, "", append(test.header(frames[0]), "receipt", "r")...)
				c.next(wire.Error, "receipt-id", "r")
				c.closed(1002, "")
				if n := b.StaleAcks(); n != 0 {
					t.Errorf("StaleAcks is %d", n)
				}
			})
		})
	}
}

func TestAck_twice_is_refused(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client", 1)
		c.ack(wire.Ack, frames[0])
		c.ack2(wire.Ack, frames[0])
		c.next(wire.Error, "message", "Unknown acknowledgement")
	})
}

func TestBroker_StaleAcks_M3_of_another_session(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			x, frames := filled(t, b, version, "client", 1)
			_ = x.ws.CloseNow()
			<-x.done
			y := connect(t, b, "accept-version", version)
			y.subscribe("s", "/queue/a", "ack", "client")
			y.message("0", "redelivered", "true")
			y.ack2(wire.Ack, frames[0])
			y.next(wire.Error, "message", "Unknown acknowledgement")
			y.closed(1002, "")
			if n := b.StaleAcks(); n != 1 {
				t.Errorf("StaleAcks is %d, want 1", n)
			}
			if n := b.QueueLen("/queue/a"); n != 1 {
				t.Errorf("the message is lost")
			}
		})
	}
}
