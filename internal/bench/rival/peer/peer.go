// Package peer is the other side of measurements and of long runs: a STOMP
// server that costs so little that the client is what is measured. It has no
// codec: its MESSAGEs are made beforehand, and of what a client says it looks
// for a few headers alone. So it is not a broker; what it can do is this:
//
//	CONNECT                    CONNECTED, STOMP 1.2 without heart-beats, whatever was asked for
//	SUBSCRIBE                  the connection's one subscription
//	SEND to /flood             MESSAGEs of size octets, count of them (both are headers)
//	SEND to /echo              a MESSAGE with the same body
//	any frame with a receipt   RECEIPT
//
// Every other SEND is counted and forgotten. Bodies hold no NUL. WebSocket and
// bare TCP come in on one port.
package peer

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
)

// Peer listens on loopback TCP until Close.
type Peer struct {
	listener net.Listener
	sends    atomic.Uint64
	running  sync.WaitGroup // the accept loop and the connections; Close joins them

	mu     sync.Mutex // guards what follows
	closed bool
	conns  map[net.Conn]bool
}

// Start returns a Peer that accepts.
func Start() (*Peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the peer: %w", err)
	}
	p := &Peer{listener: l, conns: make(map[net.Conn]bool)}
	p.running.Go(p.accept) // Close ends it with the listener, and joins it
	return p, nil
}

// URL is where the peer speaks STOMP over WebSocket, TCPURL where it does on a
// bare socket.
func (p *Peer) URL() string    { return "ws://" + p.listener.Addr().String() + "/" }
func (p *Peer) TCPURL() string { return "tcp://" + p.listener.Addr().String() }

// Sends counts the SENDs of all connections, those to /flood and /echo too.
func (p *Peer) Sends() uint64 { return p.sends.Load() }

// Close cuts every connection and joins every goroutine.
func (p *Peer) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	p.closed = true
	for nc := range p.conns {
		_ = nc.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Peer) accept() {
	for {
		nc, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.enter(nc) {
			_ = nc.Close()
			return
		}
		p.running.Go(func() { // ends with its connection; Close joins it
			defer p.leave(nc)
			serve(nc, &p.sends)
		})
	}
}

// enter notes a connection; false: Close did not see it, and it is too late.
func (p *Peer) enter(nc net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.conns[nc] = true
	}
	return !p.closed
}

func (p *Peer) leave(nc net.Conn) {
	_ = nc.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, nc)
}
