package model_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing/synctest"
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

// drops reports whether its policy drops frames.
func (s *subscription) drops() bool {
	return s.policy == stomp.OverflowDropOldest || s.policy == stomp.OverflowDropNewest
}

// judgeDeliveriesLocked compares what the broker sent with what consumers got.
func (w *world) judgeDeliveriesLocked() {
	for _, s := range w.subs {
		if s.s == nil || s.reused || s.drops() {
			continue
		}
		for _, c := range w.conns {
			sub := c.last[s.id]
			if sub == nil || c.asks {
				continue
			}
			all := w.leavesLocked(s, c) || w.quiet && c == w.newest && !closed(s.s.Done()) ||
				s.mode == stomp.AckAuto && s.policy != stomp.OverflowFail && s.left != nil && !s.abandoned && s.left.receipt && s.left.epoch != 0 && sub.left && !sub.taken
			missing := ""
			for _, d := range sub.deliveries {
				switch {
				case d.got > 0 && missing != "":
					w.failLocked("%v has not got %s on connection %d, but a later one", s, missing, c.number)
				case d.got > 0 || missing != "":
				case all && d.whole && (!c.lost || d.at.Before(c.lostAt)):
					w.failLocked("%v has not got %s, which was sent on connection %d", s, bodyID([]byte(d.body)), c.number)
					missing = bodyID([]byte(d.body))
				default:
					missing = bodyID([]byte(d.body))
				}
			}
		}
		w.judgeAcksLocked(s)
	}
}

// leavesLocked reports whether a subscription has ended with that connection, and its consumer gets what had arrived.
func (w *world) leavesLocked(s *subscription, c *connection) bool {
	switch {
	case s.mode != stomp.AckAuto, s.policy == stomp.OverflowFail, !s.leftAt.IsZero(), !errors.Is(s.s.Err(), stomp.ErrConnectionLost):
		return false
	case w.plan.odds > 0, w.plan.flood, w.slowed, w.client.Stats().Stalls > 0: // nobody knows what had arrived
		return false
	case !c.lost, c.disconnected, c.last[s.id].taken, len(s.got) > 0 && s.got[0].from.conn != c && s.sessionOnly:
		return false
	case !w.plan.reconnect && s.paused: // it is not waited for
		return false
	}
	return !s.closedAt.IsZero() && (w.endBegan.IsZero() || s.closedAt.Before(w.endBegan) || w.gentle && w.plan.end == byDrain)
}

// judgeAcksLocked checks that Unsubscribe has waited for the acknowledgements.
func (w *world) judgeAcksLocked(s *subscription) {
	if s.mode == stomp.AckAuto || s.left == nil || s.abandoned || s.left.epoch == 0 || w.plan.profile == stomptest.Spring {
		return
	}
	for _, r := range s.got {
		if r.frame.Epoch == s.left.epoch && !r.from.sub.taken && (r.open || r.acked && r.ackedAt.After(s.left.at)) {
			w.failLocked("%v: Unsubscribe has returned before %s was acknowledged", s, r.frame.MessageID())
		}
	}
}

// outcome returns what was said of a SEND at last. known is false while its receipt is pending.
func (s *sending) outcome() (err error, known bool) {
	if s.receipt == nil {
		return s.err, s.returned
	}
	return s.receipt.Err(), closed(s.receipt.Done())
}

// overdueAfter is how long the receipt of a SEND WithRetry has to be overdue, at least, until it is sent for the n-th
// time again on a session that lives.
func overdueAfter(n int) time.Duration { return 15 * time.Second << (n - 1) }

// lostUnwritten is how many bytes may be lost with each connection beyond those that Stats counts as sent: what the
// Client had gathered, what it was writing as the connection broke, and the frame under way.
const lostUnwritten = 2*64<<10 + 40_000

// judgeSendsLocked compares what was said of each SEND with what the broker saw.
func (w *world) judgeSendsLocked() {
	lost, came := 0, 0
	senders := make(map[string][]*sending)
	for _, s := range w.sends {
		if s.kind == published {
			continue
		}
		senders[s.by] = append(senders[s.by], s)
		err, known := s.outcome()
		effects := 0
		for i, one := range s.seen {
			came += s.size
			if one.effect {
				effects++
			}
			before := 0 // how often it came on the same connection
			for _, other := range s.seen[:i] {
				if other.conn == one.conn {
					before++
				}
			}
			if age := one.at.Sub(s.began); before > 0 && (!s.kind.retries() || age < overdueAfter(before)) {
				w.failLocked("%s came %d times on connection %d within %v", s.id, before+1, one.conn.number, age)
			}
		}
		if len(s.seen) > 1 && !s.kind.retries() {
			w.failLocked("%s came %d times", s.id, len(s.seen))
		}
		if !known {
			continue
		}
		if s.patient && !s.poison && err != nil && w.quiet && w.plan.reconnect && w.plan.odds == 0 && w.plan.troubles == 0 && !w.plan.flood &&
			w.plan.profile != stomptest.Spring {
			w.failLocked("%s is refused by nobody, and it was said: %v", s.id, err)
		}
		// A server that confirms nothing leaves every SEND under suspicion.
		if w.plan.odds == 0 && !s.poison && isPoisonous(err) && w.plan.profile != stomptest.Spring {
			w.failLocked("%s is no poison, and it was said: %v", s.id, err)
		}
		asked := s.kind == confirmed || s.kind == async || s.kind.retries()
		switch {
		case stomp.Unsent(err) && len(s.seen) > 0:
			w.failLocked("%s came, and it was said that it was not written: %v", s.id, err)
		case err == nil && asked && effects == 0:
			w.failLocked("%s was confirmed, and did not come", s.id)
		case err != nil && s.kind.retries() && errors.Is(err, stomp.ErrConnectionLost) && w.plan.reconnect && w.endBegan.IsZero() &&
			!errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) && !errors.Is(err, stomp.ErrNotConnected):
			w.failLocked("%s was sent WithRetry, and it was said: %v", s.id, err)
		case s.kind == plain && errors.Is(err, stomp.ErrConnectionLost) && w.plan.reconnect && w.endBegan.IsZero() && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, stomp.ErrNotConnected):
			w.failLocked("%s may wait for the next session, and it was said: %v", s.id, err)
		case s.kind == racing:
		case err == nil && !asked && len(s.seen) == 0:
			if w.cleanLocked(w.newest) && s.began.After(w.newest.connected) {
				w.failLocked("%s was accepted, did not come, and its connection %d was not lost", s.id, w.newest.number)
			}
			lost += s.size
		case s.kind == inTransaction && s.commit == committed && len(s.seen) == 1:
			if c := s.seen[0].conn; w.cleanLocked(c) && !w.committed[s.seen[0].tx] {
				w.failLocked("%s: its transaction was committed, and COMMIT did not come on connection %d", s.id, c.number)
			}
		}
	}
	losses := w.lossesLocked()
	if !w.cleanLocked(w.newest) {
		losses++
	}
	written := int(w.client.Stats().BytesSent)
	if most := written - came + losses*lostUnwritten; lost > most && w.plan.reconnect && (w.endBegan.IsZero() || w.gentle) {
		w.failLocked("%d bytes were accepted, not confirmed, and did not come; %d may be lost: %d were written, %d came, on %d connections that were lost", lost, most, written, came, losses)
	}
	for by, all := range senders {
		w.judgeOrderLocked(by, all)
	}
}

// cleanLocked reports whether everything that was accepted on a connection must have come.
func (w *world) cleanLocked(c *connection) bool {
	return c != nil && c == w.newest && !c.lost && (w.quiet || w.gentle && c.disconnected)
}

// judgeOrderLocked checks that what one goroutine sent came in that order.
func (w *world) judgeOrderLocked(by string, all []*sending) {
	type arrival struct {
		sight
		s *sending
	}
	var came []arrival
	for _, s := range all {
		if !s.kind.retries() && s.kind != racing && len(s.seen) == 1 {
			came = append(came, arrival{s.seen[0], s})
		}
	}
	slices.SortFunc(came, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.conn.number, b.conn.number), cmp.Compare(a.frame, b.frame))
	})
	for i := 1; i < len(came); i++ {
		if came[i].s.number < came[i-1].s.number {
			w.failLocked("%s came after %s", came[i].s.id, came[i-1].s.id)
		}
	}
}

// probe sees whether a Client that has seen trouble still does what it should.
func (w *world) probe(dice *rand.Rand) {
	for _, d := range destinations {
		w.publish(d)
	}
	answers := w.plan.profile != stomptest.Spring
	a := &actor{w: w, name: "the probe", dice: dice}
	opts := []stomp.SendOption{}
	k := plain
	if answers {
		opts, k = append(opts, stomp.WithReceipt()), confirmed
	}
	body, s := a.body(k)
	err := w.call(a.name, "Send "+s.id, 30*time.Second, func(ctx context.Context) error {
		return w.client.Send(ctx, "/topic/a", body, opts...)
	})
	w.returned(s, err, nil)
	if err != nil {
		w.fail("Send fails when all is quiet: %v", err)
	}
	for range 10 { // nothing is on trial any more, for which they would wait
		began := time.Now()
		body, s := a.body(plain)
		err := w.call(a.name, "Send "+s.id, 30*time.Second, func(ctx context.Context) error {
			return w.client.Send(ctx, "/queue/sink", body)
		})
		w.returned(s, err, nil)
		if took := time.Since(began); err != nil || took > 0 {
			w.fail("Send takes %v when all is quiet: %v", took, err)
		}
		time.Sleep(700 * time.Millisecond)
	}
	time.Sleep(time.Minute)
	synctest.Wait()
	w.mu.Lock()
	if w.newest.lost && w.plan.reconnect {
		w.failLocked("a connection is lost when all is quiet")
	}
	w.judgeDeliveriesLocked()
	w.judgeSendsLocked()
	w.mu.Unlock()
	w.probeUnsubscribe(answers) // the first of its session
	if w.client.Stats().ReceiptsPending == 0 {
		w.probeStall(answers)
	}
	if answers {
		w.probeAcks()
	}
	if w.requests != nil && !closed(w.requests.Done()) {
		w.probeRequests()
	}
}

// probeUnsubscribe sees how long Unsubscribe waits for a server that may leave out the answer: once, and for a
// second.
func (w *world) probeUnsubscribe(answers bool) {
	var subs []*stomp.Subscription[stomp.Frame]
	for range 2 {
		err := w.call("the probe", "Subscribe", time.Minute, func(context.Context) error {
			s, err := w.client.NewSubscription(context.Background(), "/topic/nothing")
			subs = append(subs, s)
			return err
		})
		if err != nil {
			w.fail("Subscribe fails when all is quiet: %v", err)
			return
		}
	}
	time.Sleep(time.Second)
	for i, s := range subs {
		most := time.Duration(0)
		if i == 0 && answers && w.plan.muteUnsubscribe {
			most = time.Second
		}
		began := time.Now()
		err := w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) })
		if took := time.Since(began); err != nil || took > most {
			w.fail("Unsubscribe takes %v when all is quiet: %v", took, err)
		}
	}
}

// probeRequests sees whether many requests at many reply queues are answered, and how many of those stay.
func (w *world) probeRequests() {
	var all sync.WaitGroup // joined below
	dice := rand.New(rand.NewPCG(w.seed, 6))
	for i := range 3 * manyReplyQueues {
		body, s := w.bodyOf(&sending{id: fmt.Sprintf("the probe's request %d", i), by: "the probe's requests", kind: request, began: time.Now()}, 0)
		opts := []stomp.SendOption{stomp.WithReplyTo(fmt.Sprint(replyQueue, dice.IntN(manyReplyQueues)))}
		all.Go(func() {
			if err := w.request("the probe", body, s, 30*time.Second, opts); err != nil {
				w.fail("Request fails when all is quiet: %v", err)
			}
		})
		if i%12 == 0 {
			all.Wait()
		}
	}
	all.Wait()
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, n := w.newest.subscriptionsLocked(); n > mostReplyQueues {
		w.failLocked("%d reply queues stay", n)
	}
}

// probeAcks sees whether frames are acknowledged one by one and together, and whether Unsubscribe waits for that and
// no longer.
func (w *world) probeAcks() {
	for _, mode := range []stomp.AckMode{stomp.AckClient, stomp.AckClientIndividual} {
		if mode == stomp.AckClientIndividual && w.plan.version == stomp.V10 {
			continue
		}
		const destination, sent = "/queue/acks", 6
		var s *stomp.Subscription[stomp.Frame]
		err := w.call("the probe", "Subscribe", time.Minute, func(context.Context) (err error) {
			s, err = w.client.NewSubscription(context.Background(), destination, stomp.WithAck(mode), stomp.WithHeader("prefetch-count", "20"))
			return err
		})
		if err != nil {
			w.fail("Subscribe fails when all is quiet: %v", err)
			return
		}
		for range sent {
			w.publish(destination)
		}
		var got []stomp.Frame
		late := time.After(time.Minute)
		for range sent {
			select {
			case f := <-s.C:
				got = append(got, f)
			case <-late:
				w.fail("the probe gets %d frames of %d", len(got), sent)
				return
			}
		}
		order := []int{3, 1, 2, 0, 5, 4}
		if mode == stomp.AckClient {
			order = []int{2, 5}
		}
		for _, i := range order {
			err := w.call("the probe", "Ack", 30*time.Second, func(ctx context.Context) error {
				return w.client.Ack(ctx, got[i], stomp.WithReceipt())
			})
			if err != nil {
				w.fail("Ack fails when all is quiet: %v", err)
			}
		}
		err = w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) })
		if n := w.broker.QueueLen(destination); err != nil || n != 0 {
			w.fail("Unsubscribe says %v when all is acknowledged, and %d messages are given back", err, n)
		}
	}
}

// probeStall sees whether a consumer that does not read stops the reading, and whether that goes on when it does
// read: any count of those who wait for an answer that is wrong shows here.
func (w *world) probeStall(answers bool) {
	const bound, sent = 4, 60
	var s *stomp.Subscription[stomp.Frame]
	err := w.call("the probe", "Subscribe", 365*24*time.Hour, func(context.Context) (err error) {
		s, err = w.client.NewSubscription(context.Background(), "/topic/probe", stomp.WithBuffer(bound, 0, stomp.OverflowBlock))
		return err
	})
	if err != nil {
		w.fail("Subscribe fails when all is quiet: %v", err)
		return
	}
	if w.plan.confirms() {
		if err := w.call("the probe", "Confirmed", 30*time.Second, s.Confirmed); err != nil {
			w.fail("Confirmed fails when all is quiet: %v", err)
		}
	}
	time.Sleep(time.Second)
	var ids []string
	for range sent {
		ids = append(ids, w.publish("/topic/probe"))
	}
	time.Sleep(3 * time.Second)
	if n := s.Stats().Queued; n > bound+1 || n < bound {
		w.fail("%d frames wait for a consumer that does not read, with a bound of %d", n, bound)
	}
	if answers { // whose RECEIPT is behind the messages that are not read
		body, sent := w.bodyOf(&sending{id: "the probe's", by: "the probe, stalled", kind: confirmed, began: time.Now()}, 0)
		err := w.call("the probe", "Send "+sent.id, 30*time.Second, func(ctx context.Context) error {
			return w.client.Send(ctx, "/topic/a", body, stomp.WithReceipt())
		})
		w.returned(sent, err, nil)
		if err != nil {
			w.fail("Send fails when a consumer does not read: %v", err)
		}
	}
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for i, id := range ids {
		select {
		case f, open := <-s.C:
			if !open || bodyID(f.Body) != id {
				w.fail("the probe gets %q as its frame %d, channel open %t; want %s", bodyID(f.Body), i, open, id)
				return
			}
			w.mu.Lock()
			if d := w.delivered[f.MessageID()]; d != nil {
				d.got++
			}
			w.mu.Unlock()
		case <-late.C:
			w.fail("the probe gets %d frames of %d", i, sent)
			return
		}
	}
	if err := w.call("the probe", "Unsubscribe", 30*time.Second, func(ctx context.Context) error { return s.Unsubscribe(ctx) }); err != nil {
		w.fail("Unsubscribe fails when all is quiet: %v", err)
	}
	if _, open := <-s.C; open {
		w.fail("more came than was sent")
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
