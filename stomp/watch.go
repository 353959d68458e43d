package stomp

import "context"

// Status says what the Client is doing now. It may be called at any time, also
// after Close.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Watch returns a channel of the Client's status: the present one at once, then
// each change. It has room for one; when nobody reads, the newest replaces it.
// It is closed when ctx ends, and after StateClosed when the Client has ended.
func (c *Client) Watch(ctx context.Context) <-chan Status {
	out := make(chan Status, 1)
	if !c.goJoined(func() { c.report(ctx, out) }) {
		out <- c.Status() // StateClosed, or about to be; has room
		close(out)
	}
	return out
}

// report alone sends to out and closes it.
func (c *Client) report(ctx context.Context, out chan Status) {
	defer close(out)
	for {
		c.mu.Lock()
		now, changed := c.status, c.changed.Wait()
		c.mu.Unlock()
		select {
		case <-out: // nobody has read it, and it is old
		default:
		}
		out <- now // has room: nobody else sends
		if now.State == StateClosed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// setStatus changes the status and wakes the watchers. Only Connect and, after it, the supervisor call it.
func (c *Client) setStatus(change func(*Status)) {
	c.mu.Lock()
	change(&c.status)
	changed := c.changed.Take()
	c.mu.Unlock()
	changed.Wake()
}
