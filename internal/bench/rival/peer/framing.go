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
	// next returns a frame without the heart-beats before it. It is the caller's
	// until the next call.
	next() ([]byte, error)
	// put appends a frame to dst as it goes on the wire.
	put(dst, frame []byte) []byte
}

// open finds out what a client speaks, and answers its upgrade if it is
// WebSocket.
func open(r *bufio.Reader, w io.Writer) (framing, error) {
	start, err := r.Peek(len("GET "))
	if err != nil {
		return nil, err
	}
	if string(start) != "GET " {
		return bare{r}, nil
	}
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, err
	}
	key := sha1.Sum([]byte(req.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	answer := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(key[:]) + "\r\n"
	// Some clients take it ill when none of those that they offer is chosen.
	if strings.Contains(req.Header.Get("Sec-WebSocket-Protocol"), "v12.stomp") {
		answer += "Sec-WebSocket-Protocol: v12.stomp\r\n"
	}
	if _, err := io.WriteString(w, answer+"\r\n"); err != nil {
		return nil, err
	}
	return &webSocket{r: r, w: w}, nil
}

// bare is STOMP on a TCP socket: a frame ends with its NUL.
type bare struct{ r *bufio.Reader }

func (b bare) next() ([]byte, error) {
	frame, err := b.r.ReadSlice(0)
	return bytes.TrimLeft(frame, "\r\n"), err
}

func (bare) put(dst, frame []byte) []byte { return append(dst, frame...) }

// webSocket is one STOMP frame per message, and no message in fragments.
type webSocket struct {
	r   *bufio.Reader
	w   io.Writer
	buf []byte // of one message
}

// largest is what a client may send in one message.
const largest = 1 << 20

// The opcodes that matter (RFC 6455, 5.2).
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
)

func (ws *webSocket) next() ([]byte, error) {
	for {
		op, payload, err := ws.message()
		if err != nil {
			return nil, err
		}
		switch op {
		case opText, opBinary:
			if frame := bytes.TrimLeft(payload, "\r\n"); len(frame) > 0 {
				return frame, nil
			}
		case opClose:
			_, _ = ws.w.Write([]byte{0x80 | opClose, 0}) // the client's goodbye is answered, if it still listens
			return nil, io.EOF
		}
	}
}

// message reads one WebSocket frame of a client and unmasks it.
func (ws *webSocket) message() (op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(ws.r, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0x80 == 0 || head[1]&0x80 == 0 {
		return 0, nil, errors.New("a WebSocket frame that is a fragment, or not masked")
	}
	op = head[0] & 0x0f
	n := uint64(head[1] & 0x7f)
	switch n {
	case 126:
		_, err = io.ReadFull(ws.r, head[6:])
		n = uint64(binary.BigEndian.Uint16(head[6:]))
	case 127:
		_, err = io.ReadFull(ws.r, head[:])
		n = binary.BigEndian.Uint64(head[:])
	}
	if err == nil && n > largest {
		err = fmt.Errorf("a WebSocket message of %d octets, and %d are allowed", n, largest)
	}
	if err != nil {
		return 0, nil, err
	}
	if _, err := io.ReadFull(ws.r, head[:4]); err != nil {
		return 0, nil, err
	}
	if uint64(cap(ws.buf)) < n {
		ws.buf = make([]byte, n)
	}
	payload = ws.buf[:n]
	_, err = io.ReadFull(ws.r, payload)
	unmask(payload, [4]byte(head[:4]))
	return op, payload, err
}

// unmask does eight octets at a time, where it can.
func unmask(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= key[i%4]
	}
}

func (*webSocket) put(dst, frame []byte) []byte {
	switch n := len(frame); {
	case n < 126:
		dst = append(dst, 0x80|opText, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|opText, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|opText, 127), uint64(n))
	}
	return append(dst, frame...)
}
