package ws

import (
	"context"
	"fmt"
	"net"
	"time"
)

// pingGrace is how long an abandoned Ping lives on; see Ping. It has to be longer than writing to memory takes.
const pingGrace = time.Second

// Ping sends a ping and waits for its pong. Somebody has to Read meanwhile, and to Flush when Pending says so. The end
// of ctx ends the wait and leaves the connection as it is. On a stream there are no pings: nil, at once.
func (c *Conn) Ping(ctx context.Context) error {
	if c.ws == nil {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("ws: ping: %w", err)
	}

	// The library closes a connection whose context ends while a frame is being written, and it cannot be seen from
	// here when that is over. So its context is another one, which ends well after ours.
	inner, cancel := context.WithCancel(context.Background())
	pong := make(chan error, 1)
	c.pingMu.Lock()
	if c.pingsOver {
		c.pingMu.Unlock()
		cancel()
		return fmt.Errorf("ws: ping: %w", net.ErrClosed)
	}
	c.pings.Go(func() { pong <- c.ws.Ping(inner) }) // joined by CloseNow
	c.pingMu.Unlock()

	select {
	case err := <-pong:
		cancel()
		if err != nil {
			return fmt.Errorf("ws: ping: %w", c.brief(err))
		}
		return nil
	case <-ctx.Done():
		time.AfterFunc(pingGrace, cancel)
		return fmt.Errorf("ws: ping: no pong yet: %w", ctx.Err())
	}
}

// joinPings waits for the pings under way, after the connection has closed, and lets no other start.
func (c *Conn) joinPings() {
	c.pingMu.Lock()
	c.pingsOver = true
	c.pingMu.Unlock()
	c.pings.Wait()
}
