//go:build !unix

package command

import "io"

// watchClosed returns nil: that nobody reads any more shows when the next message is written.
func watchClosed(io.Writer) (closed <-chan struct{}, stop func()) { return nil, func() {} }
