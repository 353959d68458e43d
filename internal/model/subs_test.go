package model_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// subscription is one subscription, its consumer, and what is known of both.
type subscription struct {
	w           *world
	s           *stomp.Subscription[stomp.Frame] // nil before the call has returned
	number      int
	destination string
	mode        stomp.AckMode
	policy      stomp.Overflow
	reused      bool // its id may be used again
	sessionOnly bool
	again       *stomp.Backoff // it is asked for again; nil: it ends when it is refused
	dice        *rand.Rand     // of its consumer
	slow        bool
	deaf        bool    // its consumer stops reading until there is peace, or the end
	asks        *asking // the entries of its SUBSCRIBE are asked for; nil: they are not
	careless    bool    // its consumer leaves frames unacknowledged
	cancel      context.CancelFunc

	// Guarded by world.mu.
	id         string    // "" before it is known
	began      time.Time // of the call
	made       time.Time // the call has returned
	leftAt     time.Time // the user ends it; zero: not yet
	abandoned  bool      // by its ctx
	got        []*received
	last       map[uint64]int // of each connection, the number of the last delivery
	paused     bool           // its consumer took nothing for long
	closedAt   time.Time
	leaving    bool        // Unsubscribe was called before anything else had ended it
	unsent     bool        // its call said that nothing was written
	asked      bool        // a SUBSCRIBE of it came
	refusedOn  *connection // with an ERROR that says so; nil: it was not
	refusedAt  time.Time
	sent       int      // SUBSCRIBEs of it that came, but those on connections that only ask
	askedFirst bool     // such a connection has had no refusal
	left       *leaving // how Unsubscribe went, when it has returned nil; nil: it has not
}

// received is one frame in a consumer's hands.
type received struct {
	frame   stomp.Frame
	from    *delivery
	acked   bool
	open    bool // it was never acknowledged, for all that is known: an attempt would be the first
	ackedAt time.Time
}

// leaving is an Unsubscribe that has returned nil.
type leaving struct {
	at      time.Time
	epoch   uint64 // the session before and after; 0: another, or none
	receipt bool   // it was told to wait for the RECEIPT
}

func (s *subscription) String() string { return fmt.Sprintf("subscription %d (%s)", s.number, s.id) }

// subscribe makes a subscription of any kind, with a consumer.
func (a *actor) subscribe() {
	w := a.w
	dice := a.dice
	s := &subscription{
		w: w, destination: destinations[dice.IntN(len(destinations))], mode: stomp.AckMode(dice.IntN(3)),
		sessionOnly: chance(dice, 7), slow: chance(dice, 3), careless: chance(dice, 4), last: make(map[uint64]int),
	}
	if s.mode == stomp.AckClientIndividual && w.plan.version == stomp.V10 {
		s.mode = stomp.AckClient
	}
	if chance(dice, 3) || w.plan.leaves && chance(dice, 2) {
		s.mode = stomp.AckAuto
	}
	s.sessionOnly = s.sessionOnly || w.plan.leaves && chance(dice, 2)
	if w.plan.poison && chance(dice, 4) {
		s.destination = []string{poisonTopic, ailingTopic}[dice.IntN(2)]
	}
	if w.plan.relay && chance(dice, 4) {
		s.destination = appTopic
	}
	w.mu.Lock()
	s.number, s.began = len(w.subs), time.Now()
	s.dice = rand.New(rand.NewPCG(w.seed, uint64(100_000+s.number)))
	w.subs = append(w.subs, s)
	w.mu.Unlock()
	if s.mode == stomp.AckAuto {
		s.deaf = chance(dice, 10) || w.plan.leaves && chance(dice, 3)
	}
	opts := []stomp.SubscribeOption{stomp.WithAck(s.mode), stomp.WithHeader("number", fmt.Sprint(s.number))}
	if !s.deaf && !w.plan.leaves && chance(dice, 2) { // it would keep everybody from reading
		s.policy = stomp.Overflow(dice.IntN(4))
		if s.mode != stomp.AckAuto && s.policy != stomp.OverflowFail {
			s.policy = stomp.OverflowBlock
		}
		opts = append(opts, stomp.WithBuffer(1+dice.IntN(20), 0, s.policy))
	}
	if chance(dice, 6) {
		w.mu.Lock()
		s.reused, s.id = true, fmt.Sprintf("mine-%d", dice.IntN(3))
		w.mu.Unlock()
		opts = append(opts, stomp.WithID(s.id))
	}
	name := ""
	if chance(dice, 8) {
		s.asks = &asking{dice: rand.New(rand.NewPCG(w.seed, uint64(200_000+s.number)))}
		opts = append(opts, stomp.WithSubscribeHeaderFunc(s.header))
		name = asksForHeader
	}
	if s.sessionOnly {
		opts = append(opts, stomp.WithoutResubscribe())
	} else if chance(dice, 3) || w.plan.cancels {
		s.again = &stomp.Backoff{Min: 10 * time.Millisecond, Max: time.Second, Attempts: []int{0, 0, 1, 4}[dice.IntN(4)]}
		opts = append(opts, stomp.WithResubscribe(*s.again))
	}
	if chance(dice, 10) {
		opts = append(opts, stomp.WithoutWaiting())
	}
	limit := within(dice) // bounds the call where it waits for a receipt, and there the life as well
	receipt := chance(dice, 5)
	life, cancel := context.WithCancel(context.Background())
	if receipt {
		opts = append(opts, stomp.WithReceipt())
		if limit > 0 {
			limit += 20 * time.Second
		}
		life, cancel = context.WithTimeout(context.Background(), limit)
	} else if limit == 0 {
		life, cancel = context.WithTimeout(context.Background(), 0)
	}
	s.cancel = cancel
	most := limit
	if !receipt && limit > 0 {
		most = 2 * time.Minute // it may wait for room, and its ctx is the subscription's life
		late := time.AfterFunc(most, cancel)
		defer late.Stop()
	}
	ends := time.Now().Add(limit)
	err := w.call(a.name, fmt.Sprintf("Subscribe %d %s %s %v receipt=%t%s", s.number, s.id, s.destination, s.mode, receipt, name), most, func(context.Context) (err error) {
		s.s, err = w.client.NewSubscription(life, s.destination, opts...)
		return err
	})
	w.mu.Lock()
	s.made = time.Now()
	if err != nil {
		s.leftAt, s.closedAt, s.unsent = s.made, s.made, stomp.Unsent(err)
		if errors.Is(err, stomp.ErrDuplicateID) {
			w.checkDuplicateLocked(s)
		}
		if s.id == "" {
			s.id = "?"
		}
		w.mu.Unlock()
		cancel()
		return
	}
	s.id = s.s.ID()
	if receipt {
		s.leftAt, s.abandoned = ends, true // its ctx ends by itself
		w.noteLocked("%v ends by itself at %v", s, ends.Sub(w.began))
		if len(w.confirmed) == 0 || !w.confirmed[s.id] {
			w.failLocked("Subscribe WithReceipt has returned, and the broker has not confirmed %s", s.id)
		}
	}
	w.mu.Unlock()
	w.consumers.Go(s.consume)
}

// checkDuplicateLocked checks that there is another subscription of that id, or was when the call began.
func (w *world) checkDuplicateLocked(s *subscription) {
	for _, other := range w.subs {
		if other == s || other.id != s.id {
			continue
		}
		if other.made.IsZero() || !other.closedAt.IsZero() && !other.closedAt.Before(s.began) || other.s != nil && !closed(other.s.Done()) {
			return
		}
		if other.s != nil && other.closedAt.IsZero() && !other.leftAt.IsZero() { // it is ending
			return
		}
	}
	w.failLocked("there is no other subscription of the id %s", s.id)
}

// oneOpen picks a subscription whose user has not ended it.
func (w *world) oneOpen(dice *rand.Rand) *subscription {
	w.mu.Lock()
	defer w.mu.Unlock()
	var open []*subscription
	for _, s := range w.subs {
		if !s.made.IsZero() && s.s != nil && (s.leftAt.IsZero() || chance(dice, 10)) {
			open = append(open, s)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[dice.IntN(len(open))]
}

// leave notes that the user ends it. It is false when somebody has done so before.
func (s *subscription) leave(how string) bool {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked("%s %v", how, s)
	if !s.leftAt.IsZero() && !s.leftAt.After(time.Now()) {
		return false
	}
	s.leftAt = time.Now()
	return true
}

// abandon ends it by its ctx.
func (s *subscription) abandon(by string) {
	s.leave(by + " ends the ctx of")
	s.w.mu.Lock()
	s.abandoned = true
	s.w.mu.Unlock()
	s.cancel()
}

func (s *subscription) unsubscribe(by string, dice *rand.Rand) {
	w := s.w
	limit := within(dice)
	var opts []stomp.FrameOption
	receipt := chance(dice, 3)
	if receipt {
		opts = append(opts, stomp.WithReceipt())
	}
	if limit <= 0 {
		w.call(by, "Unsubscribe", limit, func(ctx context.Context) error { return s.s.Unsubscribe(ctx, opts...) })
		return
	}
	first := s.leave(by + " unsubscribes")
	w.consumers.Go(s.lingers)
	if w.plan.troubles > 0 && chance(dice, 4) && !closed(w.mended) {
		after := tick(dice, 200*time.Millisecond)
		w.consumers.Go(func() {
			time.Sleep(after)
			if !closed(w.mended) {
				w.cut()
			}
		})
	}
	w.mu.Lock()
	drained := !w.endBegan.IsZero() // Drain was first maybe, which asks for no RECEIPT
	w.mu.Unlock()
	before := w.client.Status()
	err := w.call(by, fmt.Sprintf("Unsubscribe %d", s.number), limit, func(ctx context.Context) error { return s.s.Unsubscribe(ctx, opts...) })
	done := closed(s.s.Done())
	time.Sleep(leaveGrace + time.Nanosecond) // until an end of the session has come about
	after := w.client.Status()
	if err == nil && !done && !closed(s.s.Done()) {
		w.fail("Unsubscribe has returned, and %v is not done", s)
	}
	if err != nil || !first || s.s.Err() != nil { // somebody or something else has ended it
		return
	}
	l := &leaving{at: time.Now(), receipt: receipt && !drained}
	if before.State == stomp.StateConnected && after.State == stomp.StateConnected && before.Epoch == after.Epoch {
		l.epoch = after.Epoch
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	s.left = l
}

// lingers notes whether Unsubscribe was there before any other end, and has to wait.
func (s *subscription) lingers() {
	time.Sleep(time.Nanosecond)
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.leaving = !closed(s.s.Done())
}

// confirm waits for the broker's word.
func (s *subscription) confirm(by string, limit time.Duration) {
	w := s.w
	err := w.call(by, fmt.Sprintf("Confirmed %d", s.number), limit, s.s.Confirmed)
	w.mu.Lock()
	defer w.mu.Unlock()
	if errors.Is(err, stomp.ErrConnectionLost) && !errors.Is(err, context.DeadlineExceeded) && !closed(s.s.Done()) && w.plan.reconnect && w.endBegan.IsZero() && !s.sessionOnly {
		w.failLocked("Confirmed of %v says %v, and the next session asks again", s, err)
	}
	if err == nil && !w.confirmed[s.id] {
		w.failLocked("Confirmed returns nil, and the broker has not confirmed %s", s.id)
	}
}

// consume is the consumer.
func (s *subscription) consume() {
	w := s.w
	for f := range s.s.C {
		r := s.received(f)
		if r == nil {
			continue
		}
		s.dawdle()
		if s.mode != stomp.AckAuto {
			s.acknowledge(r)
		}
		if w.isCalm() {
			continue
		}
		if chance(s.dice, 25) {
			s.callInLoop()
		}
	}
	s.closes()
	if s.mode != stomp.AckAuto { // what is left is acknowledged late
		for _, r := range s.pending() {
			s.ack(r, false)
		}
	}
}

func (w *world) isCalm() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calm
}

// dawdle takes time, as slow consumers do.
func (s *subscription) dawdle() {
	if s.w.isCalm() {
		return
	}
	began := time.Now()
	switch {
	case s.deaf:
		select {
		case <-s.w.client.Done():
		case <-s.w.calmed:
			if s.w.client.Err() != nil { // it does not wait for us for ever
				<-s.w.client.Done()
			}
		}
	case s.slow:
		time.Sleep(tick(s.dice, 3*time.Second))
	case chance(s.dice, 30):
		time.Sleep(tick(s.dice, 30*time.Second))
	}
	if time.Since(began) > 10*time.Second {
		s.w.mu.Lock()
		s.paused = true
		s.w.mu.Unlock()
	}
}

// callInLoop makes calls in the consumer's own loop.
func (s *subscription) callInLoop() {
	w := s.w
	by := fmt.Sprintf("the consumer of %d", s.number)
	switch s.dice.IntN(3) {
	case 0:
		w.call(by, "Flush", within(s.dice), w.client.Flush)
	case 1:
		if chance(s.dice, 3) && w.plan.reconnect {
			w.reconnect(by, within(s.dice))
		}
	case 2:
		w.mu.Lock()
		sent := &sending{id: fmt.Sprintf("loop %d/%d", s.number, len(w.sends)), by: fmt.Sprint("loop ", s.number), number: len(s.got), kind: confirmed, began: time.Now()}
		w.mu.Unlock()
		body, _ := w.bodyOf(sent, 0)
		err := w.call(by, "Send WithReceipt "+sent.id, within(s.dice), func(ctx context.Context) error {
			return w.client.Send(ctx, "/queue/sink", body, stomp.WithReceipt())
		})
		w.returned(sent, err, nil)
	}
}

// received checks a frame.
func (s *subscription) received(f stomp.Frame) *received {
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	d := w.delivered[f.MessageID()]
	w.noteLocked("%v gets %s of epoch %d: %s", s, f.MessageID(), f.Epoch, bodyID(f.Body))
	if d == nil {
		w.failLocked("%v gets %s, which the broker has not sent", s, f.MessageID())
		return nil
	}
	r := &received{frame: f, from: d, open: true}
	if w.plan.profile == stomptest.Spring && w.plan.version == stomp.V12 || s.reused && excused(reusedID) {
		r.open = false // Spring sends no ack; and that of an id's earlier use is another's
	}
	d.got++
	switch {
	case d.got > 1:
		w.failLocked("%v gets %s for the second time", s, f.MessageID())
	case d.id != s.id:
		w.failLocked("%v gets %s, which was sent to %s", s, f.MessageID(), d.id)
	case d.body != string(f.Body):
		w.failLocked("%v gets %s with another body: %q", s, f.MessageID(), bodyID(f.Body))
	case d.number <= s.last[d.conn.number]:
		w.failLocked("%v gets %s out of order", s, f.MessageID())
	case f.Destination() != s.destination && !(s.reused && excused(reusedID)):
		w.failLocked("%v gets %s of %s", s, f.MessageID(), f.Destination())
	}
	s.last[d.conn.number] = d.number
	if n := len(s.got); n > 0 && s.sessionOnly && s.got[0].frame.Epoch != f.Epoch {
		w.failLocked("%v ends with its session, and gets frames of epochs %d and %d", s, s.got[0].frame.Epoch, f.Epoch)
	}
	if n := len(s.got); n > 0 && s.got[n-1].frame.Epoch > f.Epoch {
		w.failLocked("%v: epoch %d comes after %d", s, f.Epoch, s.got[n-1].frame.Epoch)
	}
	if conn, ok := w.epochs[f.Epoch]; ok && conn != d.conn.number {
		w.failLocked("%v gets %s of epoch %d, which was connection %d: it came on %d", s, f.MessageID(), f.Epoch, conn, d.conn.number)
	}
	w.epochs[f.Epoch] = d.conn.number
	s.got = append(s.got, r)
	return r
}

// closes is called when the channel is closed.
func (s *subscription) closes() {
	err, clientErr := s.s.Err(), s.w.client.Err()
	w := s.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s.closedAt = time.Now()
	w.noteLocked("%v is closed: %v", s, err)
	var refused *stomp.Error
	var closes *stomp.CloseError
	left := !s.leftAt.IsZero() && !s.leftAt.After(s.closedAt)
	ending := !w.endBegan.IsZero()
	lossy := s.sessionOnly || !w.plan.reconnect
	switch {
	case err == nil && !left && !ending && clientErr == nil:
		w.failLocked("%v: its channel closes for no reason", s)
	case err == nil && !left && !ending && w.plan.reconnect:
		w.failLocked("%v: its channel closes, and the Client's error is %v", s, clientErr)
	case err == nil && !left && ending && !w.draining && clientErr == nil:
		w.failLocked("%v: its channel closes as the Client ends, whose Err is not set", s)
	case err == nil:
	case errors.Is(err, stomp.ErrSlowConsumer):
		if s.policy != stomp.OverflowFail {
			w.failLocked("%v: %v", s, err)
		}
	case errors.Is(err, stomp.ErrConnectionLost), errors.Is(err, stomp.ErrHeartBeat):
		if s.leaving {
			w.failLocked("%v was being unsubscribed, and ends with %v", s, err)
		}
		if !lossy && !w.askedInVainLocked(s) {
			w.failLocked("%v is restored on the next session, and ends with %v", s, err)
		}
	case errors.As(err, &refused), errors.As(err, &closes):
		if s.again != nil && s.again.Attempts == 0 {
			w.failLocked("%v is asked for without end, and ends with %v", s, err)
		}
		if w.words == 0 {
			w.failLocked("%v: the broker has said nothing, and it ends with %v", s, err)
		}
		switch {
		case w.plan.odds > 0 || !isPoisonous(err) || s.destination == poisonTopic:
		case s.destination != ailingTopic:
			w.failLocked("%v is no poison, and ends with %v", s, err)
		case w.confirmed[s.id] && !s.reused && s.again == nil:
			w.failLocked("%v was there before, for a while it was refused, and it ends with %v", s, err)
		}
	default:
		w.failLocked("%v ends with %v", s, err)
	}
	if closed(s.s.Done()) || s.left != nil || left || w.draining {
		return
	}
	w.failLocked("%v: its channel is closed before Done is", s)
}

// askedInVainLocked reports whether a connection that asked for a subscription was lost over it, which counts as a
// refusal, and there is an end to those.
func (w *world) askedInVainLocked(s *subscription) bool {
	if s.again == nil || s.again.Attempts == 0 {
		return false
	}
	for _, c := range w.conns {
		if c.asks && c.lost && c.last[s.id] != nil {
			return true
		}
	}
	return false
}

// pending returns the frames that were never acknowledged.
func (s *subscription) pending() (list []*received) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, r := range s.got {
		if r.open {
			list = append(list, r)
		}
	}
	return list
}

// acknowledge does something about a frame, or about an older one.
func (s *subscription) acknowledge(r *received) {
	if s.careless && !s.w.isCalm() && chance(s.dice, 3) {
		return
	}
	switch s.dice.IntN(12) {
	case 0:
		if s.w.plan.version != stomp.V10 {
			s.ack(r, true)
		}
	case 1:
		s.inTransaction(r)
	case 2: // an older one
		if all := s.pending(); len(all) > 0 {
			s.ack(all[s.dice.IntN(len(all))], false)
		}
	case 3:
		s.ack(r, false)
		s.ack(r, false)
	default:
		s.ack(r, false)
	}
	if r.open && !s.careless {
		s.ack(r, false)
	}
}

// ack acknowledges or refuses a frame outside a transaction.
func (s *subscription) ack(r *received, refuse bool) {
	w := s.w
	var opts []stomp.FrameOption
	if chance(s.dice, 6) {
		opts = append(opts, stomp.WithReceipt())
	}
	s.attempt(r, nil, func(by string) error {
		if refuse {
			// Not again and again.
			opts = append(opts, stomp.WithHeader("requeue", "false"))
			return w.call(by, "Nack "+r.frame.MessageID(), s.patience(), func(ctx context.Context) error { return w.client.Nack(ctx, r.frame, opts...) })
		}
		return w.call(by, "Ack "+r.frame.MessageID(), s.patience(), func(ctx context.Context) error { return w.client.Ack(ctx, r.frame, opts...) })
	})
}

func (s *subscription) patience() time.Duration {
	if s.w.isCalm() {
		return time.Minute
	}
	return within(s.dice)
}

// attempt makes a call that acknowledges r, and checks its outcome. It returns the frames that it has acknowledged.
func (s *subscription) attempt(r *received, tx *stomp.Transaction, call func(by string) error) (acked []*received) {
	w := s.w
	before := w.client.Status()
	err := call(fmt.Sprintf("the consumer of %d", s.number))
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case err == nil:
		if r.acked {
			w.failLocked("%v: %s is acknowledged for the second time, and no error", s, r.frame.MessageID())
		}
		for _, one := range s.got {
			if one == r || s.covers(r, one) && one.open {
				one.acked, one.open, one.ackedAt = true, false, time.Now()
				acked = append(acked, one)
			}
		}
	case errors.Is(err, stomp.ErrNotAckable):
		if r.open {
			w.failLocked("%v: %s was not acknowledged before, and Ack says %v", s, r.frame.MessageID(), err)
		}
	case errors.Is(err, stomp.ErrStale):
		after := w.client.Status()
		if r.from.sub.taken && s.again != nil { // the broker has ended it there, and it goes on
			break
		}
		if before.Epoch == r.frame.Epoch && after.Epoch == before.Epoch && after.State == stomp.StateConnected && s.leftAt.IsZero() && w.endBegan.IsZero() {
			w.consumers.Go(func() { s.checkStale(r) })
		}
	case !stomp.Unsent(err) && !errors.Is(err, stomp.ErrTransactionDone): // nobody knows
		for _, one := range s.got {
			if one == r || s.covers(r, one) {
				one.open = false
			}
		}
	}
	return acked
}

// covers reports whether an ACK of r is one of other, too.
func (s *subscription) covers(r, other *received) bool {
	return s.mode == stomp.AckClient && other.frame.Epoch == r.frame.Epoch && other.from.number <= r.from.number
}

// checkStale looks a moment after ErrStale whether the session is over, or the subscription.
func (s *subscription) checkStale(r *received) {
	w := s.w
	time.Sleep(leaveGrace + time.Nanosecond) // a session that is over waits so long for functions
	w.mu.Lock()
	defer w.mu.Unlock()
	st := w.client.Status()
	for c := range w.calls {
		if c.name == "Reconnect" { // which ends the session, slowly
			return
		}
	}
	if st.State == stomp.StateConnected && st.Epoch == r.frame.Epoch && s.leftAt.IsZero() && w.endBegan.IsZero() && !closed(s.s.Done()) {
		w.failLocked("%v: Ack of %s says ErrStale, and its session stands", s, r.frame.MessageID())
	}
}

// inTransaction acknowledges a frame in a transaction, and commits or aborts that.
func (s *subscription) inTransaction(r *received) {
	w := s.w
	by := fmt.Sprintf("the consumer of %d", s.number)
	var tx *stomp.Transaction
	err := w.call(by, "Begin", within(s.dice), func(ctx context.Context) (err error) {
		tx, err = w.client.Begin(ctx)
		return err
	})
	if err != nil {
		return
	}
	acked := s.attempt(r, tx, func(by string) error {
		return w.call(by, "Transaction.Ack "+r.frame.MessageID(), within(s.dice), func(ctx context.Context) error { return tx.Ack(ctx, r.frame) })
	})
	tried := chance(s.dice, 2)
	if tried {
		err := w.call(by, "Commit", within(s.dice), func(ctx context.Context) error { return tx.Commit(ctx) })
		if err == nil {
			return
		}
	}
	err = w.call(by, "Abort", time.Minute, func(ctx context.Context) error { return tx.Abort(ctx) })
	if w.plan.profile == stomptest.Artemis { // its acks count at once
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, one := range acked { // they can be acknowledged again, unless the Commit went out after all
		one.acked, one.open = false, err == nil && !tried
	}
}
