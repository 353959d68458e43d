// Package peer is the other side of measurements and of long runs: a STOMP
// server that costs so little that the client is what is measured. It has none
// of the codecs that it measures. It reads what is there and answers all of it
// with one write, and once it runs it allocates nothing for a message, so what a
// process allocates is the client's. It is no broker; what it can do is this:
//
//	CONNECT                    CONNECTED, STOMP 1.2 without heart-beats, whatever was asked for
//	SUBSCRIBE                  one more subscription of the connection
//	SEND to /flood             MESSAGEs with bodies of size bytes, count of them (both are headers),
//	                           to the connection's subscriptions in turns
//	SEND to /echo              a MESSAGE with the same body, to the first subscription
//	any frame with a receipt   RECEIPT
//
// Every other SEND is counted and forgotten. Bodies hold no NUL. WebSocket and
// bare TCP come in on one port; with StartTLS both are inside TLS.
package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"runtime/pprof"
	"sync"
	"sync/atomic"
)

// Where SENDs go. Sink is for those that nobody wants back.
const (
	Flood = "/flood"
	Echo  = "/echo"
	Sink  = "/sink"
)

// Peer listens on loopback TCP until Close, or until the ctx of Start ends.
//
// Its goroutines: one that accepts, one for each connection that reads and
// answers, and one for each flood that is being written. Close joins them all.
type Peer struct {
	listener    net.Listener
	certificate []byte // DER; nil without TLS
	sends       atomic.Uint64
	running     sync.WaitGroup // the accept loop and the connections
	release     func() bool    // ends the watch on ctx; set before anyone has the Peer

	mu    sync.Mutex        // guards the following
	conns map[net.Conn]bool // nil once ended
	ended bool
	err   error // the first fault that was not a connection's end
}

// Start returns a Peer that accepts. The end of ctx cuts all connections.
func Start(ctx context.Context) (*Peer, error) { return start(ctx, nil) }

// StartTLS is Start with TLS, and a certificate made for this Peer alone.
func StartTLS(ctx context.Context) (*Peer, error) {
	certificate, err := newCertificate()
	if err != nil {
		return nil, fmt.Errorf("peer: making a certificate: %w", err)
	}
	return start(ctx, &certificate)
}

func start(ctx context.Context, certificate *tls.Certificate) (*Peer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("peer: %w", err)
	}
	p := &Peer{listener: l, conns: make(map[net.Conn]bool)}
	if certificate != nil {
		p.certificate = certificate.Certificate[0]
		p.listener = tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{*certificate}})
	}
	p.release = context.AfterFunc(ctx, p.end)
	p.running.Go(p.accept) // joined by Close
	return p, nil
}

// URL is where the Peer speaks STOMP over WebSocket.
func (p *Peer) URL() string {
	scheme := "ws"
	if p.certificate != nil {
		scheme = "wss"
	}
	return scheme + "://" + p.listener.Addr().String() + "/"
}

// TCPURL is where the Peer speaks STOMP on a bare socket. It is not for a Peer with TLS.
func (p *Peer) TCPURL() string { return "tcp://" + p.listener.Addr().String() }

// Certificate is the certificate to trust, in DER: see [Trusting]. It is nil without TLS.
func (p *Peer) Certificate() []byte { return p.certificate }

// Sends counts the SENDs of all connections, those to Flood and Echo too.
func (p *Peer) Sends() uint64 { return p.sends.Load() }

// Close cuts every connection, joins every goroutine, and returns the first
// fault of a client: what it sent and the Peer cannot take.
func (p *Peer) Close() error {
	p.release()
	p.end()
	p.running.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// end cuts all connections, once.
func (p *Peer) end() {
	p.mu.Lock()
	conns := p.conns
	p.ended, p.conns = true, nil
	p.mu.Unlock()
	_ = p.listener.Close() // nothing is lost with it, nor with the connections
	for nc := range conns {
		_ = nc.Close()
	}
}

// fail keeps the first fault. Connections that break because they are cut are none.
func (p *Peer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil && !p.ended {
		p.err = fmt.Errorf("peer: %w", err)
	}
}

// accept serves connections. In a CPU profile all goroutines of the Peer have
// the label via=peer, which they inherit from this one.
func (p *Peer) accept() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("via", "peer")))
	for {
		nc, err := p.listener.Accept()
		if err != nil {
			p.fail(err)
			return
		}
		if !p.enter(nc) {
			_ = nc.Close() // it came after the end
			return
		}
		p.running.Go(func() { // ends with its connection; joined by Close
			c := &conn{nc: nc, sends: &p.sends}
			if err := c.serve(); err != nil {
				p.fail(err) // before the client sees the end
			}
			p.leave(nc)
			c.floods.Wait() // they end with nc
		})
	}
}

// enter notes a connection, and reports false if it came too late.
func (p *Peer) enter(nc net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.conns[nc] = true
	}
	return !p.ended
}

// leave closes a connection and forgets it.
func (p *Peer) leave(nc net.Conn) {
	_ = nc.Close() // it is over, whatever it says
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, nc)
}
