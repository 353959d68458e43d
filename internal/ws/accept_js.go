package ws

import (
	"errors"
	"net/http"
)

// accept refuses: the WebSocket library has no server for JavaScript.
func accept(w http.ResponseWriter, _ *http.Request, _ AcceptOptions) (*Conn, error) {
	err := errors.New("ws: accept: a program in JavaScript cannot be a WebSocket server")
	http.Error(w, err.Error(), http.StatusNotImplemented)
	return nil, err
}
