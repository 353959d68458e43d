package ws

import (
	"context"
	"fmt"

	"github.com/coder/websocket"
)

const (
	// maxPayload bounds what goes into one WebSocket frame. Artemis takes no frame above 65,536 bytes, and counts
	// what compression adds.
	maxPayload = chunkSize - 1024

	// maxHeader is the longest header of a frame (RFC 6455, section 5.2).
	maxHeader = 14
)

// Write gathers one message; a long one becomes several frames below 64 KiB each. It goes out with the next Flush, or
// when a chunk's worth waits: only then does Write wait for the connection. msg is free again when it returns. On a
// stream typ means nothing; on one that keeps messages apart, msg goes out at once, in one Write.
func (c *Conn) Write(typ MessageType, msg []byte) error {
	var err error
	switch {
	case c.ws == nil:
		err = c.writeStream(msg)
	case typ != Text && typ != Binary:
		return fmt.Errorf("ws: write: message type %d is neither Text nor Binary", typ)
	case len(msg) > maxPayload:
		err = c.writeFragments(typ, msg)
	case c.b.out.bypass:
		err = c.b.out.addMessage(typ, msg)
	default:
		if err = c.b.out.cork(len(msg) + maxHeader); err == nil {
			err = c.ws.Write(context.Background(), websocket.MessageType(typ), msg)
		}
	}
	if err != nil {
		return c.explainWrite(err)
	}
	return nil
}

func (c *Conn) writeFragments(typ MessageType, msg []byte) error {
	w, err := c.ws.Writer(context.Background(), websocket.MessageType(typ))
	if err != nil {
		return err
	}
	for len(msg) > 0 {
		n := min(len(msg), maxPayload)
		if err := c.b.out.cork(n + maxHeader); err != nil {
			return err
		}
		if _, err := w.Write(msg[:n]); err != nil {
			return err
		}
		msg = msg[n:]
	}
	// The last frame is an empty one with FIN set: the library offers no way to set it on the one before.
	if err := c.b.out.cork(maxHeader); err != nil {
		return err
	}
	return w.Close()
}

func (c *Conn) writeStream(msg []byte) error {
	if c.keepsMessages {
		return c.b.out.writeAlone(msg)
	}
	for len(msg) > 0 {
		n := min(len(msg), chunkSize)
		if err := c.b.out.cork(n); err != nil {
			return err
		}
		if err := c.b.write(msg[:n]); err != nil {
			return err
		}
		msg = msg[n:]
	}
	return nil
}

// Flush sends what waits, in one system call where the connection takes it in one, and what is added meanwhile.
func (c *Conn) Flush() error {
	err := c.b.out.flush(true)
	if err == nil {
		err = c.awaitTaken()
	}
	if err != nil {
		return c.explainWrite(err)
	}
	return nil
}

// TryFlush sends as much of what waits as goes without blocking. false: something is left, and Flush has to finish
// it. It does its best on plain TCP and unix sockets; elsewhere (TLS, pipes, other systems) all is left to Flush.
func (c *Conn) TryFlush() (done bool, err error) {
	done, err = c.b.out.tryFlush()
	if err != nil {
		return false, c.explainWrite(err)
	}
	return done && !c.isBacklogged(), nil
}

// Pending is signalled when bytes wait that no Write announced, and that only Flush will send: a ping, the answer to
// one, the reply to a close. A signal may be stale: Flush has nothing to do then. It has room for one; what else has
// to wake the goroutine that writes may signal it too, if it does not block for that.
func (c *Conn) Pending() chan struct{} { return c.b.out.pending }
