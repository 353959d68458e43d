package stomptest_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestInput_framing(t *testing.T) {
	for _, test := range []struct{ name, raw, message string }{
		{"F2_no_colon", "SEND\nnonsense\n\n\x00", "Malformed frame"},
		{"F3_no_NUL_after_content_length", "SEND\ndestination:/queue/a\ncontent-length:1\n\nxx\x00", "Malformed frame"},
		{"F6_undefined_escape", "SEND\ndestination:/queue/a\nk:\\t\n\n\x00", "Malformed frame"},
		{"F9_body_on_SUBSCRIBE", "SUBSCRIBE\ndestination:/queue/a\nid:1\n\nbody\x00", "Malformed frame"},
		{"F12_body_too_big", "SEND\ndestination:/queue/a\ncontent-length:1000001\n\n", "Frame too big"},
		{"F12_too_many_entries", "SEND\n" + strings.Repeat("k:v\n", 11) + "\n\x00", "Frame too big"},
		{"F14_unknown_command", "HELLO\n\n\x00", "Malformed frame"},
		{"F14_lower_case_command", "send\ndestination:/queue/a\n\n\x00", "Malformed frame"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b)
				c.raw(test.raw)
				c.next(wire.Error, "message", test.message)
				if test.message == "Malformed frame" {
					c.closed(1002, "")
				} else {
					c.closed(1009, "frame too big")
				}
			}, stomptest.WithLimits(stomptest.Limits{Body: 1_000_000, Entries: 10}))
		})
	}
}

func TestInput_W2_frames_in_any_cut(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		one := string(c.encode(wire.Send, "a\x00ä", "destination", "/topic/a", "k", "\n"))
		c.raw(one + "\n" + one)
		c.message("a\x00ä")
		c.message("a\x00ä")
		for i := range len(one) {
			c.rawAs(ws.Binary, one[:i])
			c.rawAs(ws.Binary, one[i:])
			c.message("a\x00ä")
		}
		for i := range len(one) {
			c.rawAs(ws.Binary, one[i:i+1])
		}
		c.message("a\x00ä")
	})
}

func TestInput_F1_CRLF_in_1_2(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		c.raw("SEND\r\ndestination:/topic/a\r\nk:v\r\n\r\nbody\r\x00\r\n")
		c.message("body\r", "k", "v")
	})
}

func TestInput_F4_a_body_without_a_length(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/a")
		c.raw("SEND\ndestination:/topic/a\n\none\x00\n\nSEND\ndestination:/topic/a\n\ntwo\n\x00")
		c.message("one", "content-length", "3")
		c.message("two\n", "content-length", "4") // F11
	})
}

func TestInput_F10_text_beyond_ASCII(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.subscribe("s", "/topic/ä")
		c.send(wire.Send, "日本語", "destination", "/topic/ä", "ключ", "значение")
		c.message("日本語", "destination", "/topic/ä", "ключ", "значение")
	})
}

func TestInput_M8_ids_need_no_escapes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		_, frames := filled(t, b, "1.2", "client", 1)
		for _, name := range []string{"message-id", "ack"} {
			if id := wire.Get(frames[0].Header, name); id == "" || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
				t.Errorf("%s is %q", name, id)
			}
		}
	})
}

func TestInput_W3_types(t *testing.T) {
	for _, test := range []struct {
		opts         []stomptest.Option
		text, binary ws.MessageType
	}{
		{nil, ws.Text, ws.Binary},
		{[]stomptest.Option{stomptest.WithMessageType(stomptest.MessageText)}, ws.Text, ws.Text},
		{[]stomptest.Option{stomptest.WithMessageType(stomptest.MessageBinary)}, ws.Binary, ws.Binary},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.Artemis)}, ws.Binary, ws.Binary},
		{[]stomptest.Option{stomptest.WithProfile(stomptest.RabbitMQ)}, ws.Text, ws.Text},
	} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b)
			c.subscribe("s", "/topic/a")
			synctest.Wait()
			<-c.types
			<-c.types
			b.Publish("/topic/a", nil, []byte("text"))
			c.message("text")
			if typ := <-c.types; typ != test.text {
				t.Errorf("text came as %v", typ)
			}
			b.Publish("/topic/a", [][2]string{{"content-length", "2"}}, []byte{0xff, 0xfe})
			c.message("\xff\xfe")
			if typ := <-c.types; typ != test.binary {
				t.Errorf("bytes came as %v", typ)
			}
		}, test.opts...)
	}
}

func TestInput_W6_bodies_of_several_MiB(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		body := bytes.Repeat([]byte{0, 1, 0xff, '\n'}, 5<<18)
		for _, c := range []*client{connect(t, b), session(dialStream(t, b))} {
			c.subscribe("s", "/topic/a")
			c.rawAs(ws.Binary, string(c.encode(wire.Send, string(body), "destination", "/topic/a")))
			if f := c.next(wire.Message); !bytes.Equal(f.Body, body) {
				t.Error("the body came back changed")
			}
			c.send(wire.Unsubscribe, "", "id", "s", "receipt", "r")
			c.next(wire.Receipt)
		}
	})
}
