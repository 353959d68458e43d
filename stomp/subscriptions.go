package stomp

import "cmp"

// SubscriptionInfo is a snapshot of one subscription, for those who watch a service from outside.
type SubscriptionInfo struct {
	ID, Destination string // as Subscription.ID and Subscription.Destination
	AckMode         AckMode
	Epoch           uint64 // of the session that it stands on, as in Frame.Epoch; 0: on none now
	// Err says why it stands on none: an outage, its refusal (WithResubscribe), a suspicion that it ends sessions, or
	// the function of WithSubscribeHeaderFunc. nil: nothing is in its way.
	Err   error
	Stats SubscriptionStats
}

// Subscriptions returns a snapshot of the open subscriptions, in the order in which they were made, members of Groups
// among them, and the reply queues of Request not. After the Client's end there are none.
func (c *Client) Subscriptions() []SubscriptionInfo {
	c.mu.Lock()
	var outage error
	switch {
	case c.sess == nil:
		outage = c.status.Err
	case c.sess.isCut():
		outage = c.sess.cutErr
	}
	c.mu.Unlock()
	var all []SubscriptionInfo
	for _, sub := range c.openSubscriptions() {
		if !sub.hasEnded() {
			all = append(all, sub.info(outage))
		}
	}
	return all
}

// info returns a snapshot. outage is why there is no session now; nil: there is one.
func (sub *subscription) info(outage error) SubscriptionInfo {
	info := SubscriptionInfo{ID: sub.id, Destination: sub.destination, AckMode: sub.cfg.ack, Stats: sub.stats()}
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if r := sub.route; r != nil && sub.subscribeSent && !r.session.isOver() {
		info.Epoch = r.epoch
		return info
	}
	var refusal error
	if sub.again != nil {
		refusal = sub.again.refusal
	}
	info.Err = cmp.Or(refusal, sub.waitsFor, outage)
	return info
}
