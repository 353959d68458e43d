package stomptest

import (
	"errors"
	"net"
	"sync"
	"time"
)

// gate holds bytes back while it is shut. The zero gate is open.
type gate struct {
	mu     sync.Mutex    // guards what follows
	shut   chan struct{} // nil while the gate is open; closed when it opens again
	opened time.Time     // when it last opened
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.shut == nil:
		g.shut = make(chan struct{})
	case !shut && g.shut != nil:
		close(g.shut)
		g.shut, g.opened = nil, time.Now()
	}
}

// state returns what is closed when the gate opens, nil while it is open, and when it last opened.
func (g *gate) state() (shut <-chan struct{}, opened time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.opened
}

// faultConn is the connection beneath a WebSocket or a bare STOMP stream, where the faults are real: what is held
// back or cut here is held back or cut on the wire, control frames and all.
type faultConn struct {
	net.Conn
	head   []byte        // what net/http had read before the upgrade; owned by the reader
	gates  [2]*gate      // the broker's and this connection's own
	closed chan struct{} // closed by Close
	once   sync.Once
	pieces pieces // owned by the reader

	mu   sync.Mutex // guards left
	left int        // bytes that may still be written before the connection is cut; below 0: no bound
}

func newFaultConn(nc net.Conn, all *gate, head []byte) *faultConn {
	return &faultConn{Conn: nc, head: head, gates: [2]*gate{all, {}}, closed: make(chan struct{}), left: -1}
}

// errCut is what a write gives that a fault has cut short.
var errCut = errors.New("stomptest: the connection was cut on purpose")

func (f *faultConn) Read(p []byte) (n int, err error) {
	if len(f.head) > 0 {
		n = copy(p, f.head)
		f.head = f.head[n:]
	} else {
		n, err = f.Conn.Read(p)
	}
	// The gate comes after the read: what arrives while the broker is silent is not looked at before it speaks again.
	if err == nil && !f.pass() {
		return 0, net.ErrClosed
	}
	if !f.pieces.check(p[:n]) {
		f.reset()
		return 0, errPiece
	}
	return n, err
}

func (f *faultConn) Write(p []byte) (int, error) {
	if !f.pass() {
		return 0, net.ErrClosed
	}
	f.mu.Lock()
	left := f.left
	if left >= len(p) {
		f.left -= len(p)
	}
	f.mu.Unlock()
	if left < 0 || left >= len(p) {
		return f.Conn.Write(p)
	}
	n, err := f.Conn.Write(p[:left])
	_ = f.Close()
	return n, errors.Join(errCut, err)
}

// Close ends the connection beneath, without anything said on it.
func (f *faultConn) Close() error {
	err := net.ErrClosed
	f.once.Do(func() {
		close(f.closed)
		err = f.Conn.Close()
	})
	return err
}

// reset ends the connection so that the other side reads ECONNRESET where the transport knows that.
func (f *faultConn) reset() {
	nc := f.Conn
	for {
		inner, ok := nc.(interface{ NetConn() net.Conn }) // TLS
		if !ok {
			break
		}
		nc = inner.NetConn()
	}
	switch nc := nc.(type) {
	case *net.TCPConn:
		_ = nc.SetLinger(0)
	case *pipeConn:
		nc.reset()
	}
	_ = f.Close()
}

// allow lets n more bytes out; the next one cuts the connection.
func (f *faultConn) allow(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = n
}

// pass waits until both gates are open. It is false when the connection was closed meanwhile.
func (f *faultConn) pass() bool {
	for {
		wait := f.silence()
		if wait == nil {
			return true
		}
		select {
		case <-wait:
		case <-f.closed:
			return false
		}
	}
}

// silence returns what is closed when a gate opens that is shut now; nil: all are open.
func (f *faultConn) silence() <-chan struct{} {
	for _, g := range f.gates {
		if wait, _ := g.state(); wait != nil {
			return wait
		}
	}
	return nil
}

// opened returns when the last of the gates opened: silence before that was the broker's own.
func (f *faultConn) opened() (last time.Time) {
	for _, g := range f.gates {
		if _, at := g.state(); at.After(last) {
			last = at
		}
	}
	return last
}
