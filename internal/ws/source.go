package ws

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// fillSize is the buffer of a bufio.Reader, which is what the library reads small things with.
const fillSize = 4 << 10

// source is the reading half of buffered. A quiet connection reads straight into its caller's slice and holds no
// memory. When such a read fills the slice, more is probably there, and the next one takes a whole chunk.
//
// It has two readers. The library reads one frame at a time and no octet of the next one; where the next one is a whole
// message that was read ahead, Conn.Read takes it out of the buffer without the library, and between two messages of a
// plain socket it reads ahead itself. Usually that is one goroutine; in the close handshake the library reads on its own
// account as well, so the buffer has a lock. No read from the connection happens under it: the library (or, of a stream,
// the reader) has a lock for that, and waits for a readAhead that is under way.
type source struct {
	readMu sync.Mutex    // guards the following; never held across I/O
	buf    *chunk        // what was read ahead; nil when there is none
	lo, hi int           // what of buf was not handed out yet
	lent   bool          // aMessage has handed out a part of buf: it must not go back to the pool
	early  []byte        // came together with the handshake; handed out before anything is read
	frame  boundary      // where the library is; only followed where byFrame
	ahead  bool          // aMessage reads from the connection: nobody else does
	landed chan struct{} // closed when it no longer is; nil while nobody waits for that

	byFrame bool // it is a client's WebSocket: the library is held to the frame. Set in the handshake

	// Owned by whoever reads from the connection.
	more    bool // the last read filled what it was given
	drained bool // a read did not: whatever lay buffered beneath us since the handshake has come out

	judged bool // false: the handshake is not over, see Read

	over   atomic.Bool           // no message is taken out of buf any more: the connection was cut, or is being closed
	failed atomic.Pointer[error] // the failure that Read has reported; nil before. Anyone may look
}

// Read is the library's (of a stream, next is used instead).
func (b *buffered) Read(p []byte) (int, error) {
	if !b.judged {
		// The library reads before the end of a handshake only when it has found fault with a 101, to show the
		// body of the refusal. There is none, and waiting for one would take seconds.
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	b.awaitAhead()
	if n := b.take(p); n > 0 {
		return n, nil
	}
	if !b.more || len(p) >= chunkSize/2 { // a large slice is better filled without a copy
		n, err := b.fetch(p)
		return b.keep(p[:n]), err
	}
	if err := b.fill(); err != nil {
		return 0, err
	}
	return b.take(p), nil
}

// take moves octets from the buffer to p, of one frame at most.
func (b *buffered) take(p []byte) int {
	b.readMu.Lock()
	defer b.readMu.Unlock()
	b.unpack()
	n := copy(p, b.buf.between(b.lo, b.hi))
	if b.byFrame && n > 0 {
		n = b.frame.through(p[:n])
	}
	if b.lo += n; b.lo == b.hi {
		b.release()
	}
	return n
}

// keep takes note of octets that went to the library past the buffer. What is not of its frame goes there.
func (b *buffered) keep(p []byte) int {
	if !b.byFrame || len(p) == 0 {
		return len(p)
	}
	b.readMu.Lock()
	defer b.readMu.Unlock()
	n := b.frame.through(p)
	if n < len(p) { // the buffer is empty, and p is no longer than a chunk: of a payload nothing is left over
		b.buf = getChunk()
		b.lo, b.hi = 0, copy(b.buf[:], p[n:])
	}
	return n
}

// aMessage takes a message past the library, if that is between two frames: out of the buffer, or, where that is empty and
// the connection is a plain socket, as soon as something comes. It is lent until aMessage is called again. Not ok: what
// comes next, if only a failure, is for the library to read.
func (b *buffered) aMessage() (typ MessageType, message []byte, ok bool) {
	b.readMu.Lock()
	if b.lent = false; b.lo == b.hi {
		b.release()
		b.unpack()
	}
	if !b.byFrame || !b.frame.between() || b.over.Load() {
		b.readMu.Unlock()
		return 0, nil, false
	}
	var landed chan struct{}
	if b.lo == b.hi && b.raw != nil && b.drained {
		b.ahead = true
		b.readMu.Unlock()
		c, n := b.readAhead()
		b.readMu.Lock()
		b.buf, b.lo, b.hi = c, 0, n
		b.ahead = false
		landed, b.landed = b.landed, nil
	}
	n := 0
	if !b.over.Load() { // still
		typ, message, n = wholeMessage(b.buf.between(b.lo, b.hi))
		b.lo += n
		b.lent = n > 0
	}
	b.readMu.Unlock()
	if landed != nil {
		close(landed)
	}
	return typ, message, n > 0
}

// readAhead reads what comes into a chunk, of which it holds none while it waits. After a failure there is none.
func (b *buffered) readAhead() (*chunk, int) {
	limit := fillSize
	if b.more {
		limit = chunkSize
	}
	c, n, err := b.raw.read(limit)
	if err != nil {
		failed := err // only this one goes to the heap, not the err of each read
		b.failed.Store(&failed)
		return nil, 0
	}
	b.came(n, limit)
	return c, n
}

// awaitAhead waits for a readAhead that is under way, which the end of the connection ends.
func (b *buffered) awaitAhead() {
	b.readMu.Lock()
	if !b.ahead {
		b.readMu.Unlock()
		return
	}
	if b.landed == nil {
		b.landed = make(chan struct{})
	}
	landed := b.landed
	b.readMu.Unlock()
	<-landed
}

// next returns what is there, for a stream: without a copy where it was read ahead, else in small. It is valid until
// the next call.
func (b *buffered) next(small []byte) ([]byte, error) {
	if b.unpack(); b.lo == b.hi {
		b.release()
		if !b.more {
			n, err := b.fetch(small)
			return small[:n], err
		}
		if err := b.fill(); err != nil {
			return nil, err
		}
	}
	p := b.buf[b.lo:b.hi]
	b.lo = b.hi
	return p, nil
}

// nextInto returns how much was put into p, for a stream.
func (b *buffered) nextInto(p []byte) (int, error) {
	if b.unpack(); b.lo == b.hi {
		b.release()
		return b.fetch(p)
	}
	n := copy(p, b.buf[b.lo:b.hi])
	b.lo += n
	return n, nil
}

// unpack moves a part of early, if there is any, to where all reads look first.
func (b *buffered) unpack() {
	if len(b.early) == 0 || b.lo < b.hi {
		return
	}
	if b.buf == nil {
		b.buf = getChunk()
	}
	b.lo, b.hi = 0, copy(b.buf[:], b.early)
	b.early = b.early[b.hi:]
}

// fill reads ahead into a chunk of its own. After nil there is at least one octet.
func (b *buffered) fill() error {
	c := getChunk()
	n, err := b.fetch(c[:])
	if n == 0 {
		putChunk(c)
		return err
	}
	b.readMu.Lock()
	defer b.readMu.Unlock()
	b.buf, b.lo, b.hi = c, 0, n
	return err
}

// release lets go of an empty buffer.
func (b *buffered) release() {
	if b.buf != nil && !b.lent {
		putChunk(b.buf)
	}
	b.buf, b.lo, b.hi, b.lent = nil, 0, 0, false
}

// fetch is one read from the connection: some octets and nil, or none and an error, which stays.
func (b *buffered) fetch(p []byte) (int, error) {
	for b.readError() == nil {
		n, err := b.rwc.Read(p)
		if n > 0 {
			b.came(n, len(p))
			return n, nil // an error that came along comes again
		}
		if err != nil {
			failed := err // only this one goes to the heap, not the err of each read
			b.failed.Store(&failed)
		}
	}
	return 0, b.readError()
}

// came takes note of n octets that a read of up to limit has brought.
func (b *buffered) came(n, limit int) {
	b.lastReadAt.Store(int64(time.Since(b.start)))
	b.bytesRead.Add(uint64(n))
	b.drained = b.drained || n < limit
	// A larger slice is the library's for one payload, which fits it by design: that says nothing about what
	// follows, and a chunk must not be taken to wait for nothing.
	b.more = n == limit && (n <= fillSize || n == chunkSize)
}

// readError returns the failure that ended the reading, or nil.
func (b *buffered) readError() error {
	if err := b.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *buffered) lastRead() time.Time {
	return b.start.Add(time.Duration(b.lastReadAt.Load()))
}
