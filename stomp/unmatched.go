package stomp

import (
	"context"

	"github.com/webstomp/webstomp/internal/inbox"
)

// unmatchedKept is how many unmatched frames wait for a slow reader.
const unmatchedKept = 1024

// Unmatched returns a channel of the MESSAGEs that match no subscription (clause S3): those of a subscription that
// was never made, as RabbitMQ sends for /temp-queue/, and replies that came too late. Messages in flight when a
// subscription ended are not included. Up to 1,024 frames or 64 MiB of memory, counted as [WithBuffer] does, wait for
// a slow reader; beyond that the newest is dropped and counted. The channel is closed when ctx or the Client ends.
// Several channels get the same frames, which share header and body. Without any, the frames are only counted
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
