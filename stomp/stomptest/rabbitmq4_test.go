package stomptest_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What is tested here was seen on 4.3.6 with raw frames, and but for the limits on 4.0.5 as well.

// eof sees a bare socket end in order.
func eof(c *client) {
	c.t.Helper()
	if err := c.ended(); !errors.Is(err, io.EOF) {
		c.t.Errorf("the stream ended with %v, want EOF", err)
	}
}

// long makes a SEND of exactly that many bytes.
func long(c *client, size int) string {
	head := len(c.encode(wire.Send, strings.Repeat("x", size), "destination", "/topic/a", "receipt", "r")) - size
	return string(c.encode(wire.Send, strings.Repeat("x", size-head), "destination", "/topic/a", "receipt", "r"))
}

func TestRabbitMQ4_C5_M6_from_CONNECTED_to_the_RECEIPT_of_DISCONNECT(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, c := range []*client{dial(t, b), dialStream(t, b)} {
			c.send(wire.Connect, "", "accept-version", "1.2")
			c.next(wire.Connected, "server", "RabbitMQ/4.3.6", "version", "1.2")
			c.send(wire.Disconnect, "", "receipt", "bye")
			c.next(wire.Receipt, "receipt-id", "bye")
			if c.ws.IsStream() {
				eof(c)
			} else {
				died(c)
			}
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ4))
}

func TestRabbitMQ4_S2_worse_mistakes(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, stream := range []bool{false, true} {
			open := func() (c *client, end func()) {
				if stream {
					c = session(dialStream(t, b))
					return c, func() { t.Helper(); eof(c) }
				}
				c = connect(t, b)
				return c, func() { t.Helper(); died(c) }
			}
			c, end := open()
			c.subscribe("1", "/queue/a")
			c.send(wire.Subscribe, "", "id", "1", "destination", "/queue/b", "receipt", "r")
			c.lacks(c.next(wire.Error), "receipt-id")
			c.next(wire.Receipt, "receipt-id", "r")
			end()
			c, end = open()
			c.send(wire.Ack, "", "id", "T_1@@1@@77", "receipt", "r")
			c.next(wire.Receipt, "receipt-id", "r")
			if stream {
				c.next(wire.Error)
			}
			end()
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ4))
}

func TestRabbitMQ4_W6_frames_above_4_MiB(t *testing.T) {
	const limit = 4<<20 + 4096
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for _, typ := range []ws.MessageType{ws.Text, ws.Binary} {
			c := connect(t, b)
			c.rawAs(typ, long(c, limit))
			c.next(wire.Receipt)
			c.rawAs(typ, long(c, limit+1))
			c.closed(1009, "")
		}
		c := connect(t, b) // in two messages
		for _, size := range []int{limit, limit + 1} {
			frame := long(c, size)
			c.raw(frame[:size/2])
			c.raw(frame[size/2:])
			if size == limit {
				c.next(wire.Receipt)
			}
		}
		c.closed(1007, fmt.Sprintf("{frame_too_big,{%d,%d}}", limit+1, limit))
		s := session(dialStream(t, b))
		s.raw(long(s, 4<<20))
		s.next(wire.Receipt)
		s.raw(long(s, 4<<20+1))
		eof(s)
	}, stomptest.WithProfile(stomptest.RabbitMQ4))
}

func TestRabbitMQ4_F12_entries(t *testing.T) {
	header := func(n int, name string) (h []string) {
		h = append(h, "destination", "/topic/a", "receipt", "r")
		for i := range n - len(h)/2 {
			h = append(h, strings.ReplaceAll(name, "N", fmt.Sprint(i)), "v")
		}
		return h
	}
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := connect(t, b)
		c.send(wire.Send, "", header(150, "same")...)
		c.next(wire.Receipt)
		c.send(wire.Send, "", header(100, "N")...)
		c.next(wire.Receipt)
		c.send(wire.Send, "", header(101, "N")...)
		c.closed(1007, "too_many_headers")
		s := session(dialStream(t, b))
		s.send(wire.Send, "", header(101, "N")...)
		eof(s)
	}, stomptest.WithProfile(stomptest.RabbitMQ4))
}

func TestRabbitMQ4_W6_before_CONNECTED(t *testing.T) {
	connectOf := func(c *client, size int) string {
		c.enc.Limits.Header = 128 << 10
		head := len(c.encode(wire.Connect, "", "accept-version", "1.2", "x", ""))
		return string(c.encode(wire.Connect, "", "accept-version", "1.2", "x", strings.Repeat("x", size-head)))
	}
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for limit, open := range map[int]func(testing.TB, *stomptest.Broker) *client{64<<10 + 4096: dial, 64 << 10: dialStream} {
			c := open(t, b)
			c.raw(connectOf(c, limit))
			c.next(wire.Connected)
			c = open(t, b)
			c.raw(connectOf(c, limit+1))
			if c.ws.IsStream() {
				eof(c)
			} else {
				c.closed(1009, "")
			}
		}
		for _, open := range []func(testing.TB, *stomptest.Broker) *client{dial, dialStream} {
			c := open(t, b)
			rig.Takes(t, 10*time.Second, func() {
				time.Sleep(5 * time.Second)
				c.raw("\n")
				if c.ws.IsStream() {
					eof(c)
				} else {
					died(c)
				}
			})
		}
	}, stomptest.WithProfile(stomptest.RabbitMQ4), stomptest.WithLimits(stomptest.Limits{Header: 128 << 10}))
}

// What 3.10 does on a bare socket is not what its WebSocket does.
func TestRabbitMQ_S2_on_a_stream(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		c := session(dialStream(t, b))
		c.subscribe("1", "/queue/a")
		c.send(wire.Subscribe, "", "id", "1", "destination", "/queue/b")
		c.next(wire.Error)
		eof(c)
		c = session(dialStream(t, b))
		c.send(wire.Ack, "", "id", "T_1@@1@@77", "receipt", "r")
		c.next(wire.Receipt, "receipt-id", "r")
		c.next(wire.Error)
		eof(c)
		c = dialStream(t, b)
		rig.Takes(t, 10*time.Second, func() { eof(c) })
		c = session(dialStream(t, b))
		time.Sleep(time.Hour) // without heart-beats nobody is missed
		c.sent("/queue/a", "goes on")
	}, stomptest.WithProfile(stomptest.RabbitMQ))
}
