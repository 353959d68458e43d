package ws

import (
	"fmt"
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
