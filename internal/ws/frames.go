package ws

import "encoding/binary"

// boundary follows the frames of what the library reads (RFC 6455, section 5.2), so that it is never given an octet
// of the next frame: what it does not hold, Conn.Read may take for itself. The zero value stands between two frames.
type boundary struct {
	head  [maxHeader]byte // of the frame under way, as far as it has come
	n     int             // octets of head
	left  uint64          // octets of its payload that are still to come
	front bool            // the head is complete
}

// between tells whether a frame begins here.
func (f *boundary) between() bool { return f.n == 0 }

// through returns how many octets of p belong to the frame under way, and counts them as read.
func (f *boundary) through(p []byte) int {
	n := 0
	for !f.front {
		need := f.headSize() - f.n
		if need > len(p)-n {
			f.n += copy(f.head[f.n:], p[n:])
			return len(p)
		}
		f.n += copy(f.head[f.n:f.n+need], p[n:])
		n += need
		if f.n == f.headSize() {
			f.front, f.left = true, payloadSize(f.head[:f.n])
		}
	}
	take := int(min(f.left, uint64(len(p)-n)))
	if f.left -= uint64(take); f.left == 0 {
		*f = boundary{}
	}
	return n + take
}

// headSize is how long the head is, as far as can be told.
func (f *boundary) headSize() int {
	if f.n < 2 {
		return 2
	}
	return headSize(f.head[1])
}

// headSize tells from the second octet of a frame how long its head is.
func headSize(second byte) int {
	n := 2
	switch second & 0x7f {
	case 126:
		n += 2
	case 127:
		n += 8
	}
	if second&0x80 != 0 {
		n += 4 // the mask
	}
	return n
}

// payloadSize reads the length from a complete head.
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

// The opcode in the first octet of a frame, and that of a close frame.
const (
	opcode      = 0x0f
	closeOpcode = 0x08
)

// wholeMessage returns the payload of the frame that p begins with, if that is a message of its own as a server sends
// it, complete and without an extension: FIN, no RSV, text or binary, no mask. size is 0 where it is anything else.
func wholeMessage(p []byte) (typ MessageType, payload []byte, size int) {
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
	return MessageType(p[0] & opcode), p[head:size:size], size
}

// appendHead appends the head of a frame that holds a whole message of size octets, at most maxPayload, as a client sends
// it: FIN, no extension, masked with key.
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

// mask sets dst, which is as long, to src masked with key (RFC 6455, section 5.3), whose first octet is the lowest.
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
