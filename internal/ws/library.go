//go:build !js

package ws

import (
	"time"

	"github.com/coder/websocket"
)

// library is what carries messages, and does all that is not ours to do. In a browser that is the browser: see
// browser_js.go, which also has the like of what follows.
type library = *websocket.Conn

const (
	// failTimeout bounds Fail.
	failTimeout = time.Second

	// writerGrace is how long Fail lets a write go on that is under way. A peer that does not read holds that up, and
	// whoever waits for the writer.
	writerGrace = 100 * time.Millisecond
)

// tellFailure sends what waits and a close frame, and drops what comes until the peer closes.
func (c *Conn) tellFailure(code int, reason string) {
	c.b.in.stopBypass()
	late := time.AfterFunc(writerGrace, func() { c.b.abort(errCloseNotTaken) })
	defer late.Stop()
	c.b.out.beginFail(code, reason)
	late.Reset(failTimeout)
	if c.b.out.flushLast() == nil {
		c.b.drain()
	}
}

// awaitTaken waits until what was written is taken off our hands: it is, where writing waits for the connection.
func (c *Conn) awaitTaken() error { return nil }

// isBacklogged reports whether awaitTaken would wait.
func (c *Conn) isBacklogged() bool { return false }
