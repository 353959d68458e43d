package ws

import "errors"

// unreachable says why t cannot be dialled on this system; nil: it can.
func unreachable(Target) error {
	return errors.New("WASI preview 1 opens no sockets: a host's own connection can be used through WithDialer")
}
