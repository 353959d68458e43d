//go:build unix

package ws

import (
	"errors"
	"net"
	"os"
	"syscall"
)

// rawWriter writes to a socket as much as it takes at once.
type rawWriter struct {
	conn syscall.RawConn
	once func(fd uintptr) bool // attempt, bound once: a closure per write would be an allocation

	// Of the attempt under way.
	p   []byte
	n   int
	err error
}

// newRawWriter returns nil where nc is not a plain socket. It looks for the exact types: anything that merely embeds
// one, and so has its SyscallConn, may do something else in its Write (count, limit, encrypt).
func newRawWriter(nc net.Conn) *rawWriter {
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
	w := &rawWriter{conn: conn}
	w.once = w.attempt
	return w
}

// try writes some of p, possibly nothing, and does not wait. An error comes only if the connection is broken.
func (w *rawWriter) try(p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := w.conn.Write(w.once)
	w.p = nil
	if err != nil {
		return w.n, err
	}
	return w.n, w.err
}

// attempt always returns true: false would make the runtime wait until the socket is writable.
func (w *rawWriter) attempt(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.p)
		switch {
		case err == nil:
			w.n = n
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EAGAIN):
			w.err = os.NewSyscallError("write", err)
		}
		return true
	}
}
