//go:build unix

package ws

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// rawSocket does what a net.Conn cannot: it writes only as much as the socket takes at once, and it waits for
// something to read without holding the memory to read it into. One goroutine at a time may write, and one may read
// beside it.
type rawSocket struct {
	nc        net.Conn
	conn      syscall.RawConn
	writeOnce func(fd uintptr) bool // attemptWrite and attemptRead, bound once: a closure per call would be an allocation
	readOnce  func(fd uintptr) bool

	// Of the write under way.
	p        []byte
	n        int
	writeErr error

	// Of the read under way.
	limit   int
	c       *chunk
	got     int
	readErr error
}

// newRawSocket returns nil where nc is not a plain socket. It looks for the exact types: anything that merely embeds
// one, and so has its SyscallConn, may do something else in its Write (count, limit, encrypt).
func newRawSocket(nc net.Conn) *rawSocket {
	var conn syscall.RawConn
	var err error
	switch nc := nc.(type) {
	case *net.TCPConn:
		conn, err = nc.SyscallConn()
	case *net.UnixConn:
		conn, err = nc.SyscallConn()
	}
	if conn == nil || err != nil {
		return nil
	}
	s := &rawSocket{nc: nc, conn: conn}
	s.writeOnce, s.readOnce = s.attemptWrite, s.attemptRead
	return s
}

// tryWrite writes as much of p as the socket takes at once, possibly nothing. An error means that the connection is
// broken.
func (s *rawSocket) tryWrite(p []byte) (int, error) {
	s.p, s.n, s.writeErr = p, 0, nil
	err := s.conn.Write(s.writeOnce)
	s.p = nil
	if err != nil {
		return s.n, err
	}
	return s.n, s.writeErr
}

// attemptWrite always returns true: false would make the runtime wait until the socket is writable.
func (s *rawSocket) attemptWrite(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), s.p)
		switch err {
		case nil:
			s.n = n
		case syscall.EINTR:
			continue
		case syscall.EAGAIN:
		default:
			s.writeErr = os.NewSyscallError("write", err)
		}
		return true
	}
}

// read waits until something has come, and returns up to limit bytes of it in a chunk. After an error there is none.
func (s *rawSocket) read(limit int) (*chunk, int, error) {
	s.limit, s.c, s.got, s.readErr = limit, nil, 0, nil
	if err := s.conn.Read(s.readOnce); err != nil {
		return nil, 0, s.asReadError(err)
	}
	if s.readErr != nil {
		return nil, 0, s.asReadError(s.readErr)
	}
	c := s.c
	s.c = nil
	return c, s.got, nil
}

// asReadError returns a failure as the net.Conn's Read would have reported it.
func (s *rawSocket) asReadError(err error) error {
	var op *net.OpError
	switch {
	case err == io.EOF:
		return err
	case errors.As(err, &op):
		err = op.Err // its Op is raw-read
	}
	op = &net.OpError{Op: "read", Source: s.nc.LocalAddr(), Addr: s.nc.RemoteAddr(), Err: err}
	if op.Source != nil {
		op.Net = op.Source.Network()
	}
	return op
}

// attemptRead returns false where there is nothing yet: the runtime waits then, and calls it again.
func (s *rawSocket) attemptRead(fd uintptr) bool {
	c := getChunk()
	for {
		n, err := syscall.Read(int(fd), c[:s.limit])
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			putChunk(c)
			return false
		case n > 0:
			s.c, s.got = c, n
			return true
		case err == nil:
			s.readErr = io.EOF
		default:
			s.readErr = os.NewSyscallError("read", err)
		}
		putChunk(c)
		return true
	}
}
