package stomp

import "time"

// A subscription that ends by itself, because its session is lost, the broker cancels it or the Client fails, is
// leaving until its consumer has taken what had arrived. That holds up the Client's end for as long as consumers go
// on reading. The channels of Unmatched are seen out in the same way when the Client fails.

// consumerPatience is how long the end of a Client waits for a consumer that takes nothing: longer than most handlers
// take for one message, also where they run into timeouts of their own because the same network is down.
const consumerPatience = 15 * time.Second

// keepLeaving notes that a subscription is leaving. It returns false when nothing more is handed out: then it ends at
// once.
func (c *Client) keepLeaving(sub *subscription) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dropping {
		return false
	}
	if c.leaving == nil {
		c.leaving = make(map[*subscription]bool)
	}
	c.leaving[sub] = true
	return true
}

// dropLeaving ends the subscriptions that are leaving and the channels of Unmatched, and lets none be so from now on.
func (c *Client) dropLeaving() {
	c.mu.Lock()
	c.dropping = true
	subs := c.leavingLocked()
	c.mu.Unlock()
	for _, sub := range subs {
		sub.inbox.End()
	}
	c.unmatched.close()
}

func (c *Client) leavingLocked() (subs []*subscription) {
	for sub := range c.leaving {
		subs = append(subs, sub)
	}
	return subs
}

// leave has the consumer take what had arrived. The subscription has ended, and keepLeaving was called.
func (sub *subscription) leave() {
	sub.inbox.Drain()
	select {
	case <-sub.inbox.Closed(): // nothing waits behind the channel
		sub.left()
	default:
		if !sub.client.goJoined(sub.seeOut) { // the Client has ended
			sub.left()
		}
	}
}

// seeOut waits until the consumer has taken what had arrived; from the Client's end on only as long as it goes on
// doing so. The ctx of the subscription, Unsubscribe and Close end the inbox earlier.
func (sub *subscription) seeOut() {
	defer sub.left()
	select {
	case <-sub.inbox.Closed():
		return
	case <-sub.client.life.Done():
	}
	if left := awaitConsumer(sub.inbox); left > 0 {
		sub.client.log.Warn("stomp: a consumer takes nothing any more; what had arrived for it is dropped",
			"id", sub.id, "destination", sub.destination, "frames", left)
	}
}

// seeOutUnmatched has the channels of Unmatched closed when their consumers have taken what had arrived. The Client
// has failed; its user may end it meanwhile, which closes them at once.
func (c *Client) seeOutUnmatched() {
	for _, in := range c.unmatched.leave() {
		c.running.Go(func() { // closeAll has not begun to wait
			defer c.unmatched.left(in)
			if left := awaitConsumer(in); left > 0 {
				c.log.Warn("stomp: a consumer takes nothing any more; what had arrived for it is dropped", "of", "Unmatched", "frames", left)
			}
		})
	}
}

// awaitConsumer waits until the consumer has taken everything from in, or takes nothing any more, also of what waits
// before it in a Group. It returns how many frames are left then.
func awaitConsumer(in queue) (left int) {
	look := time.NewTicker(consumerPatience)
	defer look.Stop()
	for before := in.Whole().Stats().Delivered; ; {
		select {
		case <-in.Closed():
			return 0
		case <-look.C:
		}
		now := in.Whole().Stats().Delivered
		if now == before {
			return in.Stats().Queued
		}
		before = now
	}
}

// left ends the leaving.
func (sub *subscription) left() {
	sub.inbox.End()
	sub.stopWatching()
	sub.client.mu.Lock()
	delete(sub.client.leaving, sub)
	sub.client.mu.Unlock()
}
