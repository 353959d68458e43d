package stomptest_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// TestCutInside_counts_the_bytes sees the bytes of a frame that is cut arrive, exactly as many as asked for.
func TestCutInside_counts_the_bytes(t *testing.T) {
	for _, size := range []int{10, 300, 200_000} {
		body := strings.Repeat("b", size)
		for _, n := range []int{0, 1, 20, size / 2, size - 1} {
			for i := range 2 {
				inBubble(t, func(t *testing.T, b *stomptest.Broker) {
					c := both(t, b)[i]
					c.subscribe("s", "/topic/a")
					before := c.ws.BytesRead()
					b.Intercept(when(wire.Message, stomptest.CutInside(n)))
					b.Publish("/topic/a", nil, []byte(body))
					c.cut()
					got := int(c.ws.BytesRead() - before)
					if !c.ws.IsStream() {
						got -= 2
						if size > 100 {
							got -= 2
						}
					}
					if got != n {
						t.Errorf("%d bytes of the frame came, want %d", got, n)
					}
				})
			}
		}
	}
}

// TestBroker_cuts_everywhere_lose_and_double_nothing cuts at each place in each kind of frame, either way, and sees
// that the message is neither lost nor doubled: it is acked, or it is back in its queue.
func TestBroker_cuts_everywhere_lose_and_double_nothing(t *testing.T) {
	places := []stomptest.Action{stomptest.CutBefore(), stomptest.CutInside(0), stomptest.CutInside(1), stomptest.CutInside(15), stomptest.CutAfter()}
	for _, command := range []string{
		wire.Connect, wire.Subscribe, wire.Send, wire.Begin, wire.Ack, wire.Commit, wire.Nack, wire.Abort, wire.Unsubscribe, wire.Disconnect,
		wire.Connected, wire.Receipt, wire.Message, wire.Error,
	} {
		for _, act := range places {
			for _, open := range []func(testing.TB, *stomptest.Broker) *client{dial, dialStream} {
				inBubble(t, func(t *testing.T, b *stomptest.Broker) {
					b.Publish("/queue/a", nil, []byte("1"))
					b.Intercept(when(command, act))
					c := open(t, b)
					var all []byte
					add := func(command string, header ...string) {
						all = append(all, c.encode(command, "", append(header, "receipt", command)...)...)
					}
					add(wire.Connect, "accept-version", "1.2")
					add(wire.Subscribe, "id", "s", "destination", "/queue/a", "ack", "client-individual")
					add(wire.Send, "destination", "/topic/a")
					add(wire.Begin, "transaction", "t")
					add(wire.Nack, "id", "a1-1")
					add(wire.Ack, "id", "a1-2", "transaction", "t")
					add(wire.Commit, "transaction", "t")
					add(wire.Begin, "transaction", "t")
					add(wire.Abort, "transaction", "t")
					add(wire.Unsubscribe, "id", "s")
					if command == wire.Error {
						add(wire.Unsubscribe, "id", "s")
					}
					add(wire.Disconnect)
					c.raw(string(all))
					for range c.frames {
					}
					c.cut()
					synctest.Wait()
					if n := b.Connections(); n != 0 {
						t.Fatalf("%s: %d connections are left", command, n)
					}
					b.Intercept(nil)
					d := connect(t, b)
					d.subscribe("s", "/queue/a")
					d.send(wire.Send, "last", "destination", "/queue/a")
					d.quietOr("1", "last")
				})
			}
		}
	}
}

// quietOr sees at most one message of that body, and then the last one.
func (c *client) quietOr(body, last string) {
	c.t.Helper()
	f := c.next(wire.Message)
	if string(f.Body) == body {
		f = c.next(wire.Message)
	}
	if string(f.Body) != last {
		c.t.Fatalf("MESSAGE holds %q, want %q", f.Body, last)
	}
	c.quiet()
}
