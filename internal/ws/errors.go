package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/coder/websocket"
)

// ErrTooBig is what Read returns for a message above the ReadLimit. The connection stands, so that a Close with 1009
// can tell the peer.
var ErrTooBig = errors.New("ws: the message is too big")

// CloseError is the peer's close frame. Without a status its Code is 1005.
type CloseError struct {
	Code   int
	Reason string
}

func (e *CloseError) Error() string {
	switch {
	case e.Code == int(websocket.StatusNoStatusRcvd):
		return "the peer closed the WebSocket without a status"
	case e.Reason == "":
		return fmt.Sprintf("the peer closed the WebSocket with %d", e.Code)
	}
	return fmt.Sprintf("the peer closed the WebSocket with %d: %q", e.Code, e.Reason)
}

// explainRead returns what the error of a failed read means. The library wraps its errors in its own steps, which are
// of no use to a caller.
func (c *Conn) explainRead(err error) error {
	var ce websocket.CloseError
	if errors.As(err, &ce) {
		return &CloseError{Code: int(ce.Code), Reason: ce.Reason}
	}
	if cause := c.b.abortCause(); cause != nil {
		return fmt.Errorf("ws: read: %w", cause)
	}
	if errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("ws: read: %w", net.ErrClosed)
	}
	switch failed := c.b.in.failure(); {
	case errors.Is(err, context.DeadlineExceeded) && !errors.Is(failed, context.DeadlineExceeded):
		// Reads have no deadline but the library's own for control frames, at which it closes the connection.
		return errors.New("ws: read: the rest of a control frame did not come within 5 s")
	case failed == nil:
	case c.ws == nil && failed == io.EOF:
		return fmt.Errorf("ws: read: the peer ended the connection: %w", failed)
	case failed == io.EOF || failed == io.ErrUnexpectedEOF: // the latter from TLS
		return fmt.Errorf("ws: read: the connection ended without a close frame: %w", failed)
	default:
		return fmt.Errorf("ws: read: %w", explainAlert(failed, c.auth))
	}
	switch written := c.b.out.failure(); {
	case written != nil && errors.Is(err, written): // the library was answering a frame
		return fmt.Errorf("ws: read: %w", written)
	case errors.Is(err, ErrCompressed):
		return fmt.Errorf("ws: read: %w", err)
	}
	return fmt.Errorf("ws: read: %w: %w", ErrProtocol, innermost(err))
}

// explainWrite returns what the error of a failed Write or Flush means.
func (c *Conn) explainWrite(err error) error {
	return fmt.Errorf("ws: write: %w", c.rootCause(err))
}

// rootCause returns why the connection was aborted or what writing failed with, if either is known, else err without
// the library's steps.
func (c *Conn) rootCause(err error) error {
	if cause := c.b.abortCause(); cause != nil {
		return cause
	}
	if failed := c.b.out.failure(); failed != nil {
		return failed
	}
	return innermost(err)
}

// innermost returns the error at the bottom of err, unless that is inside a *net.OpError, which says more with its
// operation and address.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
