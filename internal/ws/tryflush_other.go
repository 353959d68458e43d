//go:build !unix

package ws

import "net"

// rawWriter has no implementation here: everything is left to Flush.
type rawWriter struct{}

func newRawWriter(net.Conn) *rawWriter { return nil }

func (*rawWriter) try([]byte) (int, error) { return 0, nil }
