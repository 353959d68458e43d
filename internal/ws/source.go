package ws

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
)

// fillSize is how much a quiet connection is read with. It is the size of a bufio.Reader, which is what the library
// reads small things with.
const fillSize = 4 << 10

// source is the reading half of a connection. A quiet one reads straight into its caller's slice and holds no memory.
// When such a read fills the slice, more is probably there, and the next one takes a whole chunk.
//
// It has two readers. The library calls read, which gives it one frame at a time and no byte of the next one, and
// checks what the library does not: see follow.go. Between two frames the Conn calls takeMessage, which takes a
// message that was read ahead out of the buffer without the library, and on a plain socket reads ahead itself.
// Usually both run in one goroutine, but in the close handshake the library reads from a goroutine of its own as
// well: so the buffer has a lock, and read waits for a read-ahead that is under way. Two reads of the connection
// never overlap: the library has a lock for its own, and a stream has one reader.
type source struct {
	conn  io.Reader  // the connection
	raw   *rawSocket // the connection as a plain socket; nil where it is none
	start time.Time  // when the connection was made

	// Set before the Conn is handed out.
	handshakeDone bool // see read
	client        bool // a client's WebSocket: frames are followed and checked
	bypass        bool // takeMessage may take messages
	deflate       bool // permessage-deflate was agreed, on a client's connection; see follow

	lastReadAt  atomic.Int64 // nanoseconds after start; 0: nothing was read yet
	bytesRead   atomic.Uint64
	libraryOnly atomic.Bool           // takeMessage takes nothing more: the connection was aborted, or is being closed
	readErr     atomic.Pointer[error] // the failure that ended reading; nil before. It stays

	mu           sync.Mutex   // guards the following; never held across I/O or a channel operation
	buf          *chunk       // what was read ahead; nil when there is none
	lo, hi       int          // the part of buf that was not handed out yet
	lent         bool         // takeMessage has handed out a part of buf, which must not go back to the pool
	early        []byte       // what came together with the handshake; handed out before anything is read
	frame        frameTracker // where the library is; followed only where client
	compressed   bool         // the message that the library is reading is; followed only where deflate
	readingAhead bool         // takeMessage reads from the connection; nobody else may
	readDone     notify.Event // readingAhead has become false

	// Owned by whoever reads from the connection.
	expectMore bool // the last read filled what it was given
	drained    bool // a read did not: net/http's buffer, which may have held something since the handshake, is empty
}

// read reads for the library. A stream uses readStream instead.
func (s *source) read(p []byte) (int, error) {
	if !s.handshakeDone {
		// The library reads before the end of a handshake only when it has found fault with a 101, to show the
		// body of the refusal. There is none, and waiting for one would take seconds.
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	s.awaitReadAhead()
	if n, err := s.takeFrame(p); n > 0 || err != nil {
		return n, err
	}
	if !s.expectMore || len(p) >= chunkSize/2 { // a large slice is better filled without a copy
		n, err := s.fetch(p)
		if err != nil {
			return 0, err
		}
		return s.keepNextFrame(p[:n])
	}
	if err := s.fill(); err != nil {
		return 0, err
	}
	return s.takeFrame(p)
}

// takeBuffered moves bytes from the buffer to p.
func (s *source) takeBuffered(p []byte) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.peekLocked(p)
	s.dropLocked(n)
	return n
}

// takeFrame moves bytes from the buffer to p: what the library may have of them.
func (s *source) takeFrame(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err = s.followLocked(p[:s.peekLocked(p)])
	s.dropLocked(n)
	return n, err
}

// peekLocked copies bytes from the buffer to p.
func (s *source) peekLocked(p []byte) int {
	s.unpackEarlyLocked()
	return copy(p, s.buf.slice(s.lo, s.hi))
}

// dropLocked removes n bytes from the buffer.
func (s *source) dropLocked(n int) {
	if s.lo += n; s.lo == s.hi {
		s.releaseLocked()
	}
}

// keepNextFrame returns how much of p, which was read straight from the connection, the library may have. What
// follows goes into the buffer.
func (s *source) keepNextFrame(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err = s.followLocked(p)
	if n < len(p) {
		// The buffer is empty. The rest fits a chunk: a p that is longer is the library's for one payload, and
		// ends no later than that.
		s.buf = getChunk()
		s.lo, s.hi = 0, copy(s.buf[:], p[n:])
	}
	return n, err
}

// takeMessage returns a message without the library's help if one begins next: out of the buffer, or, where that is
// empty and the connection is a plain socket, as soon as something comes. The message is valid until takeMessage is
// called again. Not ok: what comes next, if only a failure, is for the library to read.
func (s *source) takeMessage() (typ MessageType, message []byte, ok bool) {
	if !s.bypass {
		return 0, nil, false
	}
	s.mu.Lock()
	if s.lent = false; s.lo == s.hi {
		s.releaseLocked()
	}
	if !s.frame.between() || s.libraryOnly.Load() {
		s.mu.Unlock()
		return 0, nil, false
	}
	var waiting notify.Waiters
	if s.lo == s.hi && s.raw != nil && s.drained {
		s.readingAhead = true
		s.mu.Unlock()
		c, n := s.readAhead()
		s.mu.Lock()
		s.buf, s.lo, s.hi = c, 0, n
		s.readingAhead = false
		waiting = s.readDone.Take()
	}
	size := 0
	if !s.libraryOnly.Load() { // it may have been set meanwhile
		typ, message, size = singleFrameMessage(s.buf.slice(s.lo, s.hi))
		s.lo += size
		s.lent = size > 0
	}
	s.mu.Unlock()
	waiting.Wake()
	return typ, message, size > 0
}

// stopBypass leaves all further reading to the library.
func (s *source) stopBypass() { s.libraryOnly.Store(true) }

// readAhead waits for something to read, without holding memory meanwhile, and returns it in a chunk. After a
// failure, which the library will report, there is none.
func (s *source) readAhead() (*chunk, int) {
	limit := fillSize
	if s.expectMore {
		limit = chunkSize
	}
	c, n, err := s.raw.read(limit)
	if err != nil {
		failed := err // only this one goes to the heap, not the err of each read
		s.readErr.Store(&failed)
		return nil, 0
	}
	s.noteRead(n, limit)
	return c, n
}

// awaitReadAhead waits until no read-ahead is under way. The end of the connection ends one.
func (s *source) awaitReadAhead() {
	s.mu.Lock()
	if !s.readingAhead {
		s.mu.Unlock()
		return
	}
	done := s.readDone.Wait()
	s.mu.Unlock()
	<-done
}
