package ws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// maxReason is what a close frame has room for beside its code (RFC 6455, section 5.5).
const maxReason = 123

// Close ends the connection gracefully: it sends what waits and a close frame, and waits for the peer's. A longer
// reason is truncated to 123 bytes. A completed handshake is nil whatever the peer's code, and so is the end of a
// connection that the peer has closed before. The end of ctx aborts the connection at once. With a ctx that never
// ends, Close waits for as long as the peer does not read what waits; after that, a peer that does not answer costs 5
// s, and one that does not take the close frame 6 s. No Write may run meanwhile; a Read may, and ends with the peer's
// close frame or with net.ErrClosed, whichever is first. On a stream it sends what waits and closes. A connection
// that was closed here before is net.ErrClosed.
func (c *Conn) Close(ctx context.Context, code int, reason string) error {
	aborted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // joined below
		defer close(aborted)
		c.b.abort(fmt.Errorf("cut short: %w (%w)", ctx.Err(), net.ErrClosed))
	})
	err := c.closeHandshake(code, reason)
	if !stop() {
		<-aborted
	}
	_ = c.CloseNow() // joins what is left; how it ended is known
	if err != nil {
		return fmt.Errorf("ws: close: %w", err)
	}
	return nil
}

func (c *Conn) closeHandshake(code int, reason string) error {
	if c.ws == nil {
		if err := c.b.out.flush(true); err != nil {
			return err
		}
		c.b.setCause(net.ErrClosed) // what a Read reports
		return c.b.closeConn()
	}
	// From here on the library reads as well, and passes over messages: the reader must not be handed one that comes
	// after one that was passed over.
	c.b.in.stopBypass()
	// From here on nobody flushes but the handshake itself.
	c.b.out.stopGathering()
	err := c.b.out.flush(true)
	if err == nil {
		err = c.ws.Close(websocket.StatusCode(code), truncate(reason, maxReason))
	}
	if cause := c.b.abortCause(); cause != nil {
		return cause
	}
	switch {
	case err == nil, errors.Is(err, net.ErrClosed):
		return nil // the latter: the peer was first, and the library has answered and closed
	case websocket.CloseStatus(err) != -1:
		return nil // a reply with a code that is not ours
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the peer did not answer the close frame for 5 s")
	case c.b.in.failure() == io.EOF:
		return fmt.Errorf("the connection ended without a close frame: %w", io.EOF)
	}
	return innermost(err)
}

// CloseNow ends the connection at once: what waits is lost, and the peer is told nothing. Read, Write, Flush, Ping
// and Close return. It may be called from anywhere and again, and leaves no goroutine behind. Always nil.
//
// The exception to "at once" is a stream whose own Close does a handshake with a peer that does not answer.
func (c *Conn) CloseNow() error {
	c.b.abort(net.ErrClosed)
	if c.ws != nil {
		_ = c.ws.CloseNow() // it reports that it is closed
	}
	c.joinPings()
	return nil
}

// truncate returns at most n bytes of s, and no half rune.
func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// hardClose makes sure that closing nc does not wait for its peer. A TLS connection would try for 5 s to say goodbye,
// so the connection under it is closed first. Others have deadlines; one in the past ends whatever blocks in them (a
// net.Conn that is a WebSocket itself, say, whose Close would wait for a handshake). nil does nothing.
func hardClose(nc net.Conn) {
	switch nc := nc.(type) {
	case nil:
	case *tls.Conn:
		inner := nc.NetConn()
		hardClose(inner)
		_ = inner.Close() // closing nc reports what there is to report
	default:
		_ = nc.SetDeadline(time.Unix(1, 0)) // one that knows no deadlines is closed all the same
	}
}
