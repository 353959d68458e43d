package ws

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// maxWaiting bounds what may wait unsent. Conn.Write never leaves more than a chunk and a frame, so what lies beyond
// are answers to pings, from a peer that asks and asks but does not read.
const maxWaiting = 1 << 20

// lastWords is how long a close reply may take to leave when the library closes the connection by itself.
const lastWords = time.Second

// buffered lies between the library, to which it is the connection, and the connection. This file has its making and
// its end; source.go reads, sink.go writes.
type buffered struct {
	rwc io.ReadWriteCloser // the connection
	nc  net.Conn           // the same as a net.Conn, where it is known to be one; else nil

	closing  sync.Once // closes rwc
	closeErr error     // of rwc.Close; set in closing

	source // the reading half

	start        time.Time    // when the connection was made
	lastReadAt   atomic.Int64 // nanoseconds after start
	bytesRead    atomic.Uint64
	bytesWritten atomic.Uint64

	raw     *rawSocket    // the connection as a plain socket; nil where it is none. Its writing is whose writing is
	pending chan struct{} // capacity 1

	mu        sync.Mutex    // guards the following; never held across I/O or a channel operation
	waiting   gather        // to be written, after taken
	taken     gather        // with the writer, or what its last attempt has left
	writing   bool          // somebody writes; nobody else may
	quiet     chan struct{} // closed when writing ends; made by who waits for that
	corked    bool          // a Flush will come: no need for Pending
	held      bool          // no write flushes, however much waits
	direct    bool          // whatever is written goes out at once: the close handshake
	said      boundary      // where the library is in what it writes; only followed where byFrame
	closeSaid bool          // it has written a close frame: no data may follow (RFC 6455, section 5.5.1)
	writeErr  error         // the first failure to write; nothing is written after it
	cause     error         // why the connection was cut; nil while it was not
}

// newBuffered takes rwc over. nc is the same connection where it is known to be a net.Conn, or nil.
func newBuffered(rwc io.ReadWriteCloser, nc net.Conn) *buffered {
	return &buffered{
		rwc:     rwc,
		nc:      nc,
		start:   time.Now(),
		raw:     newRawSocket(nc),
		pending: make(chan struct{}, 1),
	}
}

// Close is the library's: it has finished, possibly with the reply to a close frame that nobody else will flush any
// more. That gets a moment to leave; then the connection closes. It runs beside a Flush, and waits for it.
func (b *buffered) Close() error {
	late := time.AfterFunc(lastWords, func() { b.cut(errDeaf) })
	defer late.Stop()
	_ = b.flush(true) // the connection ends either way
	b.noMore(net.ErrClosed)
	return b.close()
}

// cut ends the connection at once and for good: no flush, no farewell. The first cause is the one that Read, Write and
// Flush report. It may be called from anywhere and again.
func (b *buffered) cut(cause error) {
	b.over.Store(true)
	b.fail(cause)
	hardClose(b.nc)
	_ = b.close() // it is broken off: how its end went interests nobody
}

func (b *buffered) close() error {
	b.closing.Do(func() { b.closeErr = b.rwc.Close() })
	return b.closeErr
}

// fail records why the connection is cut.
func (b *buffered) fail(cause error) {
	b.noMore(cause)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cause == nil {
		b.cause = cause
	}
}

// noMore makes every write from now on fail.
func (b *buffered) noMore(why error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.writeErr == nil {
		b.writeErr = why
	}
}

// cutBy returns why the connection was cut, or nil.
func (b *buffered) cutBy() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.cause
}

// errDeaf ends a connection whose peer does not read, not even the close frame.
var errDeaf = fmt.Errorf("the peer did not take the close frame (%w)", net.ErrClosed)

// errNotReading ends a connection whose peer sends pings without end and reads no answer.
var errNotReading = fmt.Errorf("more than %d octets wait to be sent, because the peer sends pings and does not read what it is answered", maxWaiting)
