package stomp

import (
	"context"
	"errors"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
)

// A subscription with WithResubscribe does not end when the broker refuses or cancels it. It waits, without a route,
// and is asked for again by a goroutine, which it has only while it waits:
//
//	refused or cancelled ─▶ waits (refusal is set) ─▶ asked for, on a connection of its own first where a refusal would end
//	        ▲                                         the session (scout.go) ─▶ SUBSCRIBE accepted by the outbox
//	        └──── refused again, or attempts are used up: it ends ────┴─▶ RECEIPT: restored
//
// From the moment when SUBSCRIBE has its place in the outbox, it is a subscription like any other: the next session
// restores it, and it may come under suspicion.

// resubscription is what WithResubscribe needs. It is nil without.
type resubscription struct {
	backoff Backoff       // with its defaults
	hurry   chan struct{} // capacity 1: it is to be asked for at once

	// Guarded by subscription.mu.
	refusal    error     // why it waits to be asked for again; nil: it does not
	endsIt     bool      // the last refusal was the end of a session
	lost       bool      // it was refused or cancelled, and not accepted since
	lostAt     time.Time // when that was
	acceptedAt time.Time // when it was accepted for the first time after that; zero: it was not
	attempts   int       // refusals since it was lost
	rounds     int       // refusals in a row, for the delays
	restored   uint64
	stop       func() // ends the goroutine that asks; nil: there is none
}

func newResubscription(b Backoff) *resubscription {
	return &resubscription{backoff: b.withDefaults(), hurry: make(chan struct{}, 1)}
}

// waitsLocked reports whether the subscription waits to be asked for again.
func (a *resubscription) waitsLocked() bool { return a != nil && a.refusal != nil }

// sentLocked notes that SUBSCRIBE has its place in the outbox.
func (a *resubscription) sentLocked() {
	if a != nil {
		a.refusal = nil
	}
}

// countLocked counts a refusal. It returns false when the attempts are used up.
func (a *resubscription) countLocked(now time.Time) bool {
	if !a.acceptedAt.IsZero() && now.Sub(a.acceptedAt) > a.backoff.ceiling(a.rounds) {
		a.rounds = 0
	}
	a.acceptedAt = time.Time{}
	a.rounds++
	if !a.lost {
		a.lost, a.lostAt, a.attempts = true, now, 0
		return true
	}
	a.attempts++
	return a.backoff.Attempts == 0 || a.attempts < a.backoff.Attempts
}

// refuse takes the broker's refusal of a subscription, or its end there. It ends, or with WithResubscribe waits to be
// asked for again. r is the route that it was on; nil: it waits already. endsIt: the server has ended a session over
// it.
func (sub *subscription) refuse(r *route, err error, endsIt bool) {
	if sub.again == nil || !sub.postpone(r, err, endsIt) {
		sub.fail(err)
	}
}

// postpone has the subscription wait. It returns false when it ends instead.
func (sub *subscription) postpone(r *route, err error, endsIt bool) bool {
	c, a := sub.client, sub.again
	exclusive := c.cfg.once && sub.isExclusive()
	sub.mu.Lock()
	if sub.route != r {
		sub.mu.Unlock()
		return true // that is over already
	}
	first := !a.lost
	if sub.ending || sub.unsubscribing || exclusive || !a.countLocked(time.Now()) {
		sub.mu.Unlock()
		return false
	}
	a.refusal, a.endsIt = err, a.endsIt || endsIt
	sub.sentBefore = sub.sentBefore || sub.subscribeSent
	sub.route, sub.subscribeSent, sub.confirm = nil, false, nil
	var ctx context.Context
	if a.stop == nil {
		ctx, a.stop = context.WithCancel(c.life)
	}
	sub.mu.Unlock()
	if r != nil {
		close(r.dropped)
		r.releaseFrames()
		if s := r.session.get(); s != nil {
			s.routes.remove(r)
		}
	}
	if first {
		c.log.Warn("stomp: the broker has refused or cancelled a subscription; it is asked for again",
			"id", sub.id, "destination", sub.destination, "error", err)
	}
	if ctx != nil {
		c.goJoined(func() { sub.askAgain(ctx) }) // else the Client has ended, and the subscription with it
	}
	return true
}

// accepted notes that the broker has accepted the SUBSCRIBE on r.
func (sub *subscription) accepted(r *route) {
	a := sub.again
	if a == nil {
		return
	}
	sub.mu.Lock()
	if sub.route != r {
		sub.mu.Unlock()
		return
	}
	back := a.lost
	if a.acceptedAt.IsZero() {
		a.acceptedAt = time.Now()
	}
	if back {
		a.lost, a.endsIt = false, false
		a.restored++
	}
	restored, lostAt := a.restored, a.lostAt
	sub.mu.Unlock()
	if back {
		sub.client.log.Info("stomp: a subscription is back", "id", sub.id, "destination", sub.destination,
			"after", time.Since(lostAt).Round(time.Millisecond), "restored", restored)
	}
}

// stopAsking ends the goroutine that asks again.
func (sub *subscription) stopAsking() {
	if sub.again == nil {
		return
	}
	sub.mu.Lock()
	stop := sub.again.stop
	sub.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// hurryAsking has everything asked for at once that waits for that.
func (c *Client) hurryAsking() {
	for _, sub := range c.openSubscriptions() {
		if sub.isWaitingToBeAsked() {
			notify.Signal(sub.again.hurry)
		}
	}
}

func (sub *subscription) isWaitingToBeAsked() bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.again.waitsLocked()
}

// isAskedAgain reports whether p, which was refused or lost, was the receipt of a SUBSCRIBE that is not the last one.
func (sub *subscription) isAskedAgain(p *pendingReceipt) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.again != nil && sub.confirm != p && !sub.ending
}

// isExclusive reports whether SUBSCRIBE declares a queue that no other connection can. On RabbitMQ one that is not
// durable is so unless it says otherwise.
func (sub *subscription) isExclusive() bool {
	if exclusive, ok := sub.cfg.header.Lookup("exclusive"); ok {
		return exclusive == "true"
	}
	return sub.cfg.header.Get("durable") == "false"
}

// askAgain asks for the subscription until it need not wait any more. ctx ends with it, and with the Client.
func (sub *subscription) askAgain(ctx context.Context) {
	a := &asker{sub: sub}
	for {
		n, over := sub.nextRound(ctx)
		if over != nil {
			over()
			return
		}
		if sleep(ctx, sub.again.backoff.delay(n+a.idle), sub.again.hurry) {
			a.ask(ctx)
		}
	}
}

// nextRound returns which delay is next. over is not nil when the subscription does not wait any more: then the
// goroutine is over, as far as anybody else can see, and calls it.
func (sub *subscription) nextRound(ctx context.Context) (n int, over func()) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	a := sub.again
	if a.refusal == nil || ctx.Err() != nil {
		over, a.stop = a.stop, nil
	}
	return a.rounds, over
}

// asker asks for one subscription again. It is owned by that goroutine.
type asker struct {
	sub    *subscription
	idle   int   // times in a row that it could not be asked for
	alone  doubt // that no connection of its own can be had for that
	warned bool  // that was logged
}

// ask asks once, on the session that is active, or waits for one. What comes of it shows in the subscription.
func (a *asker) ask(ctx context.Context) {
	sub, c := a.sub, a.sub.client
	s, err := c.session(ctx, false)
	if err != nil {
		return // it has ended
	}
	a.idle++
	if s.server.endsOverSubscribe && sub.isExclusive() {
		sub.mu.Lock()
		sub.again.sentLocked() // the next session restores it
		sub.mu.Unlock()
		within, cancel := context.WithTimeout(ctx, scoutLimit)
		defer cancel()
		_ = c.renew(within) // else the session is cut, or has ended already
		return
	}
	if sub.needsScout(s) && !a.alone.lasted(time.Now(), scoutBelieved, endsBelieved) {
		sc := scouting{sub: sub, session: s}
		if !sc.begin(ctx) {
			return
		}
		defer sc.end(ctx)
		if err := sc.ask(ctx); err != nil {
			a.failed(s, err)
			return
		}
		if !sub.endsUnused() {
			sc.end(ctx)
		}
	}
	a.alone = doubt{}
	more, err := sub.askHeader(ctx, s)
	if err != nil {
		return // its function failed, or the session ended
	}
	err = sub.sendSubscribe(ctx, s, more, false)
	switch {
	case err == nil:
		a.idle = 0
		sub.awaitAnswer(ctx, s)
	case ctx.Err() == nil && !errors.Is(err, errSessionOver) && !errors.Is(err, errEnded):
		sub.fail(err) // it cannot be sent in this session's version
	}
}

// failed takes the error of scouting.
func (a *asker) failed(s *session, err error) {
	var refused *refusedError
	switch {
	case errors.As(err, &refused):
		a.idle, a.alone = 0, doubt{}
		a.sub.refuse(nil, refused.cause, false)
		return
	case s.isCut(), a.sub.hasEnded():
		return
	}
	a.alone.add(time.Now())
	if !a.warned {
		a.warned = true
		a.sub.client.log.Warn("stomp: there is no connection on which to ask for a subscription", "id", a.sub.id,
			"destination", a.sub.destination, "error", err)
	}
}

// awaitAnswer waits for the answer to the SUBSCRIBE that was sent on s. A server that answers none has accepted it
// when the session stands for a while.
func (sub *subscription) awaitAnswer(ctx context.Context, s *session) {
	confirm, on := sub.confirmation()
	r := sub.current()
	if on != s || confirm == nil || r == nil {
		return // it was answered
	}
	timer := time.NewTimer(attemptLimit)
	defer timer.Stop()
	select {
	case <-confirm.done:
	case <-r.dropped:
	case <-s.cut:
	case <-ctx.Done():
	case <-timer.C:
		if !s.env.receipts.areAnsweredTo(subscribes) {
			sub.accepted(r)
		}
	}
}

// stats returns a snapshot of the counters.
func (sub *subscription) stats() SubscriptionStats {
	stats := statsOf(sub.inbox.Stats())
	if sub.again != nil {
		sub.mu.Lock()
		defer sub.mu.Unlock()
		stats.Restored = sub.again.restored
	}
	return stats
}
