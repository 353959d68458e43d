package stomp_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// Promise 2: a consumer that sends on what it receives, without receipts, on a queue of 4 frames, from a server that reads
// nothing before it has written everything: the server waits for us, the consumer for the server, and all the same it ends.
func TestSubscription_promise2_consumer_that_sends_to_a_server_that_does_not_read(t *testing.T) {
	const messages = 10_000
	rig.Bubble(t, "", func(t *testing.T) {
		near, far := net.Pipe()
		got := make(chan int)
		go func() { // the server; ends with the connection
			r := bufio.NewReader(far)
			r.ReadString(0)
			io.WriteString(far, "CONNECTED\nversion:1.2\n\n\x00")
			r.ReadString(0) // SUBSCRIBE
			body := strings.Repeat("x", 300)
			for n := range messages {
				fmt.Fprintf(far, "MESSAGE\nsubscription:s1\nmessage-id:%d\ndestination:/a\n\n%s\x00", n, body)
			}
			n := 0
			for ; n < messages; n++ {
				if _, err := r.ReadString(0); err != nil {
					break
				}
			}
			got <- n
			io.Copy(io.Discard, r)
		}()
		c, err := stomp.Connect(t.Context(), "tcp://peer.test", stomp.WithoutReconnect(), stomp.WithHeartBeat(0, 0),
			stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil }))
		rig.OK(t, err)
		defer c.Close()
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
