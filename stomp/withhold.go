package stomp

import (
	"context"
	"time"
)

// A broker that answers every SUBSCRIBE it takes has not taken one that is unanswered. A Spring relay passes no
// SUBSCRIBE to an application prefix (/app/…) on to its broker, and the broker's answer to the UNSUBSCRIBE of it, "No
// subscription found", ends the session. So that UNSUBSCRIBE is withheld until the RECEIPT of SUBSCRIBE comes: where
// it is only late, it goes out then, and where it never comes, never.

// withheldAfter is how old an unanswered SUBSCRIBE with an id of the user's has to be, and a later frame has to be
// answered: its id may be used again at once, and UNSUBSCRIBE has to be there before.
const withheldAfter = 5 * time.Second

// answersSubscribe reports whether the broker answers every SUBSCRIBE that it takes: it was seen to, or is known to.
func (s *session) answersSubscribe() bool {
	return s.server.answersSubscribe || s.env.receipts.areAnsweredTo(subscribes)
}

// unanswered returns the receipt of the SUBSCRIBE on r where its session stands, and the broker is expected to answer
// and has not yet.
func (sub *subscription) unanswered(r *route) (*pendingReceipt, *session) {
	confirm, s := sub.confirmation()
	if confirm == nil || s == nil || r == nil || r.session != s.ref || s.isCut() || !s.answersSubscribe() || !s.env.receipts.isPending(confirm) {
		return nil, nil
	}
	return confirm, s
}

// awaitSubscribed waits, within ctx, for the answer to a SUBSCRIBE that is on its way, so that UNSUBSCRIBE can
// follow: for ownGrace, or where UNSUBSCRIBE's own answer was asked for as long as that takes.
func (sub *subscription) awaitSubscribed(ctx context.Context, cfg *frameConfig) error {
	confirm, s := sub.unanswered(sub.current())
	if confirm == nil {
		return nil
	}
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	grace := s.newGrace()
	defer grace.stop()
	for {
		select {
		case <-confirm.done:
			return nil
		case <-sub.done:
			return nil
		case <-s.cut:
			return nil
		case <-grace.timer.C:
			if !cfg.receipt && grace.isOver() {
				return nil
			}
		case <-ctx.Done():
			return &opError{op: "unsubscribe", target: sub.destination, step: "waiting for the broker to confirm SUBSCRIBE", err: ctxError(ctx)}
		}
	}
}

// withhold keeps UNSUBSCRIBE back if the broker does not have the subscription, as far as it has said. It returns
// false when UNSUBSCRIBE is to be sent.
func (sub *subscription) withhold(r *route, cfg *frameConfig) bool {
	confirm, s := sub.unanswered(r)
	if confirm == nil {
		return false
	}
	if _, ours := subscriptionNumber(sub.id); !ours && (time.Since(r.made) < withheldAfter || !s.env.receipts.isPassedOver(confirm)) {
		return false
	}
	sub.mu.Lock()
	sub.withheld, sub.withheldConfig = r, cfg
	sub.mu.Unlock()
	s.leaveOver(confirm)
	if !s.env.receipts.isPending(confirm) { // it has come meanwhile
		sub.sendWithheld(r)
	}
	return true
}

// sendWithheld sends the UNSUBSCRIBE that waited for the RECEIPT of the SUBSCRIBE on r, which has come. It does
// nothing where none waits, and where the id is another's by now.
func (sub *subscription) sendWithheld(r *route) {
	sub.mu.Lock()
	due := sub.withheld == r
	cfg := sub.withheldConfig
	if due {
		sub.withheld, sub.withheldConfig = nil, nil
	}
	sub.mu.Unlock()
	s := r.session.get()
	if !due || s == nil {
		return
	}
	if cfg != nil { // nobody waits for its answer any more
		cfg = &frameConfig{header: cfg.header}
	}
	_, _, _ = sub.submitUnsubscribe(r, cfg, func() error { // an error is that one, or the session's end
		if other := s.routes.byID(r.id); other != nil && other != r {
			return ErrDuplicateID
		}
		return nil
	})
}
