package stomptest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// TestBroker_strict_about_mistakes sends frames that the strict broker refuses: ERROR that says what and names the
// receipt, then a close.
func TestBroker_strict_about_mistakes(t *testing.T) {
	v10 := []string{"accept-version", "1.0"}
	v11 := []string{"accept-version", "1.1"}
	for _, test := range []struct {
		name    string
		connect []string
		command string
		header  []string
		message string
	}{
		{"M1_SEND_without_destination", nil, wire.Send, nil, "Missing header"},
		{"M1_SEND_with_an_empty_destination", nil, wire.Send, []string{"destination", ""}, "Missing header"},
		{"M1_SUBSCRIBE_without_destination", nil, wire.Subscribe, []string{"id", "1"}, "Missing header"},
		{"M1_SUBSCRIBE_without_id", nil, wire.Subscribe, []string{"destination", "/topic/a"}, "Missing header"},
		{"M1_SUBSCRIBE_without_id_in_1.1", v11, wire.Subscribe, []string{"destination", "/topic/a"}, "Missing header"},
		{"M1_SUBSCRIBE_twice", nil, wire.Subscribe, []string{"id", "known", "destination", "/topic/b"}, "Duplicate subscription identifier"},
		{"M1_UNSUBSCRIBE_without_id", nil, wire.Unsubscribe, nil, "Missing header"},
		{"M1_UNSUBSCRIBE_unknown", nil, wire.Unsubscribe, []string{"id", "unknown"}, "Subscription not found"},
		{"M2_unknown_ack_mode", nil, wire.Subscribe, []string{"id", "1", "destination", "/topic/a", "ack", "often"}, "Invalid ack mode"},
		{"M2_client_individual_in_1.0", v10, wire.Subscribe, []string{"id", "1", "destination", "/topic/a", "ack", "client-individual"}, "Invalid ack mode"},
		{"M2_bad_prefetch_count", nil, wire.Subscribe, []string{"id", "1", "destination", "/topic/a", "prefetch-count", "-1"}, "Invalid prefetch-count"},
		{"M3_ACK_without_id", nil, wire.Ack, []string{"message-id", "m-1-1"}, "Missing header"},
		{"M3_ACK_of_nothing", nil, wire.Ack, []string{"id", "a1-1"}, "Unknown acknowledgement"},
		{"M3_ACK_of_nonsense", nil, wire.Ack, []string{"id", "nonsense"}, "Unknown acknowledgement"},
		{"M3_NACK_in_1.0", v10, wire.Nack, []string{"message-id", "m1-1"}, "Invalid command"},
		{"M4_BEGIN_without_transaction", nil, wire.Begin, nil, "Missing header"},
		{"M4_BEGIN_twice", nil, wire.Begin, []string{"transaction", "known"}, "Invalid transaction"},
		{"M4_COMMIT_unknown", nil, wire.Commit, []string{"transaction", "unknown"}, "Invalid transaction"},
		{"M4_ABORT_unknown", nil, wire.Abort, []string{"transaction", "unknown"}, "Invalid transaction"},
		{"M4_SEND_in_an_unknown_one", nil, wire.Send, []string{"destination", "/queue/a", "transaction", "unknown"}, "Invalid transaction"},
		{"M4_ACK_in_an_unknown_one", nil, wire.Ack, []string{"id", "x", "transaction", "unknown"}, "Invalid transaction"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b, test.connect...)
				c.subscribe("known", "/queue/known")
				c.send(wire.Begin, "", "transaction", "known")
				c.send(test.command, "", append(test.header, "receipt", "r")...)
				f := c.next(wire.Error, "message", test.message, "receipt-id", "r", "content-type", "text/plain")
				if len(f.Body) == 0 {
					t.Error("ERROR explains nothing")
				}
				c.closed(1002, "")
				synctest.Wait()
				if n := b.Connections(); n != 0 {
					t.Errorf("%d connections are left", n)
				}
			})
		})
	}
}

func TestReceipt_M5_every_frame_that_asks_in_order(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/queue/a", "ack", "client-individual")
		b.Publish("/queue/a", nil, []byte("1"))
		b.Publish("/queue/a", nil, []byte("2"))
		one, two := c.message("1"), c.message("2")
		c.send(wire.Send, "x", "destination", "/queue/b", "receipt", "send")
		c.send(wire.Ack, "", "id", wire.Get(one.Header, "ack"), "receipt", "ack")
		c.send(wire.Nack, "", "id", wire.Get(two.Header, "ack"), "requeue", "false", "receipt", "nack")
		c.send(wire.Begin, "", "transaction", "t", "receipt", "begin")
		c.send(wire.Abort, "", "transaction", "t", "receipt", "abort")
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Commit, "", "transaction", "t", "receipt", "commit")
		c.send(wire.Unsubscribe, "", "id", "s", "receipt", "unsubscribe: a:b\n\\")
		c.send(wire.Disconnect, "", "receipt", "disconnect")
		for _, id := range []string{"send", "ack", "nack", "begin", "abort", "commit", "unsubscribe: a:b\n\\", "disconnect"} {
			c.next(wire.Receipt, "receipt-id", id)
		}
		c.closed(1000, "")
	})
}

func TestReceipt_M5_of_SUBSCRIBE_before_its_first_MESSAGE(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		b.Publish("/queue/a", nil, []byte("backlog"))
		c := connect(t, b)
		c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/a", "receipt", "r")
		c.next(wire.Receipt, "receipt-id", "r")
		c.message("backlog")
	})
}

func TestReceipt_M6_nothing_after_DISCONNECT_takes_effect(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		end := c.encode(wire.Disconnect, "", "receipt", "bye")
		c.raw(string(end) + string(c.encode(wire.Send, "late", "destination", "/queue/a", "receipt", "late")))
		c.next(wire.Receipt, "receipt-id", "bye")
		c.closed(1000, "")
		if n := b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("a SEND behind DISCONNECT took effect")
		}
	})
}

func TestReceipt_M6_DISCONNECT_without_a_receipt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Disconnect, "")
		c.closed(1000, "")
		s := session(dialStream(t, b))
		s.send(wire.Disconnect, "", "receipt", "r")
		s.next(wire.Receipt)
		s.cut()
	})
}

func TestMessage_S1_entries_per_version(t *testing.T) {
	for _, test := range []struct {
		version string
		ack     bool
	}{{"1.0", false}, {"1.1", false}, {"1.2", true}} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b, "accept-version", test.version)
			c.subscribe("s", "/queue/a", "ack", "client")
			c.subscribe("t", "/queue/b")
			c.send(wire.Send, "x", "destination", "/queue/a")
			f := c.message("x", "destination", "/queue/a", "subscription", "s", "content-length", "1")
			if wire.Get(f.Header, "message-id") == "" {
				t.Errorf("%s: no message-id", test.version)
			}
			if _, ok := wire.Lookup(f.Header, "ack"); ok != test.ack {
				t.Errorf("%s: ack is there: %v, want %v", test.version, ok, test.ack)
			}
			c.send(wire.Send, "", "destination", "/queue/b")
			f = c.message("", "subscription", "t")
			if _, ok := wire.Lookup(f.Header, "ack"); ok {
				t.Errorf("%s: ack on a message in auto mode", test.version)
			}
		})
	}
}

func TestMessage_S1_in_1_0_without_an_id(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.0")
		c.send(wire.Subscribe, "", "destination", "/topic/a")
		c.send(wire.Send, "x", "destination", "/topic/a")
		if f := c.message("x", "destination", "/topic/a"); wire.Get(f.Header, "subscription") != "" {
			t.Errorf("MESSAGE names a subscription: %v", f.Header)
		}
		c.send(wire.Unsubscribe, "", "destination", "/topic/a", "receipt", "r")
		c.next(wire.Receipt)
		c.send(wire.Send, "x", "destination", "/topic/a")
		c.quiet()
	})
}

func TestMessage_S4_the_senders_entries(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Send, "x", "destination", "/topic/a", "content-type", "a/b", "k", "1", "k", "2", "receipt", "r", "transaction", "t", "subscription", "evil", "message-id", "evil")
		c.next(wire.Receipt)
		c.send(wire.Commit, "", "transaction", "t")
		f := c.message("x", "content-type", "a/b", "k", "1", "subscription", "s")
		text := fmt.Sprint(f.Header)
		for _, no := range []string{"receipt", "transaction", "evil"} {
			if strings.Contains(text, no) {
				t.Errorf("%s is in %s", no, text)
			}
		}
		if strings.Count(text, "[k ") != 2 {
			t.Errorf("F8: a repeated entry was lost: %s", text)
		}
	})
}

func TestMessage_C7_F6_escapes_of_each_version(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		value := "c:o\\l\nf\rx"
		x, y, z := connect(t, b), connect(t, b, "accept-version", "1.1"), connect(t, b, "accept-version", "1.0")
		for _, c := range []*client{x, y, z} {
			c.subscribe("s", "/topic/a")
		}
		x.send(wire.Send, "1", "destination", "/topic/a", "k:1", value, "plain", "c:o\\l")
		x.message("1", "k:1", value, "plain", "c:o\\l")
		y.message("1", "plain", "c:o\\l") // CR has no escape in 1.1: that entry is left out
		z.message("1", "plain", "c:o\\l")
		y.send(wire.Send, "2", "destination", "/topic/a", "k:1", "c:o\\l\n")
		x.message("2", "k:1", "c:o\\l\n")
		y.message("2", "k:1", "c:o\\l\n")
		z.message("2")
	})
}
