//go:build !js

package ws

import (
	"fmt"
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
