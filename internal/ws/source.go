package ws

import (
	"io"
	"sync/atomic"
	"time"
)

// fillSize is the buffer of a bufio.Reader, which is what the library reads small things with.
const fillSize = 4 << 10

// source is the reading half of buffered. Owned by the reader; in the close handshake the library reads in its stead.
//
// A quiet connection reads straight into its caller's slice and holds no memory. When such a read fills the slice, more
// is probably there, and the next one takes a whole chunk.
type source struct {
	buf    *chunk // what was read ahead; nil when there is none
	lo, hi int    // what of buf was not handed out yet
	early  []byte // came together with the handshake; handed out before anything is read
	more   bool   // the last read filled what it was given

	judged bool // false: the handshake is not over, see Read

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
	if b.buffer(); b.lo == b.hi {
		if !b.more || len(p) >= chunkSize/2 { // a large slice is better filled without a copy
			return b.fetch(p)
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.lo:b.hi])
	b.lo += n
	if b.lo == b.hi {
		b.release()
	}
	return n, nil
}

// next returns what is there, for a stream: without a copy where it was read ahead, else in small. It is valid until
// the next call.
func (b *buffered) next(small []byte) ([]byte, error) {
	if b.buffer(); b.lo == b.hi {
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

// buffer moves a part of early, if there is any, to where all reads look first.
func (b *buffered) buffer() {
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
	b.buf = getChunk()
	n, err := b.fetch(b.buf[:])
	b.lo, b.hi = 0, n
	if n == 0 {
		b.release()
	}
	return err
}

func (b *buffered) release() {
	if b.buf != nil {
		putChunk(b.buf)
	}
	b.buf, b.lo, b.hi = nil, 0, 0
}

// fetch is one read from the connection: some octets and nil, or none and an error, which stays.
func (b *buffered) fetch(p []byte) (int, error) {
	for b.readError() == nil {
		n, err := b.rwc.Read(p)
		if n > 0 {
			b.lastReadAt.Store(int64(time.Since(b.start)))
			b.bytesRead.Add(uint64(n))
			// A larger slice is the library's for one payload, which fits it by design: that says nothing
			// about what follows, and a chunk must not be taken to wait for nothing.
			b.more = n == len(p) && (n <= fillSize || n == chunkSize)
			return n, nil // an error that came along comes again
		}
		if err != nil {
			failed := err // only this one goes to the heap, not the err of each read
			b.failed.Store(&failed)
		}
	}
	return 0, b.readError()
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
