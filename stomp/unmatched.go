package stomp

import (
	"context"

	"github.com/webstomp/webstomp/internal/inbox"
)

// unmatchedKept is how many unmatched frames wait for a slow reader.
const unmatchedKept = 1024

// Unmatched returns a channel of the MESSAGEs that no subscription claims
// (clause S3): those of a subscription that was never made, as RabbitMQ sends
// to /temp-queue/, and replies that came too late. What was under way when a
// subscription ended is not among them. Up to 1,024 wait for a slow reader,
// then the newest is dropped and counted. It closes with ctx or with the
// Client. Several channels share the frames. Without any, they are counted
// ([Stats]).
func (c *Client) Unmatched(ctx context.Context) <-chan Frame {
	in := inbox.New(frameOwner{&c.env}, inbox.Bound{Count: unmatchedKept, Bytes: defaultBytes, Policy: inbox.DropNewest})
	if !c.unmatched.add(in) {
		in.End()
		return in.C()
	}
	stop := c.whenDone(ctx, func() {
		c.unmatched.remove(in)
		in.End()
	})
	c.unmatched.onClose(in, stop)
	return in.C()
}
