package ws

import (
	"context"
	"errors"
	"net/http"
)

// DialOptions says how to dial. The zero value is usable.
type DialOptions struct {
	// HTTPClient brings TLS, proxy and cookies; nil: http.DefaultClient. It is not modified, and of its transport, if
	// that is an *http.Transport, a copy is used. Its Timeout bounds the handshake. A redirect, which may send
	// credentials elsewhere, is followed only if it has a CheckRedirect.
	HTTPClient   *http.Client
	Header       http.Header // of the upgrade request
	Subprotocols []string    // offered in this order
	Compression  bool        // offer permessage-deflate
	ReadLimit    int64       // bytes of one message; 0: none
}

// Dial connects to t. ctx bounds all of Dial, and nothing after it. Of the options, a bare socket takes what concerns
// the connection: the transport's DialContext and TLSClientConfig; a browser takes the subprotocols and the ReadLimit,
// and its caller refuses the others. Every error is a *HandshakeError, and leaves neither a connection nor a goroutine
// behind.
func Dial(ctx context.Context, t Target, o DialOptions) (*Conn, error) {
	if t.u == nil {
		return nil, &HandshakeError{Err: errors.New("there is no target: a Target comes from ParseURL")}
	}
	return dial(ctx, t, o)
}
