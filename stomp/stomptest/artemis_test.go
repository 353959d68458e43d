package stomptest_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestArtemis_S2_ERROR_then_a_cut_in_1_2(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Unsubscribe, "", "id", "unknown", "receipt", "r")
		c.next(wire.Error, "receipt-id", "r")
		c.cut()
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_S2_ERROR_leaves_1_1_open(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.1")
		c.send(wire.Unsubscribe, "", "id", "unknown")
		c.next(wire.Error)
		c.sent("/queue/a", "goes on")
		d := dial(t, b)
		d.send(wire.Connect, "", "accept-version", "1.3, 1.2")
		d.next(wire.Error, "version", "1.0,1.1,1.2")
		d.cut()
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_NACK_is_ACK_and_transactions_do_not_hold_it(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 2)
		c.ack(wire.Nack, frames[0])
		c.send(wire.Begin, "", "transaction", "t")
		c.ack(wire.Ack, frames[1], "transaction", "t")
		if n := b.Unacked("/queue/a") + b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("%d messages are left", n)
		}
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_M6_DISCONNECT_then_a_cut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Disconnect, "", "receipt", "r")
		c.next(wire.Receipt)
		c.cut()
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_W2_fragments_above_64_KiB(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.sent("/queue/a", strings.Repeat("x", 300_000)) // in fragments: fine
		resp, err := b.Client().Transport.RoundTrip(upgradeRequest(t, b))
		rig.OK(t, err)
		pipe := resp.Body.(interface {
			Read([]byte) (int, error)
			Write([]byte) (int, error)
			Close() error
		})
		defer pipe.Close()
		frame := func(n int) []byte { // a masked binary frame of n NULs' mask
			return append([]byte{0x82, 0xff, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0}, bytes.Repeat([]byte{'\n'}, n)...)
		}
		_, err = pipe.Write(frame(65536))
		rig.OK(t, err)
		synctest.Wait()
		if n := b.Connections(); n != 2 {
			t.Errorf("65,536 bytes in a fragment were not taken")
		}
		go func() { _, _ = pipe.Write(frame(65537)) }()
		synctest.Wait()
		if n := b.Connections(); n != 1 {
			t.Errorf("65,537 bytes in a fragment were taken")
		}
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_C5_CONNECTED_of_1_0(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.0", "heart-beat", "10000,10000")
		c.lacks(c.next(wire.Connected, "version", "1.0", "session", "1"), "server", "heart-beat")
		time.Sleep(30 * time.Second)
		c.quiet()
		if len(c.beats) > 1 { // the LF behind CONNECTED counts as one
			t.Error("heart-beats come that nobody agreed on")
		}
		d := dial(t, b)
		d.send(wire.Connect, "", "accept-version", "1.1", "heart-beat", "10000,10000")
		d.next(wire.Connected, "version", "1.1", "heart-beat", "10000,10000", "server", "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine")
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_C3_ERROR_is_escaped_before_CONNECTED(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for version, want := range map[string]string{ // no decoder unescapes before CONNECTED
			"1.2": `Security Error occurred\c User name [guest] or password is invalid`,
			"1.1": `Security Error occurred\c User name [guest] or password is invalid`,
			"1.0": `Security Error occurred: User name [guest] or password is invalid`,
		} {
			c := dial(t, b)
			c.send(wire.Connect, "", "accept-version", version, "login", "guest", "passcode", "wrong")
			f := c.next(wire.Error, "message", want, "content-type", "text/plain")
			if string(f.Body) != "Security Error occurred: User name [guest] or password is invalid" {
				t.Errorf("%s: ERROR says %q", version, f.Body)
			}
			c.cut()
		}
		c := dial(t, b)
		c.send(wire.Connect, "", "accept-version", "1.2")
		c.next(wire.Error, "message", `Security Error occurred\c User name [null] or password is invalid`)
		c.cut()
	}, stomptest.WithLogin("guest", "guest"), stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_S2_ERROR_names_no_receipt_of_SUBSCRIBE(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b, "accept-version", "1.1")
		c.subscribe("s", "/queue/a")
		c.send(wire.Subscribe, "", "id", "s", "destination", "/queue/b", "receipt", "duplicate")
		c.lacks(c.next(wire.Error), "receipt-id")
		c.send(wire.Subscribe, "", "id", "t", "receipt", "refused")
		c.lacks(c.next(wire.Error), "receipt-id")
		for _, command := range []string{wire.Ack, wire.Send, wire.Commit, wire.Unsubscribe} {
			c.send(command, "", "id", "unknown", "message-id", "unknown", "transaction", "unknown", "receipt", command)
			c.next(wire.Error, "receipt-id", command)
		}
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_F11_content_length_with_every_body(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, old := connect(t, b), connect(t, b, "accept-version", "1.0")
		c.subscribe("s", "/topic/a")
		old.subscribe("s", "/topic/a")
		c.raw("SEND\ndestination:/topic/a\n\ntext\x00")
		c.message("text", "content-length", "4")
		old.lacks(old.message("text"), "content-length")
		c.raw("SEND\ndestination:/topic/a\ncontent-length:4\n\ntext\x00")
		c.message("text", "content-length", "4")
		old.message("text", "content-length", "4")
		c.raw("SEND\ndestination:/topic/a\n\n\x00")
		c.lacks(c.message(""), "content-length")
	}, stomptest.WithProfile(stomptest.Artemis))
}

func TestArtemis_S4_ack_is_the_message_id(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c, frames := filled(t, b, "1.2", "client-individual", 1)
		id := wire.Get(frames[0].Header, "message-id")
		if ack := wire.Get(frames[0].Header, "ack"); ack != id || strings.Count(id, ",") != 1 {
			t.Errorf("ack is %q, message-id %q", ack, id)
		}
		c.ack(wire.Ack, frames[0])
		if n := b.Unacked("/queue/a"); n != 0 {
			t.Errorf("%d messages are not acked", n)
		}
	}, stomptest.WithProfile(stomptest.Artemis))
}
