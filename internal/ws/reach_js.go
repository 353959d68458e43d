package ws

import (
	"errors"
	"fmt"
)

// unreachable says why t cannot be dialled on this system; nil: it can.
func unreachable(t Target) error {
	switch {
	case t.Bare():
		return fmt.Errorf("%s needs a socket, and a browser opens none: dial the server's WebSocket, ws:// or wss://", t.u.Scheme)
	case t.u.User != nil:
		return errors.New("it has a user, and a browser sends none with a WebSocket: a login of STOMP's belongs into WithLogin, a token into the query")
	}
	return nil
}
