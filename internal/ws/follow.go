package ws

import "errors"

// This file is the part of source that sees every frame of a server before the library does, and does what the
// library leaves undone: it refuses masked frames, and keeps compression from the library, which takes a truncated
// message for a whole one (see inflater).

// ErrProtocol matches the error of a Read for which the peer has broken the WebSocket protocol (RFC 6455).
var ErrProtocol = errors.New("the peer broke the WebSocket protocol")

// errMasked is a breach that the library does not notice: it would hand out masked payloads as they are.
var errMasked = errors.New("a server's frame is masked (RFC 6455, section 5.1)")

// followLocked follows the frames of p, which begins where the last call has ended, and returns how much of p the
// library may have: all of it, or the rest of one frame where what comes behind that is not all for the library. It
// clears the bit in p that marks a compressed message.
func (s *source) followLocked(p []byte) (n int, err error) {
	if !s.client {
		return len(p), nil
	}
	for n < len(p) && (n == 0 || !s.bypass && !s.deflate) {
		if s.frame.isMasked(p[n:]) {
			if n > 0 {
				break // the next call meets it again
			}
			return 0, errMasked
		}
		if s.deflate && s.frame.between() {
			s.noteCompressionLocked(&p[n])
		}
		n += s.frame.advance(p[n:])
	}
	return n, nil
}

// noteCompressionLocked looks at the first byte of a frame. Where that begins a message, it notes whether the message
// is compressed and clears RSV1, which says so (RFC 7692, section 6). On any other frame RSV1 is left for the library
// to refuse.
func (s *source) noteCompressionLocked(first *byte) {
	const rsv1 = 0x40
	switch MessageType(*first & opcodeMask) {
	case Text, Binary:
		s.compressed = *first&rsv1 != 0
		*first &^= rsv1
	}
}

// isCompressed reports whether the message that the library has begun is compressed.
func (s *source) isCompressed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.compressed
}
