package stomptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// reading is what SUBSCRIBE to a stream needs.
func reading(offset, prefetch string) []string {
	return []string{"x-queue-type", "stream", "ack", "client-individual", "prefetch-count", prefetch, "x-stream-offset", offset}
}

func TestStream_is_read_from_an_offset_on(t *testing.T) {
	for offset, first := range map[string]int{
		"first": 0, "last": 3, "next": 4, "nonsense": 4, "offset=2": 2, "offset=-1": 0, "offset=5": 5,
		"timestamp=946684801": 2, // of a bubble's second second
	} {
		t.Run(offset, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b)
				store := func(n int) {
					c.send(wire.Send, fmt.Sprint(n), "destination", "/queue/journal", "x-queue-type", "stream", "receipt", "r")
					c.next(wire.Receipt)
				}
				for n := range 4 {
					if n == 2 {
						time.Sleep(time.Second)
					}
					store(n)
				}
				reader := connect(t, b)
				reader.subscribe("s", "/queue/journal", reading(offset, "10")...)
				for n := 4; n < 7; n++ {
					store(n)
				}
				for n := first; n < 7; n++ {
					reader.message(fmt.Sprint(n), "x-stream-offset", fmt.Sprint(n))
				}
				reader.quiet()
				if n := b.QueueLen("/queue/journal"); n != 7 {
					t.Errorf("it has %d messages, want 7", n)
				}
			})
		})
	}
}

// ACK and NACK make room and take nothing away; the next reader gets everything once more.
func TestStream_keeps_what_was_read(t *testing.T) {
	inBubble(t, func(t *testing.T, b *stomptest.Broker) {
		for range 2 {
			c := connect(t, b)
			if b.QueueLen("/queue/journal") == 0 {
				for n := range 3 {
					c.send(wire.Send, fmt.Sprint(n), "destination", "/queue/journal", "x-queue-type", "stream")
				}
			}
			c.subscribe("s", "/queue/journal", reading("first", "1")...)
			c.ack2(wire.Nack, c.message("0"))
			f := c.message("1")
			c.next(wire.Receipt)
			c.ack2(wire.Ack, f)
			c.message("2")
			c.next(wire.Receipt)
			c.quiet()
			_ = c.ws.CloseNow()
			_ = c.ended()
		}
	})
}

func TestStream_refuses_a_reader_without_acks_or_prefetch(t *testing.T) {
	for name, entries := range map[string][]string{
		"auto":        {"x-queue-type", "stream", "prefetch-count", "10"},
		"no prefetch": {"x-queue-type", "stream", "ack", "client"},
		"no number":   {"x-queue-type", "stream", "ack", "client", "prefetch-count", "10", "x-stream-offset", "offset=four"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, b *stomptest.Broker) {
				c := connect(t, b)
				c.send(wire.Subscribe, "", append([]string{"id", "s", "destination", "/queue/journal"}, entries...)...)
				c.next(wire.Error, "message", "Processing error")
			}, stomptest.WithProfile(stomptest.RabbitMQ4))
		})
	}
}

// Elsewhere the entry means nothing: it is a queue.
func TestStream_is_RabbitMQs(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Classic, stomptest.Artemis, stomptest.OpenMQ} {
		inBubble(t, func(t *testing.T, b *stomptest.Broker) {
			c := connect(t, b)
			c.subscribe("s", "/queue/journal", reading("first", "10")...)
			b.Publish("/queue/journal", nil, []byte("1"))
			c.lacks(c.message("1"), "x-stream-offset")
		}, stomptest.WithProfile(profile))
	}
}
