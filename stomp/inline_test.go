package stomp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// onSocket is a session over a TCP socket, where a sender may write a lone frame itself.
func onSocket(t *testing.T) (*stomp.Client, *net.TCPConn, *bufio.Reader) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	fine(t, err)
	defer l.Close()
	connect := startConnect(t, t.Context(), "tcp://"+l.Addr().String(), stomp.WithoutReconnect())
	nc, err := l.Accept()
	fine(t, err)
	t.Cleanup(func() { nc.Close() })
	p := &streamPeer{t: t, nc: nc, r: bufio.NewReader(nc)}
	p.read()
	p.send("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")
	return connect.succeeds(), nc.(*net.TCPConn), p.r
}

// nextFrame reads a frame and takes its header and its body apart.
func nextFrame(r *bufio.Reader) (header, body string, err error) {
	frame, err := r.ReadString(0)
	header, body, _ = strings.Cut(frame, "\n\n")
	return header, strings.TrimRight(body, "\x00"), err
}

// Frames that their senders write and those that the write loop writes keep their order, whoever is at it. After a
// receipt a sender finds the line idle, the more often the fewer they are; in between it does not.
func TestInline_order(t *testing.T) {
	for _, senders := range []int{1, 4} {
		client, nc, r := onSocket(t)
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
			header, body, err := nextFrame(r)
			fine(t, err)
			var s, i int
			if _, err := fmt.Sscan(body, &s, &i); err != nil || next[s] != i {
				t.Fatalf("received %q, want number %d of that sender", body, next[s])
			}
			next[s]++
			if _, after, asked := strings.Cut(header, "\nreceipt:"); asked {
				id, _, _ := strings.Cut(after, "\n")
				_, err := fmt.Fprintf(nc, "RECEIPT\nreceipt-id:%s\n\n\x00", id)
				fine(t, err)
			}
		}
		sending.Wait()
		fine(t, client.Flush(t.Context()))
		client.Close()
	}
}

// What the socket does not take at once is left to the write loop: Send returns, and nothing is lost.
func TestInline_a_peer_that_does_not_read(t *testing.T) {
	client, _, r := onSocket(t)
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
		_, got, err := nextFrame(r)
		fine(t, err)
		if got != fmt.Sprintf("%d %s", i, body) {
			t.Fatalf("frame %d: %.20q", i, got)
		}
	}
	sending.Wait()
	fine(t, client.Flush(t.Context()))
}

// A sender that meets a broken connection ends the session, with what the reader knows of it.
func TestInline_a_broken_connection(t *testing.T) {
	client, nc, _ := onSocket(t)
	fine(t, nc.SetLinger(0)) // RST
	nc.Close()
	for client.Send(t.Context(), "/a", nil) == nil { // until the session is over: the outbox is bounded
	}
	<-client.Done()
	matches(t, client.Err(), stomp.ErrConnectionLost)
}
