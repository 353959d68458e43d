package stomp

import (
	"errors"
	"slices"
	"time"
)

// A broker may refuse a SUBSCRIBE without saying which one: RabbitMQ's ERROR may have neither receipt-id nor
// subscription, or the broker only closes. When a session ended like that with SUBSCRIBEs unanswered, the next one
// sends them one by one and waits for each RECEIPT. If a session ends during one, that is the refused one (promise
// 5).

// closesBelieved is how many times in a row a server has to close the WebSocket on a SUBSCRIBE sent alone before that
// counts as its refusal: a close gives no reason, and may have another cause.
const closesBelieved = 3

// aloneGrace is how long to wait for the RECEIPT of a SUBSCRIBE sent alone if the server is not known to send any
// (Spring).
const aloneGrace = time.Second

// restoreOneByOne sends each SUBSCRIBE alone and waits for its answer. It returns false when the session ended
// meanwhile: v.alone is then the subscription that was being tried.
//
// A server that sends no RECEIPT gets time to refuse one of them per session, and gets the others at once. If it
// refuses one of those, the next session tries another one alone.
func (v *supervisor) restoreOneByOne(s *session) bool {
	subs := v.client.openSubscriptions()
	if !slices.ContainsFunc(subs, func(sub *subscription) bool { return !sub.cleared }) {
		for _, sub := range subs {
			sub.cleared = false // start over
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

// awaitConfirmation waits for the answer to a SUBSCRIBE, or for the end of the session or the Client. It returns
// false when this server seems to send no RECEIPT.
func (sub *subscription) awaitConfirmation(s *session) bool {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	grace := aloneGrace
	if receipts.areAnswered() {
		grace = attemptLimit // it will answer, unless it has lost this SUBSCRIBE
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	confirm, _ := sub.confirmation()
	if confirm == nil {
		return true // the subscription has ended
	}
	for ended := (<-chan struct{})(sub.done); ; {
		select {
		case <-confirm.done:
			return true
		case <-ended:
			if !receipts.isPending(confirm) {
				return true // withdrawn: no answer will come
			}
			// Its user has ended it. Wait all the same: an answer to its SUBSCRIBE must not be attributed to the next
			// one.
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

// findRefused is called when a session has ended. It ends the subscription that was refused, if that is known, and
// reports whether one may be among those left.
func (v *supervisor) findRefused(s *session, err error) (suspects bool) {
	var refused *Error
	var closed *CloseError
	byError := errors.As(err, &refused) && !refused.names() // what was cut off may name one
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
			sub.fail(err, false)
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

// mayRefuse reports whether a close with that code may answer one of our frames. It does not if the server goes away,
// restarts or is too busy.
func (e *CloseError) mayRefuse() bool {
	switch e.Code {
	case 1001, 1005, 1012, 1013:
		return false
	}
	return true
}

// isConfirmed reports whether the RECEIPT has come. p is nil while its frame is being accepted.
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
