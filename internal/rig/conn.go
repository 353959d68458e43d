package rig

import (
	"net"
	"sync/atomic"
	"time"
)

// Conn is a connection of which a test replaces some methods. Where a function is nil, the method is that of
// net.Conn.
type Conn struct {
	net.Conn
	OnWrite       func(p []byte) (int, error)
	OnClose       func() error
	OnSetDeadline func(at time.Time) error

	closed atomic.Bool
}

func (c *Conn) Write(p []byte) (int, error) {
	if c.OnWrite != nil {
		return c.OnWrite(p)
	}
	return c.Conn.Write(p)
}

func (c *Conn) SetDeadline(at time.Time) error {
	if c.OnSetDeadline != nil {
		return c.OnSetDeadline(at)
	}
	return c.Conn.SetDeadline(at)
}

func (c *Conn) Close() error {
	defer c.closed.Store(true)
	if c.OnClose != nil {
		return c.OnClose()
	}
	return c.Conn.Close()
}

// Closed tells whether Close has returned.
func (c *Conn) Closed() bool { return c.closed.Load() }
