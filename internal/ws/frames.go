package ws

import "encoding/binary"

// frameTracker follows a stream of WebSocket frames (RFC 6455, section 5.2), however it is cut into pieces, and knows
// where each frame ends. The zero value stands between two frames.
type frameTracker struct {
	head     [maxHeader]byte // header of the current frame, as far as it has come
	n        int             // bytes of head
	headDone bool            // the header is complete
	left     uint64          // bytes of the payload still to come; known once headDone
}

// between reports whether the next byte begins a frame.
func (f *frameTracker) between() bool { return f.n == 0 }

// isMasked reports whether the current frame, which goes on with p, turns out to be masked by that.
func (f *frameTracker) isMasked(p []byte) bool {
	const masked = 0x80
	switch {
	case f.n == 0 && len(p) > 1:
		return p[1]&masked != 0
	case f.n == 1 && len(p) > 0:
		return p[0]&masked != 0
	}
	return false
}

// advance returns how many bytes of p belong to the current frame, and moves past them.
func (f *frameTracker) advance(p []byte) int {
	n := 0
	for !f.headDone {
		need := f.headSize() - f.n
		if need > len(p)-n {
			f.n += copy(f.head[f.n:], p[n:])
			return len(p)
		}
		f.n += copy(f.head[f.n:f.n+need], p[n:])
		n += need
		if f.n == f.headSize() {
			f.headDone, f.left = true, payloadSize(f.head[:f.n])
		}
	}
	take := int(min(f.left, uint64(len(p)-n)))
	if f.left -= uint64(take); f.left == 0 {
		*f = frameTracker{}
	}
	return n + take
}

// headSize returns how long the header is, or 2 while that is not known yet.
func (f *frameTracker) headSize() int {
	if f.n < 2 {
		return 2
	}
	return headSize(f.head[1])
}

// headSize returns the length of a frame's header, which its second byte tells.
func headSize(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4 // the masking key
	}
	return n
}

// payloadSize returns the payload length that a complete header announces.
func payloadSize(head []byte) uint64 {
	switch n := head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(head[2:]))
	case 127:
		return binary.BigEndian.Uint64(head[2:])
	default:
		return uint64(n)
	}
}

// opcodeMask selects the opcode in the first byte of a frame; closeOpcode is that of a close frame.
const (
	opcodeMask  = 0x0f
	closeOpcode = 0x08
)

// singleFrameMessage returns the message at the start of p if that is complete and in one frame, as a server sends it
// without extensions: FIN set, no RSV bit, text or binary, not masked. size is that of the frame, and 0 for anything
// else.
func singleFrameMessage(p []byte) (typ MessageType, payload []byte, size int) {
	if len(p) < 2 || p[0] != 0x80|byte(Text) && p[0] != 0x80|byte(Binary) || p[1]&0x80 != 0 {
		return 0, nil, 0
	}
	head := headSize(p[1])
	if len(p) < head {
		return 0, nil, 0
	}
	n := payloadSize(p[:head])
	if n > uint64(len(p)-head) {
		return 0, nil, 0
	}
	size = head + int(n)
	return MessageType(p[0] & opcodeMask), p[head:size:size], size
}

// appendHead appends the header of a frame that holds a whole message of size bytes, at most maxPayload, as a client
// sends it: FIN set, no extension, masked with key.
func appendHead(dst []byte, typ MessageType, size int, key uint32) []byte {
	const final, masked = 0x80, 0x80
	dst = append(dst, final|byte(typ))
	if size < 126 {
		dst = append(dst, masked|byte(size))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(size))
	}
	return binary.LittleEndian.AppendUint32(dst, key)
}

// appendClose appends a close frame as a client sends it, masked with key. reason has at most maxReason bytes.
func appendClose(dst []byte, code int, reason string, key uint32) []byte {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	dst = appendHead(dst, closeOpcode, len(payload), key)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], payload, key)
	return dst
}

// mask writes src, masked with key (RFC 6455, section 5.3), to dst, which has the same length. The key's first byte
// is its lowest.
func mask(dst, src []byte, key uint32) {
	twice := uint64(key)<<32 | uint64(key)
	for len(src) >= 8 && len(dst) >= 8 {
		binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src)^twice)
		dst, src = dst[8:], src[8:]
	}
	for i, c := range src {
		dst[i] = c ^ byte(key>>(8*(i%4)))
	}
}
