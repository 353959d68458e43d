package ws

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

// frame is one frame of a WebSocket, seen by a parser that is not the library's.
type frame struct {
	fin     bool
	op      byte
	payload []byte
}

// peer is the other end of a connection, and speaks in frames.
type peer struct {
	t  testing.TB
	nc net.Conn
	br *bufio.Reader
}

// peered upgrades client, whose other end becomes a peer. It agrees to compression if that is offered.
func peered(t testing.TB, client, server net.Conn, o DialOptions) (*Conn, *peer) {
	t.Helper()
	p := &peer{t: t, nc: server, br: bufio.NewReader(server)}
	done := make(chan error, 1)
	go func() { done <- p.upgrade() }() // joined by the receive below
	o.HTTPClient = clientOver(client)
	c, err := Dial(context.Background(), target(t, "ws://broker.test/ws"), o)
	must(t, err)
	must(t, <-done)
	t.Cleanup(func() { c.CloseNow(); server.Close() })
	return c, p
}

func (p *peer) upgrade() error {
	req, err := http.ReadRequest(p.br)
	if err != nil {
		return err
	}
	extensions := ""
	if req.Header.Get("Sec-WebSocket-Extensions") != "" {
		extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n"
	}
	_, err = fmt.Fprintf(p.nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s"+
		"Sec-WebSocket-Accept: %s\r\n\r\n", extensions, acceptKey(req.Header.Get("Sec-WebSocket-Key")))
	return err
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func (p *peer) read() (f frame, err error) {
	var h [2]byte
	if _, err := io.ReadFull(p.br, h[:]); err != nil {
		return f, err
	}
	f.fin, f.op = h[0]&0x80 != 0, h[0]&0x0f
	size := uint64(h[1] & 0x7f)
	switch size {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(p.br, b[:])
		size = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(p.br, b[:])
		size = binary.BigEndian.Uint64(b[:])
	}
	if err != nil {
		return f, err
	}
	var key [4]byte
	if h[1]&0x80 != 0 {
		if _, err := io.ReadFull(p.br, key[:]); err != nil {
			return f, err
		}
	}
	f.payload = make([]byte, size)
	if _, err := io.ReadFull(p.br, f.payload); err != nil {
		return f, err
	}
	for i := range f.payload {
		f.payload[i] ^= key[i%4]
	}
	return f, nil
}

// want reads a frame and compares it.
func (p *peer) want(op byte, payload string) {
	p.t.Helper()
	f, err := p.read()
	must(p.t, err)
	if f.op != op || string(f.payload) != payload {
		p.t.Fatalf("frame: opcode %d, payload %.60q; want %d, %.60q", f.op, f.payload, op, payload)
	}
}

// bytes returns a frame as a server sends it.
func (f frame) bytes() []byte {
	b := []byte{f.op, 0}
	if f.fin {
		b[0] |= 0x80
	}
	switch n := len(f.payload); {
	case n < 126:
		b[1] = byte(n)
	case n < 1<<16:
		b[1] = 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] = 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	return append(b, f.payload...)
}

func (p *peer) send(op byte, payload string) {
	p.t.Helper()
	_, err := p.nc.Write(frame{fin: true, op: op, payload: []byte(payload)}.bytes())
	must(p.t, err)
}

// closing is the payload of a close frame.
func closing(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}
