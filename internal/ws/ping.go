package ws

import (
	"context"
	"fmt"
	"net"
	"time"
)

// pingGrace is how long an abandoned Ping lives on; see Ping. It has to be longer than writing to memory takes.
const pingGrace = time.Second

// Ping sends a ping and waits for its pong. Somebody has to Read meanwhile, and to Flush when Pending says so. The
// end of ctx ends the wait and leaves the connection as it is. On a stream there are no pings: nil, at once.
func (c *Conn) Ping(ctx context.Context) error {
	if c.ws == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ws: ping: %w", err)
	}
	if err := c.b.out.failure(); err != nil { // which the library is not told
		return fmt.Errorf("ws: ping: %w", c.rootCause(err))
	}

	// The library closes a connection whose context ends while a frame is being written, and nothing here shows when
	// that is done. So it gets a context of its own, which ends well after ctx.
	inner, cancel := context.WithCancel(context.Background())
	pong := make(chan error, 1)
	if !c.startPing(func() { pong <- c.ws.Ping(inner) }) {
		cancel()
		return fmt.Errorf("ws: ping: %w", net.ErrClosed)
	}

	select {
	case err := <-pong:
		cancel()
		if err != nil {
			return fmt.Errorf("ws: ping: %w", c.rootCause(err))
		}
		return nil
	case <-c.failing:
		time.AfterFunc(pingGrace, cancel)
		return fmt.Errorf("ws: ping: %w", net.ErrClosed)
	case <-ctx.Done():
		time.AfterFunc(pingGrace, cancel)
		return fmt.Errorf("ws: ping: no pong yet: %w", ctx.Err())
	}
}

// startPing runs ping in a goroutine that joinPings joins. false: the connection was closed, and ping does not run.
func (c *Conn) startPing(ping func()) bool {
	c.pingMu.Lock()
	defer c.pingMu.Unlock()
	if c.pingsClosed {
		return false
	}
	c.pings.Go(ping)
	return true
}

// joinPings waits for the pings under way, after the connection has closed, and lets no other start.
func (c *Conn) joinPings() {
	c.pingMu.Lock()
	c.pingsClosed = true
	c.pingMu.Unlock()
	c.pings.Wait()
}
