package ws

import (
	"net"

	"github.com/webstomp/webstomp/internal/notify"
)

// This file is the part of sink that writes to the connection. Flushes take turns: whoever has set writing is the one
// writer, and alone uses taken, conn and raw until it clears it.

// flush writes all that waits, and what is added meanwhile. It waits for another flush to finish first: at the end of
// a connection the library's runs beside the writer's. uncork: no further flush was announced.
func (s *sink) flush(uncork bool) error {
	next, waiting, err := s.beginFlush(uncork)
	if err != nil {
		return err
	}
	for len(next) > 0 {
		n, err := s.conn.Write(next)
		next, waiting = s.wrote(n, err, uncork)
	}
	waiting.Wake()
	return s.failure()
}

// tryFlush writes what the connection takes without blocking, and reports whether that was all. It writes nothing
// while somebody else writes, or where the connection is no plain socket.
func (s *sink) tryFlush() (done bool, err error) {
	s.mu.Lock()
	if s.failing {
		s.mu.Unlock()
		return false, net.ErrClosed
	}
	if s.writing || s.raw == nil && len(s.taken.p)+len(s.waiting.p) > 0 {
		err := s.err
		s.mu.Unlock()
		return false, err
	}
	next, waiting := s.wroteLocked(0, nil, true)
	s.mu.Unlock()

	done = true
	for done && len(next) > 0 {
		n, err := s.raw.tryWrite(next)
		if done = n == len(next) || err != nil; done {
			next, waiting = s.wrote(n, err, true)
		} else {
			waiting = s.leaveRest(n)
		}
	}
	waiting.Wake()
	return done, s.failure()
}

// beginFlush waits until nobody writes, and returns what to write first, as wroteLocked does. net.ErrClosed: the rest
// is Fail's to write.
func (s *sink) beginFlush(uncork bool) (next []byte, waiting notify.Waiters, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.writing && !s.failing {
		s.awaitWriterLocked()
	}
	if s.failing {
		return nil, waiting, net.ErrClosed
	}
	next, waiting = s.wroteLocked(0, nil, uncork)
	return next, waiting, nil
}

// awaitWriterLocked waits for the end of somebody's turn as the one writer. It unlocks mu meanwhile.
func (s *sink) awaitWriterLocked() {
	done := s.writeDone.Wait()
	s.mu.Unlock()
	<-done
	s.mu.Lock()
}

func (s *sink) wrote(n int, err error, uncork bool) (next []byte, waiting notify.Waiters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wroteLocked(n, err, uncork)
}

// wroteLocked notes that n bytes were written, and what failed, and returns what to write next. While there is
// something, its caller is the one writer. When there is nothing it no longer is, and wakes waiting once mu is
// released.
func (s *sink) wroteLocked(n int, err error, uncork bool) (next []byte, waiting notify.Waiters) {
	s.taken.p = s.taken.p[n:]
	s.bytesWritten.Add(uint64(n))
	if err != nil && s.err == nil {
		s.err, s.broken = err, true
	}
	if len(s.taken.p) == 0 {
		s.taken.free()
		s.taken, s.waiting = s.waiting, writeBuffer{}
	}
	if s.err != nil {
		s.taken.free()
		s.waiting.free()
	}
	if len(s.taken.p) > 0 {
		s.writing = true
		return s.taken.p, notify.Waiters{}
	}
	if uncork {
		s.corked = false
	}
	return nil, s.endWritingLocked()
}

// leaveRest notes that n bytes were written, and leaves the rest to a flush. Its caller is no longer the one writer.
func (s *sink) leaveRest(n int) (waiting notify.Waiters) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken.p = s.taken.p[n:]
	s.bytesWritten.Add(uint64(n))
	return s.endWritingLocked()
}

// endWritingLocked ends its caller's turn as the one writer. Whom it returns is to be woken once mu is released.
func (s *sink) endWritingLocked() notify.Waiters {
	s.writing = false
	return s.writeDone.Take()
}
