package stomptest

import (
	"encoding/binary"
	"errors"
)

// errPiece is what a read gives after a fragment that the profile's server does not take.
var errPiece = errors.New("stomptest: a WebSocket fragment is too long for this server")

// pieces follows the frames of RFC 6455 as they arrive, for servers that bound the length of one (Artemis). It looks
// at their headers alone. The zero value bounds nothing.
type pieces struct {
	limit  int    // bytes of one frame's payload; 0: none
	header []byte // of the next frame, as far as it has come
	left   uint64 // bytes of the current payload still to come
}

// check takes what has arrived. It is false when a frame is longer than the limit.
func (s *pieces) check(p []byte) bool {
	if s.limit == 0 {
		return true
	}
	for len(p) > 0 {
		if s.left > 0 {
			n := min(s.left, uint64(len(p)))
			s.left -= n
			p = p[n:]
			continue
		}
		s.header = append(s.header, p[0])
		p = p[1:]
		if n, whole := payloadLength(s.header); whole {
			s.header = s.header[:0]
			if s.left = n; n > uint64(s.limit) {
				return false
			}
		}
	}
	return true
}

// payloadLength reads a frame header; whole says that all of it is there, the mask included.
func payloadLength(h []byte) (n uint64, whole bool) {
	if len(h) < 2 {
		return 0, false
	}
	size := 2
	if h[1]&0x80 != 0 {
		size += 4 // the mask
	}
	short := h[1] & 0x7f
	switch short {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if len(h) < size {
		return 0, false
	}
	switch short {
	case 126:
		return uint64(binary.BigEndian.Uint16(h[2:])), true
	case 127:
		return binary.BigEndian.Uint64(h[2:]), true
	}
	return uint64(short), true
}
