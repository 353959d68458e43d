package stomp

import (
	"errors"
	"slices"
	"time"
)

// A broker may refuse a SUBSCRIBE without saying which one: RabbitMQ's ERROR has neither receipt-id nor subscription, or it
// only closes. When a session ended like that with SUBSCRIBEs unanswered, the next one sends them one by one and waits for
// each RECEIPT. The one that ends the session while it is alone is the refused one (promise 5).

// closesBelieved is how often in a row a server has to close the WebSocket on a SUBSCRIBE that is alone before that is taken
// for its refusal: a close names no reason, and may have come for another.
const closesBelieved = 3

// aloneGrace is for how long the RECEIPT of a SUBSCRIBE that is alone is waited for where the server is not known to send
// any (Spring).
const aloneGrace = time.Second

// restoreOneByOne sends each SUBSCRIBE alone and waits for its answer. It is false when the session ended meanwhile: v.alone
// is the one that was under way.
//
// A server that sends no RECEIPT is given time to refuse one of them per session, and gets the others at once: should it
// refuse one of those, the next session tries another one alone.
func (v *supervisor) restoreOneByOne(s *session) bool {
	subs := v.client.openSubscriptions()
	if !slices.ContainsFunc(subs, func(sub *subscription) bool { return !sub.cleared }) {
		for _, sub := range subs {
			sub.cleared = false // once more from the beginning
		}
	}
	for _, cleared := range []bool{false, true} {
		for _, sub := range subs {
			if sub.cleared != cleared || !sub.wants(s) {
				continue
			}
			v.alone = sub
			v.subscribe(s, sub)
			answered := sub.awaitConfirmation(s)
			if s.isCut() {
				return false
			}
			v.alone = nil
			sub.closes = 0
			if !answered {
				sub.cleared = true
				return true
			}
		}
	}
	return true
}

// awaitConfirmation waits for the answer to a SUBSCRIBE, or for the end of the session or the Client. It is false when this
// server seems to send none.
func (sub *subscription) awaitConfirmation(s *session) bool {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	grace := aloneGrace
	if receipts.areAnswered() {
		grace = attemptLimit // it will answer, unless it has lost that one
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	confirm, _ := sub.confirmation()
	if confirm == nil {
		return true // it has ended
	}
	for ended := sub.ended(); ; {
		select {
		case <-confirm.done:
			return true
		case <-ended:
			if !receipts.isPending(confirm) {
				return true // withdrawn: nobody will hear of an answer
			}
			// Its user has ended it. What the server has to say to its SUBSCRIBE must not be attributed to the next one all
			// the same.
			ended = nil
		case <-s.cut:
			return true
		case <-s.env.life.Done():
			s.abort(ErrClosed)
			return true
		case <-timer.C:
			return false
		}
	}
}

// findRefused is called when a session has ended: it ends the subscription that was refused, and reports whether another one
// may have been.
func (v *supervisor) findRefused(s *session, err error) (suspects bool) {
	var refused *Error
	var closed *CloseError
	byError := errors.As(err, &refused)
	byClose := errors.As(err, &closed) && closed.mayRefuse()
	if !byError && !byClose {
		return v.suspects && v.alone != nil // the connection was lost before all were tried
	}
	if sub := v.alone; sub != nil {
		if confirm, on := sub.confirmation(); confirm == nil || on != s {
			return true // the session ended before that SUBSCRIBE was accepted
		}
		sub.closes++
		if byError || sub.closes >= closesBelieved {
			v.client.log.Warn("stomp: the broker refuses a subscription", "id", sub.id, "destination", sub.destination, "error", err)
			sub.end(err, false)
		}
		return true // there may be more of them
	}
	for _, sub := range v.client.openSubscriptions() {
		if confirm, on := sub.confirmation(); on == s && !confirm.isConfirmed() {
			return true
		}
	}
	return false
}

// mayRefuse reports whether a close with that code may be the answer to a frame of ours: not where the server goes away,
// restarts or is too busy.
func (e *CloseError) mayRefuse() bool {
	switch e.Code {
	case 1001, 1005, 1012, 1013:
		return false
	}
	return true
}

// isConfirmed reports whether the RECEIPT has come; p is nil while its frame is being accepted.
func (p *pendingReceipt) isConfirmed() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.done:
		return p.err == nil
	default:
		return false
	}
}
