//go:build !js

package ws

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func accept(w http.ResponseWriter, r *http.Request, o AcceptOptions) (*Conn, error) {
	mode := websocket.CompressionDisabled
	if o.Compression {
		mode = websocket.CompressionContextTakeover
	}
	hj := &hijacker{ResponseWriter: w}
	conn, err := websocket.Accept(hj, r, &websocket.AcceptOptions{Subprotocols: o.Subprotocols, CompressionMode: mode})
	if err != nil {
		return nil, fmt.Errorf("ws: accept: %w", innermost(err))
	}
	conn.SetReadLimit(-1) // W6: Conn checks its own limit
	return &Conn{b: hj.conn, ws: conn, readLimit: o.ReadLimit}, nil
}

// hijacker is the ResponseWriter that hands the library a buffered connection.
type hijacker struct {
	http.ResponseWriter
	conn *buffered // set by Hijack
}

// Hijack is http.Hijacker's.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// What the server has buffered either way must not be lost.
	early := make([]byte, brw.Reader.Buffered())
	if _, err = io.ReadFull(brw, early); err == nil {
		err = brw.Flush()
	}
	if err != nil {
		return nil, nil, errors.Join(err, nc.Close())
	}
	h.conn = newBuffered(nc, nc)
	h.conn.in.early, h.conn.in.handshakeDone = early, true
	conn := hijacked{Conn: nc, b: h.conn}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, fillSize), bufio.NewWriterSize(conn, fillSize)), nil
}

// hijacked is a buffered connection as the net.Conn that the library asks for. It reads, writes and closes that, no
// more.
type hijacked struct {
	net.Conn
	b *buffered
}

func (h hijacked) Read(p []byte) (int, error)  { return h.b.Read(p) }
func (h hijacked) Write(p []byte) (int, error) { return h.b.Write(p) }
func (h hijacked) Close() error                { return h.b.Close() }
