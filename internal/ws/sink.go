package ws

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/notify"
)

// maxWaiting bounds what may wait to be written, in bytes. Conn.Write never leaves more than a chunk and a frame, so
// what exceeds it are answers to pings, from a peer that sends them without end but does not read.
const maxWaiting = 1 << 20

// sink is the writing half of a connection. It gathers what is written until a flush sends it. Two write to it: the
// Conn's one writer, and the library on its own account, pongs and close frames from whoever reads. Whole frames are
// added at a time, so that none ends up inside another.
//
// Flushes take turns: whoever set writing is the only one who may touch taken and the connection.
type sink struct {
	conn    io.Writer     // the connection
	raw     *rawSocket    // the connection as a plain socket; nil where it is none. Used only by who set writing
	pending chan struct{} // capacity 1; see Conn.Pending
	client  bool          // a client's WebSocket: frames are followed. Set before the Conn is handed out, as is bypass
	bypass  bool          // a client's WebSocket without compression: addMessage is used

	bytesWritten atomic.Uint64

	mu         sync.Mutex   // guards the following; never held across I/O or a channel operation
	waiting    writeBuffer  // to be written, after taken
	taken      writeBuffer  // being written, or what the last tryFlush has left
	writing    bool         // somebody writes; nobody else may
	writeDone  notify.Event // writing has become false
	corked     bool         // a flush will come: pending need not be signalled
	held       bool         // no write flushes, however much waits
	unbuffered bool         // every write flushes: the close handshake
	sent       frameTracker // where the library is in what it writes; followed only where client
	closeSent  bool         // a close frame was written: no data may follow (RFC 6455, section 5.5.1)
	failing    bool         // Fail has begun: nobody else writes or flushes any more, but for the rest of a frame
	lastFrame  []byte       // Fail's close frame, which waits for the library to complete a frame
	err        error        // the first failure to write, or why none is possible any more; nothing is written after it
	broken     bool         // err is a failure of the connection, not an end made here
}

// write gathers what the library writes. errNotReading: too much waits, and the connection is to be aborted.
func (s *sink) write(p []byte) error {
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return err
	}
	if s.failing {
		s.mu.Unlock()
		return s.finishFrame(p)
	}
	if s.client {
		s.trackFramesLocked(p)
	}
	s.waiting.add(p)
	flooded := len(s.waiting.p) > maxWaiting
	corked, unbuffered := s.corked, s.unbuffered
	s.mu.Unlock()

	switch {
	case flooded:
		return errNotReading
	case unbuffered:
		return s.flush(true)
	case !corked:
		notify.Signal(s.pending)
	}
	return nil
}

// trackFramesLocked follows the frames that the library writes, which may come in pieces, and notes its close frame.
func (s *sink) trackFramesLocked(p []byte) {
	for len(p) > 0 {
		if s.sent.between() && p[0]&opcodeMask == closeOpcode {
			s.closeSent = true
		}
		p = p[s.sent.advance(p):]
	}
}

// addMessage gathers a message of at most maxPayload bytes, in one frame as a client sends it. It bypasses the
// library, which would take three locks for it and copy it twice. net.ErrClosed: the library has written a close
// frame.
func (s *sink) addMessage(typ MessageType, p []byte) error {
	if err := s.cork(len(p) + maxHeader); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.err != nil:
		return s.err
	case s.closeSent:
		return net.ErrClosed
	}
	s.waiting.addFrame(typ, p, rand.Uint32()) // from ChaCha8 with the system's seed: unpredictable, as section 5.3 demands
	return nil
}

// writeAlone hands p to the connection in one Write, which makes it a message on a stream that keeps messages apart.
// Nothing may be gathered on such a stream, and its caller is the one writer.
func (s *sink) writeAlone(p []byte) error {
	if err := s.failure(); err != nil {
		return err
	}
	n, err := s.conn.Write(p)
	s.bytesWritten.Add(uint64(n))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite // the rest would be another message
	}
	if err != nil {
		s.refuse(err)
	}
	return s.failure()
}

// cork announces that n bytes are about to be written and that a flush will follow. What waits is flushed first where
// both together would not fit a chunk, unless hold is in force.
func (s *sink) cork(n int) error {
	s.mu.Lock()
	if err := s.err; err != nil {
		s.mu.Unlock()
		return err
	}
	s.corked = true
	full := !s.held && len(s.waiting.p) > 0 && len(s.waiting.p)+n > chunkSize
	s.mu.Unlock()
	if full {
		return s.flush(false)
	}
	return nil
}

// hold sets whether writes are gathered without a bound and none of them flushes.
func (s *sink) hold(held bool) {
	s.mu.Lock()
	s.held = held
	s.mu.Unlock()
}

// stopGathering makes each write flush from now on.
func (s *sink) stopGathering() {
	s.mu.Lock()
	s.unbuffered = true
	s.mu.Unlock()
}

// refuse makes every write and flush from now on fail with err, unless there is an earlier failure.
func (s *sink) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
}

// isBroken reports whether the connection has failed while it was written to. In the close handshake it reports
// false.
func (s *sink) isBroken() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken && !s.unbuffered
}

// failure returns what every write and flush fails with; nil: nothing has failed.
func (s *sink) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
