package ws

import (
	"context"
	"fmt"
	"io"
)

// Read returns a piece of a message, of at most 64 KiB, valid until the next Read. final: it ends a WebSocket message,
// and may be empty then. On a stream it returns what the connection gave, and final is never true.
//
// Errors stay. They are a *CloseError for the peer's close frame; one that matches io.EOF when the connection ended
// without; ErrTooBig; net.ErrClosed after Close or CloseNow; and what the connection failed with, as it is.
func (c *Conn) Read() (p []byte, final bool, err error) {
	if c.readErr != nil {
		return nil, false, c.readErr
	}
	if c.ws == nil {
		p, err = c.readStream()
	} else {
		p, final, err = c.readMessage()
	}
	if err != nil {
		c.dropPiece()
		c.readErr = err
		return nil, false, err
	}
	return p, final, nil
}

// ReadType returns the type of the message that the last Read belonged to; 0 on a stream.
func (c *Conn) ReadType() MessageType { return c.typ }

func (c *Conn) readMessage() (p []byte, final bool, err error) {
	// Always a background context: a cancellable one costs 9 allocations per message, and closing the connection
	// ends a Read as well.
	if c.msg == nil {
		c.dropPiece()
		typ, msg, err := c.ws.Reader(context.Background())
		if err != nil {
			return nil, false, c.readFailure(err)
		}
		c.typ, c.msg, c.msgSize = MessageType(typ), msg, 0
	}
	if c.piece == nil {
		c.piece = getChunk()
	}
	n := 0
	for n < len(c.piece) && !final {
		m, err := c.msg.Read(c.piece[n:])
		n += m
		switch {
		case err == io.EOF && c.b.readError() == nil:
			final, c.msg = true, nil
		case err != nil:
			// The library takes the end of the connection for the end of the message, inside a message too:
			// what was cut short must not pass for complete.
			return nil, false, c.readFailure(err)
		}
	}
	if c.msgSize += int64(n); c.readLimit > 0 && c.msgSize > c.readLimit {
		return nil, false, fmt.Errorf("%w: more than %d octets", ErrTooBig, c.readLimit)
	}
	return c.piece[:n], final, nil
}

func (c *Conn) readStream() ([]byte, error) {
	if c.small == nil {
		c.small = make([]byte, fillSize)
	}
	p, err := c.b.next(c.small)
	if err != nil {
		return nil, c.readFailure(err)
	}
	return p, nil
}

// dropPiece gives back what Read handed out last: a connection that waits holds no chunk.
func (c *Conn) dropPiece() {
	if c.piece != nil {
		putChunk(c.piece)
		c.piece = nil
	}
}
