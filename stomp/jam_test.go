package stomp_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Promise 2: a consumer that sends on what it receives, without receipts, on a queue of 4 frames, from a server that reads
// nothing before it has written everything: the server waits for us, the consumer for the server, and all the same it ends.
func TestSubscription_promise2_consumer_that_sends_to_a_server_that_does_not_read(t *testing.T) {
	const messages = 10_000
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t, stomp.WithHeartBeat(0, 0))
		got := make(chan int)
		go func() { // the server; ends with the connection
			p.Want(wire.Subscribe)
			body := strings.Repeat("x", 300)
			for n := range messages {
				p.Send(wire.Message, body, "subscription", "s1", "message-id", fmt.Sprint(n), "destination", "/a")
			}
			n := 0
			for n < messages && p.Next().Command == wire.Send {
				n++
			}
			got <- n
		}()
		in, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		go func() { // ends with the channel
			for m := range in {
				if err := c.Send(t.Context(), "/b", m.Body); err != nil {
					return
				}
			}
		}()
		if n := <-got; n != messages {
			t.Errorf("%d messages came back, want %d", n, messages)
		}
	})
}
