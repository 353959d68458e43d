package stomp_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// M3: an ACK in the cumulative mode covers the earlier frames. Of two that wait for room at the same time, the one of the
// earlier frame must not go out behind the other: the broker would refuse it and end the session.
func TestAck_M3_cumulative_acks_keep_their_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("x"), 1<<20)
		for range 20 { // who comes first is the scheduler's choice
			p, client := rig.Session(t)
			messages, err := client.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient), stomp.WithID("x"))
			rig.OK(t, err)
			p.Raw()
			for _, n := range []string{"1", "2"} {
				p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:" + n + "\nack:" + n + "\n\n\x00")
			}
			first, second := <-messages, <-messages
			rig.OK(t, client.Send(t.Context(), "/fill", body)) // the writer hangs in this one: nobody reads
			synctest.Wait()
			rig.OK(t, client.Send(t.Context(), "/fill", body)) // and this one fills the outbox

			var acks sync.WaitGroup
			var firstErr, secondErr error
			acks.Go(func() { firstErr = client.Ack(t.Context(), first) })
			synctest.Wait()
			acks.Go(func() { secondErr = client.Ack(t.Context(), second) })
			synctest.Wait()
			p.Raw()
			p.Raw()
			acks.Wait()
			rig.OK(t, secondErr)
			rig.OK(t, client.Send(t.Context(), "/end", nil))
			var sent []string
			for f := p.Raw(); !strings.HasPrefix(f, "SEND"); f = p.Raw() {
				id, _, _ := strings.Cut(strings.TrimPrefix(f, "ACK\nid:"), "\n")
				sent = append(sent, id)
			}
			if firstErr == nil {
				rig.Equal(t, "the acks", sent, []string{"1", "2"})
			} else {
				rig.ErrorIs(t, firstErr, stomp.ErrNotAckable)
				rig.Equal(t, "the acks", sent, []string{"2"})
			}
			client.Close()
		}
	})
}
