package stomp

import "github.com/webstomp/webstomp/internal/inbox"

// Stats counts what a Client has done since Connect, over all its sessions. The fields of type int and int64 are
// levels, of this moment; all others only grow.
type Stats struct {
	Sessions                           uint64 // established so far
	Attempts, FailedAttempts           uint64 // to make a session: all, and those that failed
	FramesReceived, FramesSent         uint64 // after CONNECTED, without heart-beats
	BytesReceived, BytesSent           uint64 // after the handshake, with WebSocket framing, without TLS
	HeartBeatsReceived, HeartBeatsSent uint64 // each an EOL between frames
	ReceiptsPending                    int    // asked for by callers, not answered yet
	Subscriptions                      int    // open, without the reply queues of Request
	ReplyQueues                        int    // of Request, in this session
	Queued                             int    // frames waiting for consumers, in all subscriptions
	QueuedBytes                        int64  // memory that those frames take, as WithBuffer counts it
	Dropped                            uint64 // frames that no consumer got, because of a policy or the end of a subscription
	Stalls                             uint64 // times that a queue with OverflowBlock became full
	Unmatched                          uint64 // MESSAGEs that no subscription claimed (clause S3)
	Repaired                           uint64 // frames with a wrong content-length (clause W8)
	Unwritten                          int    // frames accepted and not yet handed to the connection; 0 in an outage
	UnwrittenBytes                     int64  // bytes of those; from 1 MiB on, calls that send wait
	Errors                             uint64 // ERRORs of the broker, after CONNECTED
	StrayErrors                        uint64 // ERRORs for a receipt or subscription no longer known
}

// SubscriptionStats counts what a subscription, a Member or a Group has done, over all sessions.
type SubscriptionStats struct {
	Received    uint64 // frames that arrived for it; each is delivered, dropped, or waits
	Delivered   uint64 // frames that its consumer has taken from the channel
	Dropped     uint64 // frames that its consumer did not get, because of a policy or its end
	Stalls      uint64 // times that its queue became full (OverflowBlock)
	Queued      int    // frames waiting for the consumer now, in queue and channel
	QueuedBytes int64  // memory that those frames take, as WithBuffer counts it
	// Restored is how often the broker has accepted the subscription again after it had refused or cancelled it
	// (WithResubscribe): messages may be missing each time. It is counted before the first frame that comes after. A
	// restore on a new session is not counted, which Frame.Epoch shows.
	Restored uint64
}

func statsOf(n inbox.Stats) SubscriptionStats {
	return SubscriptionStats{Received: n.Received, Delivered: n.Delivered, Dropped: n.Dropped, Stalls: n.Stalls, Queued: n.Queued, QueuedBytes: n.QueuedBytes}
}

// Stats returns a snapshot. It may be called at any time, also after Close.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	total := c.past
	s := c.sess
	subs := make([]*subscription, 0, len(c.subs))
	for _, sub := range c.subs {
		subs = append(subs, sub)
		if !sub.hasEnded() { // else it is about to leave the table
			total.Subscriptions++
		}
	}
	for sub := range c.leaving {
		if c.subs[sub.id] != sub { // else it is about to leave that
			subs = append(subs, sub)
		}
	}
	c.mu.Unlock()
	if s != nil {
		s.addTo(&total)
		total.Unwritten, total.UnwrittenBytes = s.out.Waiting()
		total.ReplyQueues = s.replies.count()
	}
	total.Attempts = c.counters.attempts.Load()
	total.FailedAttempts = c.counters.failedAttempts.Load()
	total.Errors = c.counters.brokerErrors.Load()
	total.ReceiptsPending = c.receipts.countAsked()
	total.Stalls = c.counters.stalls.Load()
	total.Unmatched = c.counters.unmatched.Load()
	total.StrayErrors = c.counters.strayErrors.Load()
	total.Dropped = c.counters.dropped.Load()
	for _, sub := range subs {
		one := sub.inbox.Stats()
		total.Queued += one.Queued
		total.QueuedBytes += one.QueuedBytes
	}
	return total
}

func (s *session) addTo(t *Stats) {
	t.Sessions++
	t.FramesReceived += s.received.Load()
	t.FramesSent += s.writer.Frames()
	t.BytesReceived += s.conn.BytesRead()
	t.BytesSent += s.conn.BytesWritten()
	t.HeartBeatsReceived += s.beatsReceived.Load()
	t.HeartBeatsSent += s.writer.Beats()
	t.Repaired += s.repaired.Load()
}
