package ws

import (
	"context"
	"fmt"
	"io"
)

// Read returns a piece of a message, of at most 64 KiB, valid until the next Read or ReadInto. final: it ends a
// WebSocket message, and may be empty then. On a stream it returns what the connection gave, and final is never true.
//
// Errors stay. They are a *CloseError for the peer's close frame; one that matches io.EOF when the connection ended
// without; ErrTooBig; net.ErrClosed after Close or CloseNow; and what the connection failed with, as it is.
func (c *Conn) Read() (p []byte, final bool, err error) {
	if c.readErr != nil {
		c.dropPiece()
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
		if typ, p, ok := c.b.in.takeMessage(); ok {
			c.typ = typ
			return p, true, c.checkLimit(int64(len(p)))
		}
		typ, msg, err := c.ws.Reader(context.Background())
		if err != nil {
			return nil, false, c.explainRead(err)
		}
		c.typ, c.msg, c.msgSize = MessageType(typ), msg, 0
		if c.b.in.isCompressed() {
			if c.inflate == nil {
				c.inflate = new(inflater)
			}
			c.inflate.begin(msg)
			c.msg = c.inflate
		}
	}
	if c.piece == nil {
		c.piece = getChunk()
	}
	into := c.piece[:]
	if c.msgSize == 0 && c.client {
		into = into[:firstPiece]
	}
	n, final, err := c.readPayload(into)
	return into[:n], final, err
}

// firstPiece is how much of a message a client's first Read of it hands out: enough to tell where the rest belongs,
// which ReadInto takes there, and no more than the library has read with the frame's header. To ask for a byte beyond
// that would make the library read ahead, and what is read ahead has to be copied.
const firstPiece = fillSize - maxHeader

// ReadInto goes on with the message that Read has begun, straight into p, until p is full or the message ends. Where
// there is none, n is 0 and Read has to go on. On a stream it is one read. What Read says of errors holds here too.
func (c *Conn) ReadInto(p []byte) (n int, final bool, err error) {
	if c.readErr != nil {
		return 0, false, c.readErr
	}
	switch {
	case c.ws == nil:
		n, err = c.b.in.readStreamInto(p)
		if err != nil {
			err = c.explainRead(err)
		}
	case c.msg != nil:
		n, final, err = c.readPayload(p)
	}
	if err != nil {
		c.dropPiece()
		c.readErr = err
		return 0, false, err
	}
	return n, final, nil
}

// readPayload reads from the current message until p is full or the message ends. What had come from a server before
// an error is handed out first: it may be a whole frame, or the reason why the server ended the connection.
func (c *Conn) readPayload(p []byte) (n int, final bool, err error) {
	for n < len(p) && !final {
		m, err := c.msg.Read(p[n:])
		n += m
		switch {
		case err == io.EOF && c.b.in.failure() == nil:
			final, c.msg = true, nil
		case err != nil:
			// The library takes the end of the connection for the end of the message, inside a message too:
			// what was cut short must not pass for complete.
			err = c.explainRead(err)
			if n == 0 || !c.client { // the library has not unmasked it
				return 0, false, err
			}
			c.readErr = err
			return n, false, nil
		}
	}
	c.msgSize += int64(n)
	return n, final, c.checkLimit(c.msgSize)
}

// checkLimit returns ErrTooBig for a message of more bytes than the ReadLimit.
func (c *Conn) checkLimit(size int64) error {
	if c.readLimit > 0 && size > c.readLimit {
		return fmt.Errorf("%w: more than %d bytes", ErrTooBig, c.readLimit)
	}
	return nil
}

func (c *Conn) readStream() ([]byte, error) {
	if c.small == nil {
		c.small = make([]byte, fillSize)
	}
	p, err := c.b.in.readStream(c.small)
	if err != nil {
		return nil, c.explainRead(err)
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
