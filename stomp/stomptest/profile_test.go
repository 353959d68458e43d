package stomptest_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestClassic_W1_an_unasked_subprotocol(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		resp, err := b.Client().Transport.RoundTrip(upgradeRequest(t, b))
		rig.OK(t, err)
		defer resp.Body.Close()
		if p := resp.Header.Get("Sec-WebSocket-Protocol"); resp.StatusCode != http.StatusSwitchingProtocols || p != "stomp" {
			t.Errorf("%s with %q", resp.Status, p)
		}
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_W2_one_frame_per_message(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		one := string(c.encode(wire.Send, "1", "destination", "/queue/a", "receipt", "1"))
		c.raw("\n" + one + one + "\n")
		c.next(wire.Receipt)
		c.raw("\n")
		c.quiet()
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("%d frames of two in a message were taken, want 1", n)
		}
		c.raw(one[:len(one)/2])
		c.closed(1000, "")
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_W4_odd_heart_beats(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, beat := range []string{"", "\n\n", "\r\n"} {
			c := connect(t, b)
			c.raw(beat)
			c.closed(1000, "")
		}
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_W3_binary_is_ignored(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.rawAs(ws.Binary, string(c.encode(wire.Send, "1", "destination", "/queue/a", "receipt", "1")))
		c.quiet()
		c.sent("/queue/b", "goes on")
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_W8_U_FFFD_and_the_old_length(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		b.Publish("/topic/a", [][2]string{{"content-length", "3"}}, []byte("a\xff\xfe"))
		c.message("a\ufffd\ufffd", "content-length", "3")
		if n := c.dec.Repaired(); n != 1 {
			t.Errorf("%d repairs, want 1", n)
		}
		b.Publish("/topic/a", nil, []byte("text"))
		if f := c.message("text"); wire.Get(f.Header, "content-length") != "" {
			t.Errorf("a message without a content-length got one: %v", f.Header)
		}
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_F4_a_stream_carries_everything(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := session(dialStream(t, b))
		c.subscribe("s", "/topic/a")
		for _, body := range []string{"a\xff\xfe", strings.Repeat("\xff\x00", 64<<10), "text"} {
			c.send(wire.Send, body, "destination", "/topic/a")
			c.message(body)
		}
		synctest.Wait() // the decoder is the reader's
		if n := c.dec.Repaired(); n != 0 {
			t.Errorf("%d repairs: a body was changed", n)
		}
		before := c.dec.HeartBeats()
		b.Publish("/topic/a", nil, []byte("an end"))
		c.message("an end")
		synctest.Wait()
		if n := c.dec.HeartBeats() - before; n != 1 {
			t.Errorf("%d EOLs behind a MESSAGE, want 1", n)
		}
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_W6_messages_above_64_KiB(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		head := len(c.encode(wire.Send, strings.Repeat("x", 60000), "destination", "/queue/a", "receipt", "r")) - 60000
		c.send(wire.Send, strings.Repeat("x", 65536-head), "destination", "/queue/a", "receipt", "r")
		c.next(wire.Receipt)
		c.send(wire.Send, strings.Repeat("x", 65537-head), "destination", "/queue/a", "receipt", "r")
		c.closed(1009, "Text message size [65537] exceeds maximum size [65536]")
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_S2_errors_leave_it_open(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Ack, "", "id", "made up", "receipt", "r")
		c.next(wire.Error, "receipt-id", "r")
		c.subscribe("s", "/topic/a")
		c.subscribe("s", "/topic/b") // the same id again
		b.Publish("/topic/a", nil, []byte("a"))
		b.Publish("/topic/b", nil, []byte("b"))
		c.message("a")
		c.message("b")
		c.send(wire.Unsubscribe, "", "id", "s", "receipt", "r")
		c.next(wire.Receipt)
		c.send(wire.Connect, "", "accept-version", "1.2")
		c.next(wire.Error)
		c.closed(1000, "")
	}, stomptest.WithProfile(stomptest.Classic))
}

func TestClassic_NACK_discards(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 1)
		if id := wire.Get(frames[0].Header, "ack"); strings.Count(id, ":") < 3 {
			t.Errorf("ack is %q, want colons", id)
		}
		c.ack(wire.Nack, frames[0])
		c.quiet()
	}, stomptest.WithProfile(stomptest.Classic))
}

// What OpenMQ sends and takes has raw colons, in every version: an escaped ack id is another one to it.
func TestOpenMQ_F6_M3_nothing_is_escaped(t *testing.T) {
	for _, version := range []string{"1.0", "1.1", "1.2"} {
		t.Run("M3_"+version, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b, "accept-version", version)
				c.subscribe("s", "/queue/a", "ack", "client")
				b.Publish("/queue/a", [][2]string{{"n", "x:y"}}, []byte("1"))
				c.message("1", "n", "x:y", "message-id", "ID:20-127.0.0.1:1:1")
			}, stomptest.WithProfile(stomptest.OpenMQ))
		})
	}
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 2)
		const id = "sID:20-127.0.0.1:1:1"
		if ack := wire.Get(frames[0].Header, "ack"); ack != id {
			t.Errorf("ack is %q, want %q", ack, id)
		}
		c.send(wire.Ack, "", "id", id, "receipt", "r") // escaped
		c.next(wire.Error)
		c.raw("ACK\nid:" + id + "\nreceipt:r\n\n\x00")
		c.next(wire.Receipt, "receipt-id", "r")
		if n := b.Unacked("/queue/a"); n != 1 {
			t.Errorf("%d are unacked, want 1", n)
		}
	}, stomptest.WithProfile(stomptest.OpenMQ))
}

func TestSpring_M5_RECEIPT_for_DISCONNECT_alone(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/a", "ack", "client", "receipt", "r")
		c.send(wire.Send, "x", "destination", "/queue/a", "receipt", "r", "transaction", "none")
		f := c.message("x", "receipt", "r")
		if _, ok := wire.Lookup(f.Header, "ack"); ok {
			t.Errorf("acks are expected: %v", f.Header)
		}
		c.send(wire.Ack, "", "id", "anything", "receipt", "r")
		c.send(wire.Begin, "", "transaction", "t", "receipt", "r")
		c.send(wire.Subscribe, "", "destination", "/topic/a")
		c.send(wire.Unsubscribe, "", "id", "unknown")
		c.send(wire.Connect, "", "accept-version", "1.2")
		c.quiet()
		c.send(wire.Disconnect, "", "receipt", "bye")
		c.next(wire.Receipt, "receipt-id", "bye")
		time.Sleep(time.Hour)
		c.quiet() // and stays open
		c.send(wire.Send, "x", "destination", "/queue/a")
		c.quiet()
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring_M6_DISCONNECT_without_a_receipt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Disconnect, "")
		c.next(wire.Error, "message", "Session closed.")
		c.closed(1002, "")
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring_C2_no_answer_without_a_common_version(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.3, 1.2")
		c.quiet()
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring_every_destination_is_a_topic(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		x, y := connect(t, b), connect(t, b)
		for _, c := range []*client{x, y} {
			c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/a")
		}
		synctest.Wait()
		b.Publish("/queue/a", nil, nil)
		x.message("", "content-length", "0")
		y.message("")
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring_W6_sizes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, test := range []struct {
			typ    ws.MessageType
			size   int
			reason string
		}{
			{ws.Text, 16641, "The decoded text message was too big for the output buffer and the endpoint does not support partial messages"},
			{ws.Binary, 8193, "No async message support and buffer too small. Buffer size: [8,192], Message size: [8193]"},
		} {
			c := connect(t, b)
			frame := string(c.encode(wire.Send, strings.Repeat("x", 20_000), "destination", "/queue/a"))
			c.rawAs(test.typ, frame[:test.size-1])
			c.quiet()
			c.rawAs(test.typ, strings.Repeat("x", test.size))
			c.closed(1009, test.reason)
		}
		c := connect(t, b)
		c.raw("SEND\ndestination:/queue/a\ncontent-length:65537\n\n")
		c.next(wire.Error)
		c.closed(1002, "")
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring7_a_second_CONNECT_and_text_that_is_none(t *testing.T) {
	for profile, reason := range map[stomptest.Profile]string{
		stomptest.Spring7:      "A WebSocket text frame was received that could not be decoded to UTF-8 because it contained invalid byte sequences",
		stomptest.Spring7Jetty: "Invalid UTF-8",
	} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b)
			c.send(wire.Connect, "", "accept-version", "1.2")
			c.next(wire.Error)
			c.closed(1002, "")
			c = connect(t, b)
			c.send(wire.Send, "\xff", "destination", "/topic/a")
			c.closed(1007, reason)
		}, stomptest.WithProfile(profile))
	}
}

func TestSpring7Jetty_W6_sizes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for typ, reason := range map[ws.MessageType]string{
			ws.Text:   "Text message too large: 65537 > 65,536",
			ws.Binary: "Binary message too large: 65537 > 65,536",
		} {
			c := connect(t, b)
			frame := string(c.encode(wire.Send, strings.Repeat("x", 65_500), "destination", "/queue/a"))
			c.rawAs(typ, frame[:65_536])
			c.rawAs(typ, frame[65_536:])
			c.quiet()
			c.rawAs(typ, long(c, 65_537))
			c.closed(1009, reason)
		}
	}, stomptest.WithProfile(stomptest.Spring7Jetty))
}

func TestSpring_W3_octet_stream_is_binary_and_the_rest_text(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Subscribe, "", "id", "s", "destination", "/topic/a")
		synctest.Wait()
		<-c.types
		b.Publish("/topic/a", [][2]string{{"content-type", "application/octet-stream"}}, []byte("\xff"))
		c.message("\xff")
		if typ := <-c.types; typ != ws.Binary {
			t.Errorf("bytes came as %v", typ)
		}
		b.Publish("/topic/a", nil, []byte("\xff"))
		c.message("\ufffd", "content-length", "1")
		if typ := <-c.types; typ != ws.Text {
			t.Errorf("text came as %v", typ)
		}
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestSpring_S2_a_mistake_in_framing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.raw("HELLO\nreceipt:r\n\n\x00")
		c.next(wire.Error)
		c.closed(1002, "")
	}, stomptest.WithProfile(stomptest.Spring))
}

func TestProfile_String(t *testing.T) {
	for p, want := range map[stomptest.Profile]string{stomptest.Generic: "Generic", stomptest.OpenMQ: "OpenMQ", stomptest.Spring7Jetty: "Spring7Jetty"} {
		if s := p.String(); s != want {
			t.Errorf("%d is %q, want %q", p, s, want)
		}
	}
}
