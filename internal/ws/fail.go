package ws

import (
	"math/rand/v2"
	"net"
	"strings"
)

// Fail ends the connection over something that the peer has done, and tells it so (RFC 6455, section 7.1.7): it sends
// what waits and a close frame with that code and reason, unless one was sent before, and drops what comes until the
// peer closes: to close a socket with unread data would take the close frame back. A longer reason is truncated to
// 123 bytes.
//
// It takes a second at most; CloseNow, from another goroutine, ends it at once. Whoever writes gets net.ErrClosed
// meanwhile, within 100 ms. No Read may run. On a stream, where there is no close frame, and at a server's end Fail
// is CloseNow.
//
// In a browser, which does all that itself, it returns at once, and the code is another: see allowedCode.
func (c *Conn) Fail(code int, reason string) {
	defer c.CloseNow()
	if c.ws == nil || !c.client {
		return
	}
	c.failOnce.Do(func() { close(c.failing) })
	c.tellFailure(code, truncate(strings.ToValidUTF8(reason, "\uFFFD"), maxReason))
}

// drain reads and drops what comes until the connection ends. Nobody else may read.
func (b *buffered) drain() {
	c := getChunk()
	defer putChunk(c)
	for {
		if _, err := b.rwc.Read(c[:]); err != nil {
			return
		}
	}
}

// beginFail puts a close frame behind what waits, where the library has sent none, and waits until nobody writes.
// From then on flushLast alone does, and what is added is refused, but for the rest of a frame that the library has
// begun.
func (s *sink) beginFail(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failing = true
	if !s.closeSent {
		s.closeSent = true
		s.lastFrame = appendClose(nil, code, reason, rand.Uint32())
		s.addLastFrameLocked()
	}
	for s.writing {
		s.awaitWriterLocked()
	}
}

// addLastFrameLocked adds Fail's close frame, if it waits for nothing any more.
func (s *sink) addLastFrameLocked() {
	if len(s.lastFrame) > 0 && s.sent.between() && s.err == nil {
		s.waiting.add(s.lastFrame)
		s.lastFrame = nil
	}
}

// finishFrame adds the rest of a frame that the library had begun before beginFail, and the close frame behind it.
func (s *sink) finishFrame(p []byte) error {
	s.mu.Lock()
	if s.sent.between() {
		s.mu.Unlock()
		return net.ErrClosed
	}
	s.waiting.add(p[:s.sent.advance(p)])
	s.addLastFrameLocked()
	s.mu.Unlock()
	return s.flushLast()
}

// flushLast writes what waits after beginFail. It waits for another one to finish first.
func (s *sink) flushLast() error {
	s.mu.Lock()
	for s.writing {
		s.awaitWriterLocked()
	}
	next, waiting := s.wroteLocked(0, nil, true)
	s.mu.Unlock()
	for len(next) > 0 {
		n, err := s.conn.Write(next)
		next, waiting = s.wrote(n, err, true)
	}
	waiting.Wake()
	return s.failure()
}
