package ws

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
)

// AcceptOptions says how to accept.
type AcceptOptions struct {
	Subprotocols []string // the first of them that the client offers is taken; with none of them offered, none is
	Compression  bool     // take permessage-deflate if it is offered
	ReadLimit    int64    // bytes of one message; 0: none
}

// Accept upgrades a request to a WebSocket. On an error the response has been written already. A request from a page
// of another origin is refused. Under GOOS=js every one is.
func Accept(w http.ResponseWriter, r *http.Request, o AcceptOptions) (*Conn, error) {
	if !canHijack(w) {
		http.Error(w, "a WebSocket needs HTTP/1.1", http.StatusNotImplemented)
		return nil, fmt.Errorf("ws: accept: this connection cannot be taken over from the HTTP server (%s, %T)", r.Proto, w)
	}
	return accept(w, r, o)
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

// canHijack reports whether Hijack will find a Hijacker. That has to be known before the library answers 101.
func canHijack(w http.ResponseWriter) bool {
	for {
		switch u := w.(type) {
		case http.Hijacker:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = u.Unwrap()
		default:
			return false
		}
	}
}
