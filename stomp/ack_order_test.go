package stomp_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/stomp"
)

// M3: an ACK in the cumulative mode covers the earlier frames. Of two that wait for room at the same time, the one of the
// earlier frame must not go out behind the other: the broker would refuse it, at the session's cost.
func TestAck_M3_cumulative_acks_keep_their_order(t *testing.T) {
	bubble(t, "under_load", func(t *testing.T) {
		body := bytes.Repeat([]byte("x"), 1<<20)
		for range 20 { // who comes first is the scheduler's choice
			p, client := streamSession(t, connected12)
			messages, err := client.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient), stomp.WithID("x"))
			fine(t, err)
			p.read()
			for _, n := range []string{"1", "2"} {
				p.send("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:" + n + "\nack:" + n + "\n\n\x00")
			}
			first, second := <-messages, <-messages
			fine(t, client.Send(t.Context(), "/fill", body)) // the writer hangs in this one: nobody reads
			synctest.Wait()
			fine(t, client.Send(t.Context(), "/fill", body)) // and this one fills the outbox

			var acks sync.WaitGroup
			var firstErr, secondErr error
			acks.Go(func() { firstErr = client.Ack(t.Context(), first) })
			synctest.Wait()
			acks.Go(func() { secondErr = client.Ack(t.Context(), second) })
			synctest.Wait()
			p.read()
			p.read()
			acks.Wait()
			fine(t, secondErr)
			fine(t, client.Send(t.Context(), "/end", nil))
			var sent []string
			for f := p.read(); !strings.HasPrefix(f, "SEND"); f = p.read() {
				id, _, _ := strings.Cut(strings.TrimPrefix(f, "ACK\nid:"), "\n")
				sent = append(sent, id)
			}
			if firstErr == nil {
				same(t, "the acks", sent, []string{"1", "2"})
			} else {
				matches(t, firstErr, stomp.ErrNotAckable)
				same(t, "the acks", sent, []string{"2"})
			}
			client.Close()
		}
	})
}
