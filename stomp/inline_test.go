package stomp_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// onSocket makes a session over a TCP socket, where a sender may write a lone frame itself.
func onSocket(t *testing.T) (*rig.Peer, *stomp.Client) {
	t.Helper()
	return rig.NewSocketServer(t).Session("version:1.2\nheart-beat:0,0")
}

// Frames that their senders write and those that the write loop writes keep their order, whoever is at it. After a
// receipt a sender finds the line idle, the more often the fewer they are; in between it does not.
func TestInline_order(t *testing.T) {
	for _, senders := range []int{1, 4} {
		p, client := onSocket(t)
		const each = 2000
		var sending sync.WaitGroup
		for s := range senders {
			sending.Go(func() { // joined below
				for i := range each {
					var opts []stomp.SendOption
					if i%(s+2) == 0 {
						opts = append(opts, stomp.WithReceipt())
					}
					if err := client.Send(t.Context(), "/a", fmt.Appendf(nil, "%d %d", s, i), opts...); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		next := make([]int, senders)
		for range senders * each {
			f := p.Want(wire.Send)
			var s, i int
			if _, err := fmt.Sscan(string(f.Body), &s, &i); err != nil || next[s] != i {
				t.Fatalf("received %q, want number %d of that sender", f.Body, next[s])
			}
			next[s]++
			if _, asked := wire.Lookup(f.Header, "receipt"); asked {
				p.Receipt(f)
			}
		}
		sending.Wait()
		rig.OK(t, client.Flush(t.Context()))
		client.Close()
	}
}

// What the socket does not take at once is left to the write loop: Send returns, and nothing is lost.
func TestInline_a_peer_that_does_not_read(t *testing.T) {
	p, client := onSocket(t)
	defer client.Close()
	const frames = 4000
	body := strings.Repeat("x", 4<<10)
	waits := make(chan struct{}) // closed when 800 KiB were accepted: that is always, as the outbox holds 1 MiB
	var sending sync.WaitGroup
	sending.Go(func() { // joined below
		for i := range frames {
			if err := client.Send(context.Background(), "/a", fmt.Appendf(nil, "%d %s", i, body)); err != nil {
				t.Error(err)
				return
			}
			if i == 200 {
				close(waits)
			}
		}
	})
	<-waits
	for i := range frames {
		if got := string(p.Want(wire.Send).Body); got != fmt.Sprintf("%d %s", i, body) {
			t.Fatalf("frame %d: %.20q", i, got)
		}
	}
	sending.Wait()
	rig.OK(t, client.Flush(t.Context()))
}

// A sender that meets a broken connection ends the session, with what the reader knows of it.
func TestInline_a_broken_connection(t *testing.T) {
	p, client := onSocket(t)
	rig.OK(t, p.Conn.(*net.TCPConn).SetLinger(0)) // RST
	p.Close()
	for client.Send(t.Context(), "/a", nil) == nil { // until the session is over: the outbox is bounded
	}
	<-client.Done()
	rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
}
