package rig

import (
	"context"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// WithLatency is a way to a broker on which everything that the broker sends takes so long to arrive.
func WithLatency(t testing.TB, b *stomptest.Broker, d time.Duration) stomp.ConnectOption {
	transport := b.Client().Transport.(*http.Transport).Clone()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		far, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		c := &lateConn{Conn: far, under: make(chan late, 1<<16), closed: make(chan struct{})}
		go c.receive(d) // ends with the connection
		return c, nil
	}
	t.Cleanup(transport.CloseIdleConnections)
	return stomp.WithHTTPClient(&http.Client{Transport: transport})
}

// lateConn is a connection whose other side is far away.
type lateConn struct {
	net.Conn
	under  chan late // what is under way
	got    late      // what has arrived, and is not read to its end
	closed chan struct{}
	close  sync.Once // of closed
}

// late is bytes, or the end, and when they arrive.
type late struct {
	p   []byte
	err error
	at  time.Time
}

func (c *lateConn) receive(d time.Duration) {
	for {
		p := make([]byte, 32<<10)
		n, err := c.Conn.Read(p)
		select {
		case c.under <- late{p[:n], err, time.Now().Add(d)}:
		case <-c.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

func (c *lateConn) Read(p []byte) (int, error) {
	for len(c.got.p) == 0 {
		if c.got.err != nil {
			return 0, c.got.err
		}
		select {
		case c.got = <-c.under:
		case <-c.closed:
			return 0, net.ErrClosed
		}
		timer := time.NewTimer(time.Until(c.got.at))
		select {
		case <-timer.C:
		case <-c.closed:
			timer.Stop()
			return 0, net.ErrClosed
		}
	}
	n := copy(p, c.got.p)
	c.got.p = c.got.p[n:]
	return n, nil
}

func (c *lateConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// SetDeadline bounds writing alone: the client sets none for reading once it is connected.
func (c *lateConn) SetDeadline(at time.Time) error { return c.SetWriteDeadline(at) }

// SetReadDeadline does nothing; see SetDeadline.
func (c *lateConn) SetReadDeadline(time.Time) error { return nil }
