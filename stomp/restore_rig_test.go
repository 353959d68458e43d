package stomp_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// trunk is a server that is dialled again and again, played by the test: each connection is a peer of its own.
type trunk struct {
	t     *testing.T
	conns chan net.Conn // the far ends
	gate  chan struct{} // every dial but the first waits for it to be closed

	mu  sync.Mutex // guards what follows
	log []wire.Frame
}

// trunkRig connects a client that reconnects within a millisecond, and hands over the first session's peer. No later dial
// succeeds before the gate is closed.
func trunkRig(t *testing.T, version wire.Version, opts ...stomp.ConnectOption) (*trunk, *stomp.Client, *peer) {
	t.Helper()
	l := &trunk{t: t, conns: make(chan net.Conn, 16), gate: make(chan struct{})}
	first := make(chan struct{}, 1)
	first <- struct{}{}
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		select {
		case <-first:
		case <-l.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		near, far := net.Pipe()
		l.conns <- far
		return near, nil
	}
	var p *peer
	hello := make(chan struct{})
	go func() { defer close(hello); p = l.accept(version) }() // joined below
	c, err := stomp.Connect(t.Context(), "tcp://peer.test", append([]stomp.ConnectOption{stomp.WithDialer(dial),
		stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond})}, opts...)...)
	fine(t, err)
	t.Cleanup(func() { c.Close() })
	<-hello
	return l, c, p
}

// accept takes the next connection and shakes hands.
func (l *trunk) accept(version wire.Version) *peer {
	p := &peer{t: l.t, nc: <-l.conns, buf: make([]byte, 64<<10), enc: wire.Encoder{Version: version},
		dec: wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient})}
	l.t.Cleanup(func() { p.nc.Close() })
	p.want(wire.Connect)
	p.send(wire.Connected, "", [2]string{"version", string(version)})
	p.dec.SetVersion(version)
	return p
}

// attend answers as a server would, and writes down what comes, until the connection ends.
func (l *trunk) attend(p *peer) {
	go func() { // ends with the connection, which the test closes
		queues := make(map[string]string)
		for f := p.next(); f.Command != ""; f = p.next() {
			l.mu.Lock()
			l.log = append(l.log, f)
			l.mu.Unlock()
			if f.Command == wire.Subscribe {
				queues[wire.Get(f.Header, "destination")] = wire.Get(f.Header, "id")
			}
			if id, ok := wire.Lookup(f.Header, "receipt"); ok {
				p.send(wire.Receipt, "", [2]string{"receipt-id", id})
			}
			if reply, ok := wire.Lookup(f.Header, "reply-to"); ok {
				p.send(wire.Message, "reply", [2]string{"destination", reply}, [2]string{"message-id", "m"},
					[2]string{"subscription", queues[reply]}, [2]string{"correlation-id", wire.Get(f.Header, "correlation-id")})
			}
		}
	}()
}

// carried is what came to the attended connections, in order: command and destination or body.
func (l *trunk) carried() (list []string) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range l.log {
		s := f.Command
		if d := wire.Get(f.Header, "destination"); d != "" {
			s += " " + d
		}
		if len(f.Body) > 0 {
			s += " " + string(f.Body)
		}
		list = append(list, s)
	}
	return list
}
