package stomptest_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// died sees the connection end as RabbitMQ ends it.
func died(c *client) { c.t.Helper(); c.closed(1000, "STOMP died") }

func TestRabbitMQ_C3_CONNECT_can_be_tried_again(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", "guess", "receipt", "r")
		f := c.next(wire.Error, "message", "Bad CONNECT")
		if string(f.Body) != "Access refused for user 'guest'" || wire.Get(f.Header, "receipt-id") != "" {
			t.Errorf("ERROR %v %q", f.Header, f.Body)
		}
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", `a\c\\`)
		c.next(wire.Connected, "server", "RabbitMQ/3.10.8")
	}, stomptest.WithLogin("guest", `a:\`), stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_F7_a_bad_escape_in_CONNECT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", `a:\`)
		c.closed(1007, "{bad_frame}")
	}, stomptest.WithLogin("guest", `a:\`), stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_S2_soft_errors(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Unsubscribe, "", "id", "unknown", "receipt", "r")
		if f := c.next(wire.Error, "message", "Subscription not found"); wire.Get(f.Header, "receipt-id") != "" {
			t.Errorf("ERROR names a receipt: %v", f.Header)
		}
		c.send(wire.Subscribe, "", "id", "1", "destination", "/temp-queue/a")
		c.next(wire.Error, "message", "Invalid destination")
		c.send(wire.Send, "", "destination", "/temp-queue/a")
		c.next(wire.Error, "message", "Invalid destination")
		c.sent("/queue/a", "goes on")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_S2_hard_errors_are_a_bare_close(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("1", "/queue/a")
		c.send(wire.Subscribe, "", "id", "1", "destination", "/queue/b", "receipt", "r")
		died(c)
		d := connect(t, b)
		d.send(wire.Ack, "", "id", "T_1@@1@@77", "receipt", "r")
		d.next(wire.Receipt, "receipt-id", "r") // it has not looked yet
		died(d)
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_a_second_CONNECT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2")
		c.closed(1011, "")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_F6_framing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.raw("SEND\ndestination:/queue/a\nk:\\t\n\n\x00")
		c.closed(1007, "{bad_frame}")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_W3_text_that_is_none(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Send, "\xff", "destination", "/queue/a")
		c.closed(1007, "")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_M6_DISCONNECT_without_RECEIPT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Disconnect, "", "receipt", "r")
		died(c)
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_M6_DISCONNECT_has_its_RECEIPT_on_a_stream(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := session(dialStream(t, b))
		c.send(wire.Disconnect, "", "receipt", "r")
		c.next(wire.Receipt, "receipt-id", "r")
		c.cut()
		if !errors.Is(c.err, io.EOF) {
			t.Errorf("the stream ended with %v, want EOF", c.err)
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_S2_every_ERROR_has_versions_and_a_type(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		refused := func() {
			t.Helper()
			f := c.next(wire.Error, "version", "1.0,1.1,1.2", "content-type", "text/plain")
			if len(f.Body) == 0 {
				t.Errorf("ERROR explains nothing: %v", f.Header)
			}
			names := make(map[string]bool)
			for _, e := range f.Header {
				if names[e[0]] {
					t.Errorf("%s is there twice in %v", e[0], f.Header)
				}
				names[e[0]] = true
			}
		}
		c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/a") // before CONNECT
		refused()
		c.send(wire.Connect, "", "accept-version", "1.9")
		refused()
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", "guess")
		refused()
		c.send(wire.Connect, "", "accept-version", "1.2", "login", "guest", "passcode", `a\c\\`)
		c.next(wire.Connected)
		c.send(wire.Commit, "", "transaction", "unknown")
		refused()
		c.subscribe("s", "/queue/a")
		b.Cancel("/queue/a")
		refused()
	}, stomptest.WithLogin("guest", `a:\`), stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_S4_what_a_MESSAGE_carries(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Subscribe, "", "destination", "/topic/a")
		c.subscribe("s", "/queue/a", "ack", "client")
		c.send(wire.Send, "x", "destination", "/queue/a", "receipt", "r")
		f := c.message("x", "redelivered", "false", "receipt", "r", "subscription", "s")
		if id := wire.Get(f.Header, "ack"); !strings.HasPrefix(id, "T_s@@") || id != wire.Get(f.Header, "message-id") {
			t.Errorf("ids in %v", f.Header)
		}
		c.next(wire.Receipt)
		c.ack(wire.Ack, f)
		c.send(wire.Send, "y", "destination", "/topic/a")
		if f := c.message("y"); wire.Get(f.Header, "subscription") != "" {
			t.Errorf("a SUBSCRIBE without an id has one: %v", f.Header)
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_M4_receipts_at_COMMIT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Send, "lost", "destination", "/queue/a", "transaction", "t", "receipt", "lost")
		c.send(wire.Begin, "", "transaction", "t")
		c.send(wire.Send, "x", "destination", "/queue/a", "transaction", "t", "receipt", "send")
		c.quiet()
		c.send(wire.Commit, "", "transaction", "t", "receipt", "commit")
		c.next(wire.Receipt, "receipt-id", "send")
		c.next(wire.Receipt, "receipt-id", "commit")
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("QueueLen is %d, want 1", n)
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}

func TestRabbitMQ_F5_NUL_LF(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		synctest.Wait()
		if n := c.dec.HeartBeats(); n != 1 {
			t.Errorf("%d EOLs behind CONNECTED, want 1", n)
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}
