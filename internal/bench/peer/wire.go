package peer

import (
	"bufio"
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// framing is how STOMP frames lie on the wire.
type framing interface {
	// cut takes one message from the front of b. size is its length on the wire, 0
	// while it is incomplete. The message lies in b; it is empty if it is not
	// STOMP's. The error is io.EOF if the client says goodbye.
	cut(b []byte) (message []byte, size int, err error)
	// put appends a frame to dst as it goes on the wire.
	put(dst, frame []byte) []byte
}

// open finds out what a client speaks, and answers its upgrade if it is
// WebSocket (RFC 6455, 4.2). It leaves framing nil while too little has come.
func (c *conn) open(out, in []byte) (taken int, _ []byte, err error) {
	const get, end = "GET ", "\r\n\r\n"
	if len(in) < len(get) {
		return 0, out, nil
	}
	if !bytes.HasPrefix(in, []byte(get)) {
		c.framing = stream{}
		return 0, out, nil
	}
	request, _, complete := bytes.Cut(in, []byte(end))
	if !complete {
		return 0, out, nil
	}
	taken = len(request) + len(end)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(in[:taken])))
	if err != nil {
		return 0, out, fmt.Errorf("upgrade: %w", err)
	}
	key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	out = append(out, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "...)
	out = base64.StdEncoding.AppendEncode(out, key[:])
	// Some clients take it ill when none of those that they offer is chosen.
	if strings.Contains(r.Header.Get("Sec-WebSocket-Protocol"), "v12.stomp") {
		out = append(out, "\r\nSec-WebSocket-Protocol: v12.stomp"...)
	}
	c.framing = webSocket{}
	return taken, append(out, end...), nil
}

// stream is STOMP on a bare socket: a frame ends with its NUL.
type stream struct{}

func (stream) cut(b []byte) (message []byte, size int, err error) {
	size = bytes.IndexByte(b, 0) + 1
	if size > largest || size == 0 && len(b) > largest {
		return nil, 0, errTooLong
	}
	return b[:size], size, nil
}

func (stream) put(dst, frame []byte) []byte { return append(dst, frame...) }

// largest is how many bytes a frame of a client may have.
const largest = 1 << 20

var errTooLong = fmt.Errorf("a frame of the client has more than %d bytes", largest)

// webSocket is one STOMP frame per message, and no message in fragments.
type webSocket struct{}

// Opcodes, and the flags beside them and beside the length (RFC 6455, 5.2).
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8 // this one and above are control frames

	final    = 0x80
	reserved = 0x70 // compression sets one of these
	masked   = 0x80
)

// goodbye answers a client's close frame.
var goodbye = []byte{final | opClose, 0}

// cut undoes the mask in place.
func (webSocket) cut(b []byte) (message []byte, size int, err error) {
	if len(b) < 2 {
		return nil, 0, nil
	}
	op := b[0] &^ final
	switch {
	case b[1]&masked == 0:
		return nil, 0, errors.New("a frame of the client is not masked")
	case b[0]&(final|reserved) != final, op != opText && op != opBinary && op < opClose:
		return nil, 0, fmt.Errorf("a frame begins with %#x: this peer takes whole, uncompressed messages alone", b[0])
	}
	at, n := 2, uint64(b[1]&^masked)
	switch {
	case n == 126 && len(b) >= 4:
		at, n = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		at, n = 10, binary.BigEndian.Uint64(b[2:])
	case n >= 126:
		return nil, 0, nil
	}
	const key = 4
	if n > largest {
		return nil, 0, errTooLong
	}
	size = at + key + int(n)
	switch {
	case len(b) < size:
		return nil, 0, nil
	case op == opClose:
		return nil, size, io.EOF
	case op > opClose:
		return nil, size, nil
	}
	message = b[at+key : size]
	unmask(message, binary.LittleEndian.Uint32(b[at:]))
	return message, size, nil
}

// put writes a text message.
func (webSocket) put(dst, frame []byte) []byte {
	switch n := len(frame); {
	case n < 126:
		dst = append(dst, final|opText, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, final|opText, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, final|opText, 127), uint64(n))
	}
	return append(dst, frame...)
}

// unmask XORs p with the key, 8 bytes at a time: the peer shares the machine with
// the client that is measured.
func unmask(p []byte, key uint32) {
	wide := uint64(key)<<32 | uint64(key)
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^wide)
	}
	for i := range p {
		p[i] ^= byte(wide >> (8 * i))
	}
}
