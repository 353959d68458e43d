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
// a slow reader; beyond that the newest is dropped and counted. Several channels get the same frames, which share
// header and body. Without any, the frames are only counted ([Stats]).
//
// ctx is the channel's lifetime. The channel goes on across a reconnect; [Frame.Epoch] tells the sessions apart. It
// is closed when ctx ends or the Client. Where the Client fails by itself, that is when everything that had arrived
// is taken, or nothing is for 15 s (see [Client.Done]); where ctx or its user ends it, at once, and what waits behind
// the channel's buffer is dropped.
func (c *Client) Unmatched(ctx context.Context) <-chan Frame {
	in := inbox.New(frameOwner{&c.env}, inbox.Bound{Count: unmatchedKept, Bytes: defaultBytes, Policy: inbox.DropNewest})
	if !c.unmatched.add(in) {
		in.End()
		return in.C()
	}
	stop := c.whenDone(ctx, func() {
		c.logDeadline(ctx, "a channel of Unmatched")
		c.unmatched.remove(in)
		in.End()
	})
	c.unmatched.onClose(in, stop)
	return in.C()
}
