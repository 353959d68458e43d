package ws

import "time"

// This file is the part of source that reads from the connection, into the buffer or past it.

// readStream returns what a stream has to read: a part of the buffer where that has been filled, else of small. It is
// valid until the next call.
func (s *source) readStream(small []byte) ([]byte, error) {
	if p := s.takeAll(); len(p) > 0 {
		return p, nil
	}
	if !s.expectMore {
		n, err := s.fetch(small)
		return small[:n], err
	}
	if err := s.fill(); err != nil {
		return nil, err
	}
	return s.takeAll(), nil
}

// takeAll hands out the rest of the buffer, which stays until the next call.
func (s *source) takeAll() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lo == s.hi {
		s.releaseLocked()
	}
	p := s.buf.slice(s.lo, s.hi)
	s.lo = s.hi
	return p
}

// readStreamInto reads what a stream has into p, from the buffer or else by one read from the connection.
func (s *source) readStreamInto(p []byte) (int, error) {
	if n := s.takeBuffered(p); n > 0 || len(p) == 0 {
		return n, nil
	}
	return s.fetch(p)
}

// unpackEarlyLocked moves what came with the handshake, a chunk at a time, to where all reads look first.
func (s *source) unpackEarlyLocked() {
	if len(s.early) == 0 || s.lo < s.hi {
		return
	}
	if s.buf == nil {
		s.buf = getChunk()
	}
	s.lo, s.hi = 0, copy(s.buf[:], s.early)
	s.early = s.early[s.hi:]
}

// releaseLocked lets go of an empty buffer.
func (s *source) releaseLocked() {
	if s.buf != nil && !s.lent {
		putChunk(s.buf)
	}
	s.buf, s.lo, s.hi, s.lent = nil, 0, 0, false
}

// fill reads a chunk's worth into the buffer, which is empty. After nil there is at least one byte.
func (s *source) fill() error {
	c := getChunk()
	n, err := s.fetch(c[:])
	if n == 0 {
		putChunk(c)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf, s.lo, s.hi = c, 0, n
	return err
}

// fetch reads once from the connection: some bytes and nil, or none and an error, which stays.
func (s *source) fetch(p []byte) (int, error) {
	for s.failure() == nil {
		n, err := s.conn.Read(p)
		if n > 0 {
			s.noteRead(n, len(p))
			return n, nil // an error that came along comes again
		}
		if err != nil {
			failed := err // only this one goes to the heap, not the err of each read
			s.readErr.Store(&failed)
		}
	}
	return 0, s.failure()
}

// noteRead counts n bytes that a read of up to limit has brought.
func (s *source) noteRead(n, limit int) {
	s.count(n)
	s.drained = s.drained || n < limit
	// A limit between the two sizes is the library's slice for the rest of one payload. That it was filled says nothing
	// about what follows, and a chunk must not be held while nothing comes.
	s.expectMore = n == limit && (n <= fillSize || n == chunkSize)
}

// count notes that n bytes have come, now.
func (s *source) count(n int) {
	s.lastReadAt.Store(int64(time.Since(s.start)))
	s.bytesRead.Add(uint64(n))
}

// failure returns what ended reading, or nil.
func (s *source) failure() error {
	if err := s.readErr.Load(); err != nil {
		return *err
	}
	return nil
}

// lastRead returns when something was read last, or start.
func (s *source) lastRead() time.Time {
	return s.start.Add(time.Duration(s.lastReadAt.Load()))
}
