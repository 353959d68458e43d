package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes, and the flags beside them and beside the length (RFC 6455, 5.2).
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8 // this one and above are control frames

	final    = 0x80
	reserved = 0x70 // compression sets one of these
	masked   = 0x80
)

// appendFrame appends payload as one text message, as a server sends it.
func appendFrame(dst, payload []byte) []byte {
	return append(appendFrameHead(dst, len(payload)), payload...)
}

// appendFrameHead appends what goes before the n octets of a text message.
func appendFrameHead(dst []byte, n int) []byte {
	switch {
	case n < 126:
		return append(dst, final|opText, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, final|opText, 126), uint16(n))
	default:
		return binary.BigEndian.AppendUint64(append(dst, final|opText, 127), uint64(n))
	}
}

// cutFrame takes one frame from the octets of a client and undoes its mask in
// place. size is its length, 0 while it is incomplete. It understands what the
// clients here send: a message in one frame.
func cutFrame(b []byte) (op byte, payload []byte, size int, err error) {
	if len(b) < 2 {
		return 0, nil, 0, nil
	}
	op = b[0] &^ final
	switch {
	case b[1]&masked == 0:
		return 0, nil, 0, errors.New("a frame of the client is not masked")
	case b[0]&(final|reserved) != final, op != opText && op != opBinary && op < opClose:
		return 0, nil, 0, fmt.Errorf("a frame begins with %#x: this peer takes whole, uncompressed messages alone", b[0])
	}
	at, n := 2, uint64(b[1]&^masked)
	switch {
	case n == 126 && len(b) >= 4:
		at, n = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		at, n = 10, binary.BigEndian.Uint64(b[2:])
	case n >= 126:
		return 0, nil, 0, nil
	}
	const key = 4
	if len(b) < at+key || uint64(len(b)-at-key) < n {
		return 0, nil, 0, nil
	}
	size = at + key + int(n)
	payload = b[at+key : size]
	unmask(payload, binary.LittleEndian.Uint32(b[at:]))
	return op, payload, size, nil
}

// unmask XORs p with the key, 8 octets at a time: the peer shares the machine
// with the client that is measured.
func unmask(p []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
	}
	for i := range p {
		p[i] ^= byte(wide >> (8 * i))
	}
}
