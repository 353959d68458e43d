package ws

import (
	"io"
	"math/rand/v2"
	"net"
)

// Write is the library's: it gathers, and never waits for the connection but in the close handshake.
func (b *buffered) Write(p []byte) (int, error) {
	b.mu.Lock()
	if err := b.writeErr; err != nil {
		b.mu.Unlock()
		return 0, err
	}
	if b.byFrame {
		b.heed(p)
	}
	b.waiting.add(p)
	flooded := len(b.waiting.p) > maxWaiting
	corked, direct := b.corked, b.direct
	b.mu.Unlock()

	switch {
	case flooded:
		b.cut(errNotReading)
		return 0, errNotReading
	case direct:
		if err := b.flush(true); err != nil {
			return 0, err
		}
	case !corked:
		select {
		case b.pending <- struct{}{}:
		default: // one signal is enough
		}
	}
	return len(p), nil
}

// writeMessage gathers a message in a frame as a client sends it. It goes past the library, which would take four locks
// for it and copy it twice. Whatever the library writes by itself beside the one writer, pongs and closes, comes here in
// whole frames, so that none gets into another. Behind a close frame of the library's nothing is written any more.
func (b *buffered) writeMessage(typ MessageType, p []byte) error {
	if err := b.cork(len(p) + maxHeader); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.writeErr != nil:
		return b.writeErr
	case b.closeSaid:
		return net.ErrClosed
	}
	b.waiting.addFrame(typ, p, rand.Uint32()) // from ChaCha8 with the system's seed: unpredictable, as section 5.3 demands
	return nil
}

// heed follows what the library writes, which may come in pieces, and notes its close frame. mu is held.
func (b *buffered) heed(p []byte) {
	for len(p) > 0 {
		if b.said.between() && p[0]&opcode == closeOpcode {
			b.closeSaid = true
		}
		p = p[b.said.through(p):]
	}
}

// writeWhole hands p to the connection in a Write of its own. Nothing may be gathered before it; its caller is the one
// writer.
func (b *buffered) writeWhole(p []byte) error {
	if err := b.writeFailure(); err != nil {
		return err
	}
	n, err := b.rwc.Write(p)
	b.bytesWritten.Add(uint64(n))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite // the rest would be another message
	}
	if err != nil {
		b.noMore(err)
	}
	return b.writeFailure()
}

// cork announces that something is about to be written and that a flush will follow, and makes room for n octets: what
// waits goes out first where both together would not fit a chunk, unless it is held.
func (b *buffered) cork(n int) error {
	b.mu.Lock()
	b.corked = true
	full := !b.held && len(b.waiting.p) > 0 && len(b.waiting.p)+n > chunkSize
	b.mu.Unlock()
	if full {
		return b.flush(false)
	}
	return nil
}

// hold says whether what is written must not make anything go out: pongs may wait in any number.
func (b *buffered) hold(held bool) {
	b.mu.Lock()
	b.held = held
	b.mu.Unlock()
}

// goDirect ends the gathering: from now on each write goes out by itself.
func (b *buffered) goDirect() {
	b.mu.Lock()
	b.direct = true
	b.mu.Unlock()
}

// flush writes all that waits, and what is added meanwhile. It waits for another writer to finish first: at the
// connection's end the library may be one, beside ours. uncork: no further flush is announced.
func (b *buffered) flush(uncork bool) error {
	b.mu.Lock()
	for b.writing {
		if b.quiet == nil {
			b.quiet = make(chan struct{})
		}
		quiet := b.quiet
		b.mu.Unlock()
		<-quiet
		b.mu.Lock()
	}
	p, ended := b.advance(0, nil, uncork)
	b.mu.Unlock()

	for len(p) > 0 {
		n, err := b.rwc.Write(p)
		b.mu.Lock()
		p, ended = b.advance(n, err, uncork)
		b.mu.Unlock()
	}
	if ended != nil {
		close(ended)
	}
	return b.writeFailure()
}

// tryFlush writes what the connection takes without blocking, and tells whether that was all.
func (b *buffered) tryFlush() (bool, error) {
	b.mu.Lock()
	if b.writing || b.raw == nil && len(b.taken.p)+len(b.waiting.p) > 0 {
		err := b.writeErr
		b.mu.Unlock()
		return false, err
	}
	p, ended := b.advance(0, nil, true)
	b.mu.Unlock()

	full := false
	for len(p) > 0 && !full {
		n, err := b.raw.tryWrite(p)
		b.mu.Lock()
		if full = n < len(p) && err == nil; full {
			ended = b.pause(n)
		} else {
			p, ended = b.advance(n, err, true)
		}
		b.mu.Unlock()
	}
	if ended != nil {
		close(ended)
	}
	return !full, b.writeFailure()
}

// advance takes note of what was written, and returns what to write next. Its caller holds mu and is, while there is
// something to write, the one writer; when there is nothing it is no longer, and ended is to be closed (after mu is
// released) if it is not nil.
func (b *buffered) advance(n int, err error, uncork bool) (p []byte, ended chan struct{}) {
	b.taken.p = b.taken.p[n:]
	b.bytesWritten.Add(uint64(n))
	if err != nil && b.writeErr == nil {
		b.writeErr = err
	}
	if len(b.taken.p) == 0 {
		b.taken.free()
		b.taken, b.waiting = b.waiting, gather{}
	}
	if b.writeErr != nil {
		b.taken.free()
		b.waiting.free()
	}
	if len(b.taken.p) > 0 {
		b.writing = true
		return b.taken.p, nil
	}
	if uncork {
		b.corked = false
	}
	return nil, b.rest()
}

// pause takes note of n octets written and leaves the others to a flush. Its caller holds mu.
func (b *buffered) pause(n int) (ended chan struct{}) {
	b.taken.p = b.taken.p[n:]
	b.bytesWritten.Add(uint64(n))
	return b.rest()
}

// rest ends the caller's time as the writer; it holds mu. What is returned is to be closed after that.
func (b *buffered) rest() (ended chan struct{}) {
	b.writing = false
	ended, b.quiet = b.quiet, nil
	return ended
}

func (b *buffered) writeFailure() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.writeErr
}
