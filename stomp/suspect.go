package stomp

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// A server may answer a frame with the end of the session and not say which one: RabbitMQ's ERROR may have neither
// receipt-id nor subscription, or the server only closes. A frame that is sent again on every session, a SUBSCRIBE or a
// SEND WithRetry, would then end every session. So those that were unanswered when sessions ended are found out one by
// one (promise 5), while everybody else goes on:
//
//   - A frame is held back when it was unanswered at the end of two sessions in a row: one end may be anybody's. A SUBSCRIBE
//     that was never confirmed is held back after the first. When the server says nothing, as when it restarts, that has to
//     go on for a while.
//   - What is held back is tried with nothing else under way, after all the rest. The first trial is of one frame, each
//     one after that of twice as many, until one costs the session. Then it is one again.
//   - A frame that was alone when the session ended waits before its next trial, longer each time, and so does
//     everything else that is held back, for a shorter time.
//   - When that has lasted (belief.go), the frame's call gets what the server said.

// suspect is a frame under suspicion: the SUBSCRIBE of sub, or else send.
type suspect struct {
	*suspicion
	sub  *subscription
	send carried
}

// accuse is called when a session has ended, and its frames for the next one are in v.carried. It charges those that may
// be the reason, ends those of which that is believed, and leaves in v.carried what goes out with everything else. It
// reports whether the session ended over a trial.
func (v *supervisor) accuse(s *session, err error) (provoked bool) {
	unanswered := v.unanswered(s)
	if words, silent := s.accusation(err); words != nil {
		provoked = v.exclusive
		v.charge(unanswered, words, silent)
	}
	v.endTrial(true)
	v.holdSends()
	return provoked
}

// accusation returns what the server said if the end of the session may be its answer to one of our frames, else nil.
// silent: it said nothing, which is all that RabbitMQ does on a stream when a frame is too large.
func (s *session) accusation(err error) (words error, silent bool) {
	var refused *Error
	var closed *CloseError
	switch {
	case s.explained: // it said for which frame
		return nil, false
	case errors.As(err, &refused) && !refused.names(), errors.As(err, &closed) && closed.mayRefuse():
		if lost, ok := err.(*lostError); ok {
			err = lost.cause
		}
		return err, false
	case hungUp(err):
		return err, true
	}
	return nil, false
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

// unanswered returns the frames that may be why s has ended: during a trial those that were tried, otherwise all that
// will be sent again. A subscription whose SUBSCRIBE was answered is cleared.
func (v *supervisor) unanswered(s *session) (list []suspect) {
	trial := false
	for _, sub := range v.client.openSubscriptions() {
		switch sub.answerOn(s) {
		case answered:
			sub.clear()
		case unanswered:
			if sub.suspicion == nil {
				sub.suspicion = new(suspicion)
			}
			list = append(list, suspect{suspicion: sub.suspicion, sub: sub})
			trial = trial || sub.suspicion.trying
		}
	}
	for _, f := range v.carried {
		if !f.begun || f.receipt == nil {
			continue
		}
		if f.receipt.suspicion == nil {
			f.receipt.suspicion = new(suspicion)
		}
		list = append(list, suspect{suspicion: f.receipt.suspicion, send: f})
		trial = trial || f.receipt.suspicion.trying
	}
	if trial {
		list = slices.DeleteFunc(list, func(x suspect) bool { return !x.trying })
	}
	return list
}

// charge charges each of list with the end of a session.
func (v *supervisor) charge(list []suspect, words error, silent bool) {
	now := time.Now()
	for _, x := range list {
		wasHeld := x.held
		alone := x.trying && len(list) == 1
		if silent {
			x.suspicion.charge(now, words, alone && v.exclusive)
			x.held = x.held || x.ends > 1 && now.Sub(x.alone.since) >= silentEndsBelieved
		} else {
			x.suspicion.charge(now, words, alone)
			x.held = x.held || x.ends > 1 || x.isUntested()
		}
		switch {
		case x.isBelieved(now, silent, alone && v.exclusive):
			v.convict(x, now)
		case x.trying:
			if v.trialSize = 1; alone || !x.isUntested() {
				v.noTrialBefore = now.Add(shortestPause)
			}
			if v.othersCost++; x.alone.times > 1 {
				v.othersCost = 0
			}
		case x.held && !wasHeld:
			v.logHeld(x)
		}
	}
}

// isUntested reports whether x is a SUBSCRIBE that no server has accepted yet.
func (x suspect) isUntested() bool { return x.sub != nil && !x.sub.stood }

// isBelieved reports whether x is why sessions end. silent: the server said nothing. alone: nothing else was under way.
func (x suspect) isBelieved(now time.Time, silent, alone bool) bool {
	var refused *Error
	switch {
	case silent:
		return x.alone.lasted(now, silenceBelieved, endsBelieved)
	case x.sub == nil:
		return x.alone.lasted(now, sendBelieved, endsBelieved) || x.alone.lasted(now, sendBelievedOnce, 1)
	case x.sub.stood:
		return x.alone.lasted(now, subscribeBelieved, endsBelieved)
	case alone && errors.As(x.words, &refused):
		return true
	}
	return x.alone.lasted(now, 0, endsBelieved) // a close gives no reason, and may have another cause
}

// convict ends what x is about, with the words of the server. A SEND takes along those to the same destination that have
// been waiting for their trial so long: there may be any number of them, and each trial costs a session.
func (v *supervisor) convict(x suspect, now time.Time) {
	err := x.words
	if x.alone.times > 1 {
		err = fmt.Errorf("%w (so ended %d sessions, over %v, in which it was tried alone)", err, x.alone.times, now.Sub(x.alone.since).Round(time.Second))
	}
	if x.sub != nil {
		x.sub.fail(err, false)
		return
	}
	v.refuse(x.send, err)
	for _, f := range v.held {
		if also := f.receipt; also.target == x.send.receipt.target && now.Sub(also.suspicion.alone.since) >= sendBelievedOnce {
			v.refuse(f, err)
		}
	}
}

// refuse ends a SEND WithRetry.
func (v *supervisor) refuse(f carried, err error) {
	p := f.receipt
	if v.client.receipts.remove(p.number) == nil {
		return // its call has given up
	}
	v.client.log.Warn("stomp: a SEND is given up, the server ends the session over it", "destination", p.target, "receipt", receiptID(p.number), "error", err)
	p.resolve(p.failed(err, "", false))
}

func (v *supervisor) logHeld(x suspect) {
	const what = "stomp: the server may end its sessions over this frame; it is held back and tried alone"
	if x.sub != nil {
		v.client.log.Warn(what, "command", "SUBSCRIBE", "id", x.sub.id, "destination", x.sub.destination, "error", x.words)
		return
	}
	v.client.log.Warn(what, "command", "SEND", "receipt", receiptID(x.send.receipt.number), "destination", x.send.receipt.target, "error", x.words)
}

// holdSends moves the SENDs that are held back from v.carried to v.held, in the order in which they were made.
func (v *supervisor) holdSends() {
	isHeld := func(f carried) bool {
		return f.receipt != nil && f.receipt.suspicion != nil && f.receipt.suspicion.held
	}
	for _, f := range v.carried {
		if isHeld(f) {
			v.held = append(v.held, f)
		}
	}
	v.carried = slices.DeleteFunc(v.carried, isHeld)
	slices.SortFunc(v.held, func(a, b carried) int { return int(int64(a.receipt.number - b.receipt.number)) })
	v.dropAnswered()
}

// dropAnswered forgets the SENDs that are held back and that nobody waits for any more.
func (v *supervisor) dropAnswered() {
	v.held = slices.DeleteFunc(v.held, func(f carried) bool { return !v.client.receipts.isPending(f.receipt) })
}

// answer says how far a SUBSCRIBE has come on a session.
type answer uint8

const (
	notSentThere answer = iota // or so long ago that it cannot be why the session ended
	unanswered
	answered
)

// answerOn returns how far the SUBSCRIBE has come on s, which has ended.
func (sub *subscription) answerOn(s *session) answer {
	sub.mu.Lock()
	r, confirm, sent := sub.route, sub.confirm, sub.subscribeSent
	sub.mu.Unlock()
	switch {
	case r == nil || r.session != s.ref || !sent:
		return notSentThere
	case confirm.isConfirmed():
		return answered
	case time.Since(r.made) < attemptLimit:
		return unanswered
	case s.env.receipts.areAnswered():
		return notSentThere
	}
	return answered // as far as this server answers
}

// clear ends all suspicion of a subscription.
func (sub *subscription) clear() {
	sub.suspicion, sub.stood = nil, true
	sub.holdBack(nil)
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
