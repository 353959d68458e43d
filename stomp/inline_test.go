package stomp_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// next reads a frame and returns its body.
func nextBody(r *bufio.Reader) (string, error) {
	frame, err := r.ReadString(0)
	_, body, _ := strings.Cut(frame, "\n\n")
	return strings.TrimRight(body, "\x00"), err
}

// Frames that their senders write and those that the write loop writes keep their order, whoever is at it.
func TestInline_order(t *testing.T) {
	client, _, r := onSocket(t)
	defer client.Close()
	const senders, each = 4, 2000
	var sending sync.WaitGroup
	for s := range senders {
		sending.Go(func() { // joined below
			for i := range each {
				if err := client.Send(context.Background(), "/a", fmt.Appendf(nil, "%d %d", s, i)); err != nil {
					t.Error(err)
					return
				}
				if i%(s+2) == 0 {
					time.Sleep(20 * time.Microsecond) // the line falls idle, for some more often than for others
				}
			}
		})
	}
	next := make([]int, senders)
	for range senders * each {
		body, err := nextBody(r)
		fine(t, err)
		var s, i int
		if _, err := fmt.Sscan(body, &s, &i); err != nil || next[s] != i {
			t.Fatalf("received %q, want number %d of that sender", body, next[s])
		}
		next[s]++
	}
	sending.Wait()
	fine(t, client.Flush(t.Context()))
}

// What the socket does not take at once is left to the write loop: Send returns, and nothing is lost.
func TestInline_a_peer_that_does_not_read(t *testing.T) {
	client, _, r := onSocket(t)
	defer client.Close()
	const frames = 4000
	body := strings.Repeat("x", 4<<10)
	var accepted atomic.Int64
	var sending sync.WaitGroup
	sending.Go(func() { // joined below
		for i := range frames {
			if err := client.Send(context.Background(), "/a", fmt.Appendf(nil, "%d %s", i, body)); err != nil {
				t.Error(err)
				return
			}
			accepted.Add(1)
		}
	})
	for accepted.Load() < 200 { // the outbox takes them, whatever the socket does
		time.Sleep(time.Millisecond)
	}
	for i := range frames {
		got, err := nextBody(r)
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
	for client.Send(t.Context(), "/a", nil) == nil {
		time.Sleep(time.Millisecond)
	}
	<-client.Done()
	matches(t, client.Err(), stomp.ErrConnectionLost)
}
