package stomp

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A server may answer a frame with the end of the session and not say which one: RabbitMQ's ERROR may have neither
// receipt-id nor subscription, or the server only closes. A frame that is sent again on every session, a SUBSCRIBE or
// a SEND WithRetry, would then end every session. So those that were unanswered when sessions ended are found out one
// by one (promise 5), while everybody else goes on:
//
//   - A frame is held back when it was unanswered at the end of two sessions: one end may be anybody's. A SUBSCRIBE
//     that was never confirmed is held back after the first. When the server says nothing, as when it restarts, that
//     has to go on for a while.
//   - What is held back is tried with nothing else under way, after all the rest (trial.go). The first trial of a
//     session is of one frame, each one after that of twice as many, until one costs the session.
//   - A frame that was alone when the session ended waits before its next trial, longer each time, and so does
//     everything else that is held back, for a shorter time.
//   - Where the server had yet to answer something else as well, that may have been the reason as much as the trial:
//     all of it is charged, and the next trial gets more time.
//   - When that has lasted (belief.go), the frame's call gets what the server said.
//   - Where a session that is active could be lost over a SUBSCRIBE that was never accepted, it is asked for on a
//     connection of its own instead (askFirst, scout.go).
//
// Not found out is a frame that the server confirms first, or takes longer to refuse than longestTrial while others
// are sent.

// suspect is a frame under suspicion: the SUBSCRIBE of sub, or else send.
type suspect struct {
	*suspicion
	sub  *subscription
	send carried
}

// sessionEnd is what the end of a session says against the frames that were unanswered then.
type sessionEnd struct {
	words  error // of the server
	silent bool  // it said nothing, which is all that RabbitMQ does on a stream when a frame is too large
	lone   bool  // only one frame can be meant
	clean  bool  // and nothing else was sent meanwhile
	beside bool  // beside the one on trial, something else awaited its answer
}

// accuse is called when a session has ended, and its frames for the next one are in v.carried. It charges those that
// may be the reason, ends those of which that is believed, and leaves in v.carried what goes out with everything
// else. It reports whether the session ended over the trial of something that had worked before.
func (v *supervisor) accuse(s *session, err error) (provoked bool) {
	list, beside := v.unanswered(s)
	end := s.accusation(err)
	if named, words := namedBy(list); named != nil {
		list, beside, end = []suspect{*named}, nil, sessionEnd{words: words, lone: true, clean: true}
		v.pristine = true
	}
	if end.words != nil && !v.client.cfg.once && v.client.ending() == nil {
		if !end.lone && len(list) == 1 && len(v.trial) <= 1 { // of what was tried together, one may have ended meanwhile
			nothingSince := s.out.Last() == v.trialLast
			switch x := list[0]; {
			case len(beside) > 0:
				end.beside = true
			case x.trying && v.exclusive:
				end.lone, end.clean = nothingSince, nothingSince
			case x.trying, x.passed > 0: // the server takes its time
				end.lone = nothingSince
			}
		}
		provoked = v.charge(append(list, beside...), end)
	}
	v.endTrial(true)
	v.holdSends()
	return provoked
}

// accusation returns what the server said if the end of the session may be its answer to one of our frames.
func (s *session) accusation(err error) sessionEnd {
	var refused *Error
	var closed *CloseError
	switch {
	case s.explained: // it said for which frame
	case errors.As(err, &refused) && !refused.names(), errors.As(err, &closed) && closed.mayRefuse():
		if lost, ok := err.(*lostError); ok {
			err = lost.cause
		}
		return sessionEnd{words: err}
	case hungUp(err):
		return sessionEnd{words: err, silent: true}
	}
	return sessionEnd{}
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

// unanswered returns the frames that may be why s has ended: during a trial those that were tried, and beside them
// those that awaited an answer as well, otherwise all that will be sent again. A subscription whose SUBSCRIBE was
// answered is cleared.
func (v *supervisor) unanswered(s *session) (list, beside []suspect) {
	var triedAt time.Time // zero: there is no trial
	note := func(x suspect) {
		if x.trying {
			triedAt = x.triedAt
		}
		list = append(list, x)
	}
	for _, sub := range v.client.openSubscriptions() {
		switch {
		case sub.cfg.sessionOnly:
		case sub.isAnsweredOn(s):
			sub.clear()
		case sub.isUnansweredOn(s):
			if sub.suspicion == nil {
				sub.suspicion = new(suspicion)
			}
			note(suspect{suspicion: sub.suspicion, sub: sub})
		}
	}
	for _, f := range v.carried {
		if !f.begun || f.receipt == nil {
			continue
		}
		if f.receipt.suspicion == nil {
			f.receipt.suspicion = new(suspicion)
		}
		note(suspect{suspicion: f.receipt.suspicion, send: f})
	}
	if triedAt.IsZero() {
		return list, nil
	}
	for _, x := range list {
		if !x.trying && v.awaitsAnswer(x, triedAt) {
			beside = append(beside, x)
		}
	}
	return slices.DeleteFunc(list, func(x suspect) bool { return !x.trying }), beside
}

// lateAnswer is for how long the answer to a SUBSCRIBE is expected: a relay answers some and others never.
const lateAnswer = 2 * longestTrial

// awaitsAnswer reports whether an answer to x, which is not on trial, could still be expected at that time: not to what
// has waited in vain, as a SEND that RabbitMQ has rejected.
func (v *supervisor) awaitsAnswer(x suspect, at time.Time) bool {
	if x.sub == nil {
		return x.passed == 0 && x.send.order > v.awaitedInVain
	}
	r := x.sub.current()
	if r == nil {
		return false
	}
	if v.client.receipts.areAnsweredTo(subscribes) {
		return at.Sub(r.made) < lateAnswer && (x.suspicion == nil || x.passed == 0)
	}
	return x.isUntested() && at.Sub(r.made) < trialTime(1) // only a refusal would come, and the second trial waits so long
}

// namedBy returns the SUBSCRIBE in list that an ERROR has named right before the session ended.
func namedBy(list []suspect) (*suspect, error) {
	for i := range list {
		if sub := list[i].sub; sub != nil {
			if e := sub.current().doubted; e != nil {
				return &list[i], e
			}
		}
	}
	return nil, nil
}

// charge charges each of list with the end of a session. It reports whether that was a trial of something that had
// worked before.
func (v *supervisor) charge(list []suspect, end sessionEnd) (provoked bool) {
	now := time.Now()
	var held []suspect
	trial, again, convicted := false, false, false
	for _, x := range list {
		if x.ends++; x.ends == 1 {
			x.costs = v.trialCosts
		}
		x.words = end.words
		x.lone.begin(now)
		if end.lone && (end.clean || !end.silent) {
			x.lone.times++
			x.notBefore = now.Add(trialPause(x.lone.times))
		}
		if end.beside && x.trying && v.exclusive { // else passUnanswered has counted it
			x.unclear++
		}
		wasHeld := x.held
		if end.silent {
			x.held = x.held || x.ends > 1 && now.Sub(x.lone.since) >= silentEndsBelieved
		} else {
			x.held = x.held || x.ends > 1 || x.isUntested() || x.isAskedAgain()
		}
		trial, again = trial || x.trying, again || x.lone.times > 1
		provoked = provoked || x.trying && !x.isUntested()
		if x.held && !wasHeld {
			held = append(held, x)
		}
		if v.isBelieved(x, now, end) {
			v.convict(x, now)
			convicted = true
		}
	}
	if trial {
		v.trialSize = 1
		v.trialCosts++
		if provoked || end.beside || end.lone && !convicted {
			v.noTrialBefore = now.Add(shortestPause)
		}
		if v.othersCost++; again {
			v.othersCost = 0
		}
	}
	if len(held) > 0 {
		v.client.log.Warn("stomp: the server may end its sessions over these frames; they are held back and tried alone",
			"first", held[0].String(), "frames", len(held), "error", end.words)
	}
	return provoked
}

// isUntested reports whether x is a SUBSCRIBE that no server has accepted yet.
func (x suspect) isUntested() bool { return x.sub != nil && !x.sub.stood }

// isAskedAgain reports whether x is the SUBSCRIBE of a subscription that does not end when it is refused.
func (x suspect) isAskedAgain() bool { return x.sub != nil && x.sub.again != nil }

// command is that whose answers count for x: SEND is not among those that are told apart.
func (x suspect) command() commands {
	if x.sub != nil {
		return subscribes
	}
	return 0
}

// String names the frame.
func (x suspect) String() string {
	if x.sub != nil {
		return fmt.Sprintf("SUBSCRIBE %q to %s", x.sub.id, x.sub.destination)
	}
	return fmt.Sprintf("SEND with receipt %q to %s", receiptID(x.send.receipt.number), x.send.receipt.target)
}

// isBelieved reports whether x is why sessions end.
func (v *supervisor) isBelieved(x suspect, now time.Time, end sessionEnd) bool {
	var refused *Error
	switch {
	case !end.lone:
		return false
	case x.isAskedAgain(): // nothing ends
		return !end.silent || x.lone.lasted(now, 0, endsBelieved)
	case end.silent:
		return x.lone.lasted(now, silenceBelieved, endsBelieved)
	case x.sub == nil:
		return x.lone.lasted(now, sendBelieved, endsBelieved) || v.trialCosts-x.costs >= manyCosts && x.lone.lasted(now, manyBelieved, 1)
	case x.sub.stood:
		return x.lone.lasted(now, subscribeBelieved, endsBelieved)
	case errors.As(end.words, &refused) && end.clean && v.pristine: // nothing else can be meant
		return true
	}
	return x.lone.lasted(now, 0, endsBelieved) // a close gives no reason, and an ERROR may answer something before
}

// convict ends what x is about, with the words of the server. With an ERROR a SEND takes along those to the same
// destination that have been waiting for their trial so long: there may be any number of them, and each trial costs a
// session.
func (v *supervisor) convict(x suspect, now time.Time) {
	err := x.words
	if x.lone.times > 1 {
		err = fmt.Errorf("%w (so ended %d sessions, over %v, in which it was tried alone)", err, x.lone.times, now.Sub(x.lone.since).Round(time.Second))
	}
	if x.sub != nil {
		x.sub.suspicion = nil
		x.sub.refuse(x.sub.current(), err, true)
		return
	}
	p := x.send.receipt
	refused := v.refuse(x.send, err)
	var words *Error
	if errors.As(x.words, &words) && x.unclear == 0 { // on a slow server the trials were not all of one frame
		for _, f := range v.held {
			also := f.receipt
			if also.target == p.target && also.suspicion.lone.lasted(now, manyBelieved, 0) && v.trialCosts-also.suspicion.costs >= manyCosts {
				refused += v.refuse(f, fmt.Errorf("%w (so the server answers each one to this destination that it was sent alone)", x.words))
			}
		}
	}
	if refused > 0 {
		v.client.log.Warn("stomp: a SEND is given up, the server ends the session over it", "destination", p.target,
			"receipt", receiptID(p.number), "frames", refused, "error", err)
	}
}

// refuse ends a SEND WithRetry. It returns how many that are: none if its call has given up.
func (v *supervisor) refuse(f carried, err error) int {
	p := f.receipt
	if v.client.receipts.remove(p.number) == nil {
		return 0
	}
	p.resolve(p.failed(err, "", false))
	return 1
}

// holdSends moves the SENDs that are held back from v.carried to v.held, in the order in which they were made.
func (v *supervisor) holdSends() {
	isHeld := func(f carried) bool {
		return f.receipt != nil && f.receipt.suspicion != nil && f.receipt.suspicion.held
	}
	for _, f := range v.carried {
		if isHeld(f) {
			v.held = append(v.held, f)
			v.client.receipts.holdBack(f.receipt, true)
		}
	}
	v.carried = slices.DeleteFunc(v.carried, isHeld)
	slices.SortFunc(v.held, func(a, b carried) int { return cmp.Compare(a.receipt.number, b.receipt.number) })
	v.dropAnswered()
}

// dropAnswered forgets the SENDs that nobody waits for any more.
func (v *supervisor) dropAnswered() {
	isOver := func(f carried) bool { return f.receipt != nil && !v.client.receipts.isPending(f.receipt) }
	v.held = slices.DeleteFunc(v.held, isOver)
	v.carried = slices.DeleteFunc(v.carried, isOver)
}

// isAnsweredOn reports whether s, which has ended, has accepted the SUBSCRIBE.
func (sub *subscription) isAnsweredOn(s *session) bool {
	r, confirm, sent := sub.sentOn(s)
	// A server that answers no SUBSCRIBE has accepted it when the session stands for a while.
	return sent && (confirm.isConfirmed() || !s.env.receipts.areAnsweredTo(subscribes) && time.Since(r.made) >= attemptLimit)
}

// isUnansweredOn reports whether the SUBSCRIBE may be why s has ended: it has not been answered, and not been there
// for long.
func (sub *subscription) isUnansweredOn(s *session) bool {
	r, confirm, sent := sub.sentOn(s)
	return sent && !confirm.isConfirmed() && time.Since(r.made) < trialAnswer
}

// sentOn returns the route of the SUBSCRIBE and its receipt, if it was sent on s.
func (sub *subscription) sentOn(s *session) (r *route, confirm *pendingReceipt, sent bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	r = sub.route
	return r, sub.confirm, r != nil && r.session == s.ref && sub.subscribeSent
}

// clear ends all suspicion of a subscription.
func (sub *subscription) clear() {
	sub.suspicion, sub.stood = nil, true
	sub.holdBack(nil)
	sub.accepted(sub.current()) // by a server that answers no SUBSCRIBE
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
