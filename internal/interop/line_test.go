package interop

import (
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// line is the way to a server by TCP, which can go dead as a network does: neither side is told.
type line struct {
	listener net.Listener
	to       string         // the server's address
	work     sync.WaitGroup // joined by the test's cleanup

	mu    sync.Mutex // guards what follows
	calls []*call
	ended bool
}

// call is one connection through a line.
type call struct {
	near, far net.Conn
	dead      atomic.Bool
}

// newLine starts a line to the server of that URL, which ends with the test, and returns the URL that leads through
// it.
func newLine(t *testing.T, to string) (*line, string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{to: u.Host}
	if l.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = l.listener.Addr().String()
	l.work.Go(l.accept)
	t.Cleanup(l.end)
	return l, u.String()
}

// accept ends with the listener.
func (l *line) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", l.to)
		if err != nil {
			near.Close()
			continue
		}
		c := &call{near: near, far: far}
		l.mu.Lock()
		l.calls = append(l.calls, c)
		if l.ended {
			c.hangUp()
		}
		l.mu.Unlock()
		l.work.Go(func() { c.pass(near, far) })
		l.work.Go(func() { c.pass(far, near) })
	}
}

// pass passes on what comes from one side, and its end, as long as the call is not dead. It ends with either side.
func (c *call) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		switch {
		case c.dead.Load():
			io.Copy(io.Discard, from) // as a network that takes everything and delivers nothing
			return
		case err != nil:
			c.hangUp()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			c.hangUp()
			return
		}
	}
}

func (c *call) hangUp() {
	c.near.Close()
	c.far.Close()
}

// die makes nothing of what is sent on the connections of now arrive any more, not even that they are closed. New
// ones work.
func (l *line) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		c.dead.Store(true)
	}
}

// cut closes the connections of now, on both sides.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		c.hangUp()
	}
}

func (l *line) end() {
	l.listener.Close()
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.cut()
	l.work.Wait()
}
