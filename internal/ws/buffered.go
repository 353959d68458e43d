package ws

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// closeReplyTimeout is how long a close reply may take to leave when the library closes the connection by itself.
const closeReplyTimeout = time.Second

// buffered is what the library has instead of the connection: its Read, Write and Close are the library's. The
// reading half is in, the writing half is out; neither knows the other.
type buffered struct {
	rwc io.ReadWriteCloser // the connection
	nc  net.Conn           // rwc as a net.Conn where it is known to be one; else nil

	in  source
	out sink

	closing  sync.Once             // closes rwc
	closeErr error                 // of rwc.Close; set in closing
	cause    atomic.Pointer[error] // why the connection was aborted; nil before. The first one stays
}

// newBuffered takes rwc over. nc is the same connection as a net.Conn, or nil where it is not known to be one.
func newBuffered(rwc io.ReadWriteCloser, nc net.Conn) *buffered {
	raw := newRawSocket(nc)
	return &buffered{
		rwc: rwc,
		nc:  nc,
		in:  source{conn: rwc, raw: raw, start: time.Now()},
		out: sink{conn: rwc, raw: raw, pending: make(chan struct{}, 1)},
	}
}

// Read reads for the library.
func (b *buffered) Read(p []byte) (int, error) { return b.in.read(p) }

// Write gathers what the library writes. It waits for the connection only in the close handshake.
//
// When writing has failed, what the library writes is lost without an error. It would end the reading over a pong
// that it cannot send, and the peer's last words would stay unread. Of the Conn's own messages cork and Flush report
// it.
func (b *buffered) Write(p []byte) (int, error) {
	if err := b.write(p); err != nil && !b.out.isBroken() {
		return 0, err
	}
	return len(p), nil
}

func (b *buffered) write(p []byte) error {
	err := b.out.write(p)
	if err == errNotReading {
		b.abort(err)
	}
	return err
}

// Close closes the connection for the library, which may just have written the reply to a close frame that nobody
// else will flush any more: that gets closeReplyTimeout to leave. Close may run beside a flush, and waits for it.
func (b *buffered) Close() error {
	late := time.AfterFunc(closeReplyTimeout, func() { b.abort(errCloseNotTaken) })
	defer late.Stop()
	_ = b.out.flush(true) // the connection ends either way
	b.out.refuse(net.ErrClosed)
	return b.closeConn()
}

// startClient begins a client's WebSocket, now that the handshake is over. compression: permessage-deflate was
// offered; agreed: the server has taken it.
func (b *buffered) startClient(compression, agreed bool) {
	b.in.handshakeDone = true
	b.in.client, b.in.deflate = true, agreed
	b.in.bypass = bypassLibrary
	b.out.client, b.out.bypass = true, bypassLibrary && !compression
}

// abort ends the connection at once and for good, without a flush and without a close frame. The first cause is what
// Read, Write and Flush report. It may be called from any goroutine, and again.
func (b *buffered) abort(cause error) {
	b.in.stopBypass()
	b.setCause(cause)
	hardClose(b.nc)
	_ = b.closeConn() // of an aborted connection nobody wants to know how its close went
}

// setCause records why the connection ends, unless a cause is known already, and refuses all further writes.
func (b *buffered) setCause(cause error) {
	b.cause.CompareAndSwap(nil, &cause)
	b.out.refuse(cause)
}

// abortCause returns why the connection was aborted, or nil.
func (b *buffered) abortCause() error {
	if cause := b.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

func (b *buffered) closeConn() error {
	b.closing.Do(func() { b.closeErr = b.rwc.Close() })
	return b.closeErr
}

// errCloseNotTaken ends a connection whose peer does not read, not even the close frame.
var errCloseNotTaken = fmt.Errorf("the peer did not take the close frame (%w)", net.ErrClosed)

// errNotReading ends a connection whose peer sends pings without end and reads no answer.
var errNotReading = fmt.Errorf("more than %d bytes wait to be sent, because the peer sends pings and does not read what it is answered", maxWaiting)
