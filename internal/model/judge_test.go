package model_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// judgeQuiet compares the accounts when the Client is connected and nobody has anything left to do.
func (w *world) judgeQuiet() {
	st, stats := w.client.Status(), w.client.Stats()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked("all is quiet")
	if st.State != stomp.StateConnected {
		w.failLocked("all is quiet, and the Client is %v", st.State)
		return
	}
	w.quiet = true
	w.judgeSessionsLocked()
	open, waits := w.openLocked()
	if w.requests != nil && !closed(w.requests.Done()) {
		open = append(open, w.requests.ID())
	}
	if stats.Subscriptions != len(open) {
		w.failLocked("Stats counts %d subscriptions, %d are open", stats.Subscriptions, len(open))
	}
	slices.Sort(open)
	open = slices.DeleteFunc(open, func(id string) bool { return waits[id] })
	there, replyQueues := w.newest.subscriptionsLocked()
	if replyQueues > mostReplyQueues {
		w.failLocked("connection %d has %d reply queues", w.newest.number, replyQueues)
	}
	slices.Sort(there)
	if !slices.Equal(open, there) {
		w.failLocked("connection %d has the subscriptions %v, the Client %v", w.newest.number, there, open)
	}
	pending := 0
	for _, s := range w.sends {
		if s.receipt == nil || closed(s.receipt.Done()) {
			continue
		}
		pending++
		if w.plan.reconnect && w.plan.profile != stomptest.Spring || s.kind.retries() {
			w.failLocked("the receipt of %s is pending still", s.id)
		}
	}
	if stats.ReceiptsPending != pending && len(w.calls) == 0 {
		w.failLocked("Stats counts %d pending receipts, there are %d", stats.ReceiptsPending, pending)
	}
	if stats.Unwritten != 0 {
		w.failLocked("%d frames are not written", stats.Unwritten)
	}
	w.judgeDeliveriesLocked()
	w.judgeSendsLocked()
}

// judgeRestored sees whether every subscription is there when there was no trouble for a while. Those under suspicion
// may not be.
func (w *world) judgeRestored() {
	w.mu.Lock()
	defer w.mu.Unlock()
	stands := w.plan.odds == 0 && w.plan.troubles == 0 && !w.plan.flood && time.Since(w.newest.connected) > time.Minute
	if w.isSuspiciousLocked(w.newest) && !stands || w.newest.lost || !w.endBegan.IsZero() {
		return
	}
	for _, s := range w.subs {
		if s.s != nil && s.leftAt.IsZero() && !closed(s.s.Done()) && s.destination != poisonTopic && s.destination != appTopic && w.newest.subs[s.id] == nil {
			w.failLocked("%v is not there on connection %d", s, w.newest.number)
		}
	}
}

// judgeSessionsLocked sees whether what the broker refuses costs too many sessions.
func (w *world) judgeSessionsLocked() {
	if w.plan.odds > 0 || w.plan.troubles > 0 || w.renewed {
		return
	}
	poison, ailing := 0, 0
	for _, s := range w.subs {
		switch s.destination {
		case poisonTopic:
			poison++
		case ailingTopic:
			ailing++
		}
	}
	for _, s := range w.sends {
		if s.poison {
			poison++
		}
	}
	sessions, ailed := 0, 0
	for _, c := range w.conns {
		switch {
		case c.asks:
		case c.ailed:
			ailed++
		default:
			sessions++
		}
	}
	if most := 12 + 6*poison; sessions > most {
		w.failLocked("%d sessions, and %d frames were poison", sessions, poison)
	}
	// How often ailingTopic is refused depends on for how long it ails, and is bounded apart. What the broker had
	// accepted before does not end over that: it costs two sessions until it is held back, mostly together with the
	// others. Then one trial at a time may cost a session, the first at once and each other one after two seconds.
	if most := 2*ailing + 3*w.ails + int(w.ailedFor/(2*time.Second)); ailed > most {
		w.failLocked("%d sessions ended over %d subscriptions to %s, which ailed %d times, for %v", ailed, ailing, ailingTopic, w.ails, w.ailedFor)
	}
}

// openLocked returns the ids of the subscriptions that have not ended, and which of them the broker refuses for good.
func (w *world) openLocked() (ids []string, waits map[string]bool) {
	waits = make(map[string]bool)
	for _, s := range w.subs {
		if s.s != nil && !closed(s.s.Done()) {
			ids = append(ids, s.id)
			if s.destination == appTopic {
				waits[s.id] = true
				continue
			}
			lasts := s.again != nil && s.again.Attempts == 0
			if lasts {
				waits[s.id] = s.destination == poisonTopic
				w.judgeRestoredCountLocked(s)
			}
			if err := s.s.Err(); err != nil {
				w.failLocked("%v is open, and its Err is %v", s, err)
			}
			if c := s.refusedOn; s.again == nil && c != nil && !w.slowed && (!c.lost || c.lostAt.Sub(s.refusedAt) > 10*time.Second) {
				w.failLocked("%v is open, and it was refused at %v", s, s.refusedAt.Sub(w.began))
			}
			if s.destination == poisonTopic && !lasts {
				w.failLocked("%v is open, and the broker refuses it always", s)
			}
			if !s.leftAt.IsZero() && s.leftAt.Before(time.Now().Add(-2*time.Minute)) {
				w.failLocked("%v was ended at %v, and is open", s, s.leftAt.Sub(w.began))
			}
		}
	}
	return ids, waits
}

// judgeRestoredCountLocked compares how often a subscription was restored with how often it was cancelled.
func (w *world) judgeRestoredCountLocked(s *subscription) {
	least, n := 0, int(s.s.Stats().Restored)
	for _, c := range w.conns {
		for _, at := range c.cancelled[s.id] {
			if !s.reused && (!c.lost || c.lostAt.Sub(at) > time.Second) { // it has come
				least++
			}
		}
	}
	if n < least && s.leftAt.IsZero() || n > max(0, s.sent-1) {
		w.failLocked("%v was restored %d times; it was cancelled %d times at least, and %d SUBSCRIBEs came", s, n, least, s.sent)
	}
}

// judgeEnd compares the accounts when the Client has ended.
func (w *world) judgeEnd() {
	c := w.client
	err, st, stats := c.Err(), c.Status(), c.Stats()
	w.callEnded()
	stale := w.broker.StaleAcks()
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		w.failLocked("Done is closed, and Err is nil")
	case w.plan.reconnect && !errors.Is(err, stomp.ErrClosed):
		w.failLocked("the Client was ended by its user, and its Err is %v", err)
	}
	if st.State != stomp.StateClosed || st.Err != err {
		w.failLocked("the Client has ended with %v, and its Status is %+v", err, st)
	}
	if stats.ReceiptsPending != 0 || stats.Subscriptions != 0 || stats.Queued != 0 || stats.QueuedBytes != 0 || stats.Unwritten != 0 {
		w.failLocked("the Client has ended, and its Stats are %+v", stats)
	}
	if stale != 0 {
		w.failLocked("%d acks came on a session that had not delivered their message", stale)
	}
	for _, s := range w.sends {
		if s.receipt == nil {
			continue
		}
		if !closed(s.receipt.Done()) {
			w.failLocked("the Client has ended, and the receipt of %s is pending", s.id)
		} else if err := s.receipt.Err(); err != nil && !errors.Is(err, context.Canceled) {
			w.checkErrorLocked(s.id, "the Receipt", err)
		}
	}
	if w.quiet && w.gentle && !w.newest.disconnected {
		w.failLocked("no DISCONNECT came on connection %d", w.newest.number)
	}
	for _, s := range w.subs {
		if s.s != nil {
			w.judgeCountsLocked(s)
		}
		if s.unsent && s.asked {
			w.failLocked("SUBSCRIBE of subscription %d came, and it was said that it was not written", s.number)
		}
	}
	w.judgeDeliveriesLocked()
	w.judgeSendsLocked()
}

// judgeCountsLocked compares a subscription's counters with what its consumer got.
func (w *world) judgeCountsLocked(s *subscription) {
	n := s.s.Stats()
	if n.Restored > 0 && (s.again == nil || w.words == 0) {
		w.failLocked("%v was restored %d times", s, n.Restored)
	}
	if int(n.Delivered) != len(s.got) || n.Received != n.Delivered+n.Dropped || n.Queued != 0 || n.QueuedBytes != 0 {
		w.failLocked("%v has got %d frames, and its Stats are %+v", s, len(s.got), n)
	}
	if n.Dropped > 0 && s.mode == stomp.AckAuto && w.quiet && s.leftAt.IsZero() && !s.drops() && s.s.Err() == nil && w.draining && w.gentle {
		w.failLocked("%v: Drain has dropped %d frames", s, n.Dropped)
	}
}

// callEnded makes calls on a Client that has ended.
func (w *world) callEnded() {
	c := w.client
	for name, f := range map[string]func(context.Context) error{
		"Send":      func(ctx context.Context) error { return c.Send(ctx, "/queue/a", nil) },
		"SendAsync": func(ctx context.Context) error { _, err := c.SendAsync(ctx, "/queue/a", nil); return err },
		"Subscribe": func(ctx context.Context) error { _, err := c.Subscribe(ctx, "/queue/a"); return err },
		"Begin":     func(ctx context.Context) error { _, err := c.Begin(ctx); return err },
		"Request":   func(ctx context.Context) error { _, err := c.Request(ctx, "/queue/a", nil); return err },
		"Flush":     c.Flush,
	} {
		began := time.Now()
		err := w.call("the end", name, time.Minute, f)
		if !errors.Is(err, stomp.ErrClosed) || time.Since(began) > 0 {
			w.fail("%s of a Client that has ended takes %v and returns %v", name, time.Since(began), err)
		}
	}
	w.mu.Lock()
	for _, s := range w.subs {
		for _, r := range s.got {
			if s.mode != stomp.AckAuto && r.open {
				if err := c.Ack(context.Background(), r.frame); !errors.Is(err, stomp.ErrStale) && !errors.Is(err, stomp.ErrClosed) && !errors.Is(err, stomp.ErrNotAckable) {
					w.failLocked("Ack on a Client that has ended says %v", err)
				}
				break
			}
		}
	}
	w.mu.Unlock()
	for _, again := range []func() error{c.Close, func() error { return c.Disconnect(context.Background()) }, func() error { return c.Drain(context.Background()) }} {
		if err := again(); err != nil {
			w.fail("ending a Client that has ended: %v", err)
		}
	}
	if st, open := <-c.Watch(context.Background()); !open || st.State != stomp.StateClosed {
		w.fail("Watch on a Client that has ended gives %+v", st)
	}
	if f, open := <-c.Unmatched(context.Background()); open {
		w.fail("Unmatched on a Client that has ended gives %v", f)
	}

}
