//go:build !unix

package ws

import "net"

// rawSocket has no implementation here: writing is left to Flush, and reading to the library.
type rawSocket struct{}

func newRawSocket(net.Conn) *rawSocket { return nil }

func (*rawSocket) tryWrite([]byte) (int, error) { return 0, nil }

func (*rawSocket) read(int) (*chunk, int, error) { return nil, 0, nil }
