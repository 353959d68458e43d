package stomptest

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeCapacity is what one direction of a pipe holds before Write waits: as a socket's buffer, so that two sides that
// write at the same time do not block each other as they would on net.Pipe.
const pipeCapacity = 64 << 10

// pipeConn is one end of an in-memory connection. It uses no goroutine and no socket, so it works in a synctest
// bubble.
type pipeConn struct {
	in, out *stream // in: what the other end writes
	local   pipeAddr
	remote  pipeAddr
}

func newPipe() (client, server *pipeConn) {
	up, down := newStream(), newStream()
	return &pipeConn{in: down, out: up, local: "client", remote: "broker"},
		&pipeConn{in: up, out: down, local: "broker", remote: "client"}
}

func (c *pipeConn) Read(p []byte) (int, error)  { return c.in.read(p) }
func (c *pipeConn) Write(p []byte) (int, error) { return c.out.write(p) }

// Close lets the other end read what was written, and then EOF.
func (c *pipeConn) Close() error {
	c.in.close(closedByReader)
	c.out.close(closedByWriter)
	return nil
}

// reset is the end without manners: what lies in the pipe is lost, and the other end reads ECONNRESET. That comes
// first: whoever reads from c finds it closed at once, and may close it as well, which is the other end's EOF.
func (c *pipeConn) reset() {
	c.out.close(wasReset)
	c.in.close(closedByReader)
}

func (c *pipeConn) LocalAddr() net.Addr  { return c.local }
func (c *pipeConn) RemoteAddr() net.Addr { return c.remote }

func (c *pipeConn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *pipeConn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(&c.in.readBy, t)
	return nil
}

func (c *pipeConn) SetWriteDeadline(t time.Time) error {
	c.out.setDeadline(&c.out.writeBy, t)
	return nil
}

type pipeAddr string

func (pipeAddr) Network() string  { return "pipe" }
func (a pipeAddr) String() string { return string(a) }

type streamState uint8

const (
	streamOpen     streamState = iota
	closedByWriter             // what is there can be read, then EOF
	closedByReader             // nobody will read any more
	wasReset
)

// stream is one direction of a pipe.
type stream struct {
	mu      sync.Mutex // guards what follows
	changed sync.Cond
	data    []byte // data[off:] is not read yet
	off     int
	state   streamState
	readBy  deadline
	writeBy deadline
}

// deadline is guarded by its stream's mu.
type deadline struct {
	timer *time.Timer
	set   int // counts the settings: a timer that fires late knows that it is out of date
	past  bool
}

func newStream() *stream {
	s := &stream{}
	s.changed.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.state == closedByReader:
			return 0, net.ErrClosed
		case s.state == wasReset:
			return 0, &net.OpError{Op: "read", Net: "pipe", Err: syscall.ECONNRESET}
		case s.readBy.past:
			return 0, os.ErrDeadlineExceeded
		case s.off < len(s.data):
			n := copy(p, s.data[s.off:])
			s.off += n
			if s.off == len(s.data) {
				s.data, s.off = s.data[:0], 0
			}
			s.changed.Broadcast()
			return n, nil
		case s.state == closedByWriter:
			return 0, io.EOF
		case len(p) == 0:
			return 0, nil
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.state == closedByWriter:
			return n, net.ErrClosed
		case s.state != streamOpen:
			return n, &net.OpError{Op: "write", Net: "pipe", Err: syscall.EPIPE}
		case s.writeBy.past:
			return n, os.ErrDeadlineExceeded
		case len(p) == 0:
			return n, nil
		}
		if room := pipeCapacity - (len(s.data) - s.off); room > 0 {
			if s.off > 0 && len(s.data)+room > cap(s.data) {
				s.data = s.data[:copy(s.data, s.data[s.off:])]
				s.off = 0
			}
			k := min(room, len(p))
			s.data = append(s.data, p[:k]...)
			n, p = n+k, p[k:]
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) close(state streamState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == streamOpen || state == closedByReader {
		s.state = state
	}
	if s.state != closedByWriter {
		s.data, s.off = nil, 0
	}
	s.readBy.stop()
	s.writeBy.stop()
	s.changed.Broadcast()
}

func (s *stream) setDeadline(d *deadline, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d.stop()
	d.past = false
	if t.IsZero() || s.state == closedByReader {
		return
	}
	wait := time.Until(t)
	if wait <= 0 {
		d.past = true
		s.changed.Broadcast()
		return
	}
	set := d.set
	d.timer = time.AfterFunc(wait, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if d.set == set {
			d.past = true
			s.changed.Broadcast()
		}
	})
}

func (d *deadline) stop() {
	d.set++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// pipeListener hands the far ends of pipes to an http.Server.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{} // closed by Close
	once   sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr("broker") }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := newPipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, refusedDial()
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "pipe", Addr: pipeAddr("broker"), Err: ctx.Err()}
	}
}

// refusedDial is what a dial to a broker that is closed gives: the same as a port on which nobody listens.
func refusedDial() error {
	return &net.OpError{Op: "dial", Net: "pipe", Addr: pipeAddr("broker"), Err: syscall.ECONNREFUSED}
}
