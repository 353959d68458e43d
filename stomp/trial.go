package stomp

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"
)

// The trials of what is held back; see suspect.go. They run in a loop of the session, which first restores it.

const (
	// quietTime is how long nothing else is sent before a trial, so that the server's answer to something else is not
	// taken for its answer to what is tried.
	quietTime = 250 * time.Millisecond

	// trialAnswer is how long the answer to a trial is awaited, while everything but other trials goes on.
	trialAnswer = time.Minute

	// mostTried is how many frames are tried at once at most.
	mostTried = 1024
)

// restoreWithTrials restores s as begin does, but holds back what is under suspicion. What is due of that is tried
// before the session becomes active, as far as there is time, and the rest later.
func (v *supervisor) restoreWithTrials(s *session, until time.Time) error {
	v.trialSize, v.trialLast, v.awaitedInVain = 1, 0, 0
	v.subscribeAll(s, until)
	var ok bool
	if v.pristine, ok = v.settles(s, v.quietBefore(v.due(false)), until); ok {
		v.tryUntil(s, v.due(false), until)
	}
	if !s.isCut() && v.activate(s, until) {
		v.stop, v.pristine = nil, false
		v.tryLater(s)
	}
	return nil
}

// settles waits for the answers to what was sent on s so far. ok: they have come by then, or nothing has happened for
// so long on a server that sends none. all: they have come.
func (v *supervisor) settles(s *session, quiet time.Duration, until time.Time) (all, ok bool) {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	silent := time.Now().Add(quiet)
	for _, sub := range v.client.openSubscriptions() {
		switch {
		case receipts.answers(subscribes):
			if !v.awaitConfirmation(s, sub, until) {
				return false, false
			}
		case !v.awaitConfirmation(s, sub, silent):
			return false, !s.isCut() // this server answers no SUBSCRIBE, and did not end the session either
		}
	}
	return !s.isCut(), !s.isCut()
}

// tryUntil tries these, and then what else is due, while nothing else is sent, until all of that is answered, the
// session has ended, or it is that time, and what is tried first has had its time. It returns false when the session
// takes nothing any more.
func (v *supervisor) tryUntil(s *session, trial []suspect, until time.Time) bool {
	if at := time.Now().Add(v.timeFor(trial)); at.After(until) {
		until = at
	}
	for len(trial) > 0 && !s.isCut() && time.Now().Before(until) {
		all := v.startTrial(s, trial)
		v.exclusive, v.trialLast = true, s.out.Last() // also where that is answered already, with the end of the session
		if !all {
			return false
		}
		if !v.awaitTrial(s, until) {
			if !s.isCut() {
				v.exclusive = false
				v.passUnanswered(s)
			}
			return true
		}
		v.pass()
		trial = v.due(false)
	}
	return true
}

// tryLater tries, on an active session, what is or becomes due, while senders wait. What is still held back when the
// Client is ending is tried at once: there is no later.
func (v *supervisor) tryLater(s *session) {
	for !s.isCut() {
		if v.stop = nil; v.client.ending() == nil {
			v.stop = s.env.life.Done() // no wait lasts beyond that: what is held back is tried at once then
		}
		if len(v.trial) > 0 { // it was not answered while everything else waited
			limit := trialAnswer
			if v.client.ending() != nil {
				limit = shortestTrial
			}
			if v.awaitTrial(s, time.Now().Add(limit)); s.isCut() {
				return
			}
			v.pass()
		}
		at, ok := v.nextDue()
		if !ok || !s.sleep(at) {
			return
		}
		if trial := v.prepare(s, v.due(true)); len(trial) > 0 && !v.askFirst(s, trial[0]) && !v.tryAlone(s, trial) {
			<-s.cut // Reconnect and its like are about to
			return
		}
		v.subscribeAll(s, time.Now()) // what passUnanswered has let go
	}
}

// askFirst asks for a subscription that no server has accepted yet on a connection of its own, where its refusal
// would end the session, and takes the refusal. It returns false where x has to be tried on the session: it is
// something else, there is nothing against it, it could not be asked, or what is in its queue would be lost when the
// connection that asks is the first to leave it.
func (v *supervisor) askFirst(s *session, x suspect) (refused bool) {
	if !x.isUntested() || !s.server.endsOverSubscribe || x.sub.isExclusive() || x.sub.endsUnused() || v.client.hasClientID() {
		return false
	}
	sc := scouting{sub: x.sub, session: s}
	defer sc.end(s.env.life)
	if !sc.begin(s.env.life) {
		return false
	}
	var refusal *refusedError
	if !errors.As(sc.ask(s.env.life), &refusal) {
		return false
	}
	now := time.Now()
	x.words = refusal.cause
	x.lone.add(now)
	x.notBefore = now.Add(trialPause(x.lone.times))
	var said *Error
	if errors.As(refusal.cause, &said) || x.lone.lasted(now, 0, endsBelieved) { // a close gives no reason
		v.convict(x, now)
	}
	return true
}

// timeFor returns how long these may be alone.
func (v *supervisor) timeFor(trial []suspect) time.Duration {
	unclear := 0
	if v.client.ending() == nil {
		for _, x := range trial {
			unclear = max(unclear, x.unclear)
		}
	}
	return trialTime(unclear)
}

// quietBefore returns how long nothing else is sent before these are tried on a server that sends no receipts.
func (v *supervisor) quietBefore(trial []suspect) time.Duration {
	if limit := v.timeFor(trial); limit > shortestTrial {
		return limit
	}
	return quietTime
}

// tryAlone tries these while senders wait, if the server takes what they have sent so far. Otherwise it puts that
// off. It returns false when the session takes nothing any more.
func (v *supervisor) tryAlone(s *session, trial []suspect) bool {
	within, cancel := context.WithTimeout(context.Background(), shortestTrial)
	defer cancel()
	if s.awaitFlush(within, s.out.Last()) != nil { // so that what is left is little
		v.noTrialBefore = time.Now().Add(shortestPause)
		return true
	}
	s.out.Hold()
	defer s.out.Release()
	v.await(s, nil, time.Now().Add(quietTime))
	if limit := v.timeFor(trial); limit > shortestTrial {
		last := s.out.Last()
		if !v.awaitAnswers(s, time.Now().Add(limit)) && limit == longestTrial {
			v.awaitedInVain = last
		}
	}
	return v.tryUntil(s, trial, time.Now())
}

// awaitAnswers waits for the answers that can be expected to what was sent on s. It returns false when the session ends
// first, or it is that time.
func (v *supervisor) awaitAnswers(s *session, until time.Time) bool {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	for _, sub := range v.client.openSubscriptions() {
		x := suspect{suspicion: sub.suspicion, sub: sub}
		if sub.isUnansweredOn(s) && v.awaitsAnswer(x, time.Now()) && !v.awaitConfirmation(s, sub, until) {
			return false
		}
	}
	for {
		p := receipts.unansweredSend()
		if p == nil {
			return true
		}
		if !v.await(s, p.done, until) {
			return false
		}
	}
}

// prepare asks the function that one of these may have for its header, and leaves out what has to wait for that.
func (v *supervisor) prepare(s *session, trial []suspect) []suspect {
	return slices.DeleteFunc(trial, func(x suspect) bool {
		if !x.asks() {
			return false
		}
		var err error
		if x.header, err = x.sub.askHeader(s.env.life, s); err != nil {
			x.sub.holdBack(err)
			x.notBefore = time.Now().Add(shortestPause)
		}
		return err != nil
	})
}

// due returns what is to be tried next: something that was alone when a session ended, alone again, or several of the
// others, SUBSCRIBEs before SENDs, what was tried least first. They take turns in costing sessions, two of the others
// for one. asking: it may have to be asked for its header first, and is tried alone when it is its turn.
func (v *supervisor) due(asking bool) []suspect {
	now := time.Now()
	ending := v.client.ending() != nil // there is no later
	if now.Before(v.noTrialBefore) && !ending {
		return nil
	}
	var again, others []suspect
	for _, x := range v.heldBack() {
		switch {
		case now.Before(x.notBefore) && !ending, x.asks() && !asking:
		case x.lone.times > 0:
			again = append(again, x)
		default:
			others = append(others, x)
		}
	}
	if len(others) == 0 || len(again) > 0 && v.othersCost > 1 {
		slices.SortStableFunc(again, func(a, b suspect) int { return a.notBefore.Compare(b.notBefore) })
		return again[:min(1, len(again))]
	}
	slices.SortStableFunc(others, func(a, b suspect) int { return cmp.Compare(a.passed, b.passed) })
	others = others[:min(v.trialSize, len(others))]
	if i := slices.IndexFunc(others, suspect.asks); i >= 0 {
		others = others[:max(1, i)]
	}
	return others
}

// asks reports whether a function is asked for the header of x.
func (x suspect) asks() bool { return x.sub != nil && x.sub.cfg.headerFunc != nil }

// nextDue returns when the next trial may begin. ok is false when there is none.
func (v *supervisor) nextDue() (at time.Time, ok bool) {
	for _, x := range v.heldBack() {
		if !ok || x.notBefore.Before(at) {
			at, ok = x.notBefore, true
		}
	}
	if at.Before(v.noTrialBefore) {
		at = v.noTrialBefore
	}
	return at, ok
}

// heldBack returns all that is held back. When the Client is ending, its subscriptions do not matter any more.
func (v *supervisor) heldBack() (list []suspect) {
	subs := v.client.openSubscriptions()
	if v.client.ending() != nil {
		subs = nil
	}
	for _, sub := range subs {
		if x := sub.suspicion; x != nil && x.held && !x.trying && !sub.isWaitingToBeAsked() {
			list = append(list, suspect{suspicion: x, sub: sub})
		}
	}
	v.dropAnswered()
	for _, f := range v.held {
		list = append(list, suspect{suspicion: f.receipt.suspicion, send: f})
	}
	return list
}

// startTrial sends what is tried. It returns false, and leaves on trial what was sent, when the session takes nothing
// any more.
func (v *supervisor) startTrial(s *session, trial []suspect) bool {
	now := time.Now()
	var sends []carried
	for _, x := range trial {
		x.trying, x.triedAt = true, now
		if x.sub != nil {
			x.sub.restoreOn(s, x.header)
			x.sub.holdBack(nil)
			continue
		}
		sends = append(sends, x.send)
		v.client.receipts.holdBack(x.send.receipt, false)
	}
	v.held = slices.DeleteFunc(v.held, func(f carried) bool { return f.receipt.suspicion.trying })
	left := s.resend(sends)
	v.carried = append(v.carried, left...)
	v.trial = trial
	if !s.out.IsClosed() {
		return true
	}
	for _, f := range left {
		f.receipt.suspicion.trying = false // accuse holds it back again
	}
	v.trial = slices.DeleteFunc(trial, func(x suspect) bool {
		if x.sub != nil {
			confirm, on := x.sub.confirmation()
			x.trying = on == s && confirm != nil
		}
		return !x.trying
	})
	return false
}

// awaitTrial waits until all that is tried is answered. It returns false when the session ends first, or it is that
// time.
func (v *supervisor) awaitTrial(s *session, until time.Time) bool {
	receipts := s.env.receipts
	receipts.beginWait()
	defer receipts.endWait()
	for _, x := range v.trial {
		answered := false
		if x.sub != nil {
			answered = v.awaitConfirmation(s, x.sub, until)
		} else if answered = v.await(s, x.send.receipt.done, until); answered && isContextError(x.send.receipt.err) {
			answered = v.await(s, nil, until) // its caller has given up, and the server may still answer
		}
		if !answered {
			return false
		}
	}
	return !s.isCut()
}

// awaitConfirmation waits for the answer to SUBSCRIBE, as await does. If its user ends it meanwhile, the answer is
// awaited all the same: it must not be attributed to the next one.
func (v *supervisor) awaitConfirmation(s *session, sub *subscription, until time.Time) bool {
	confirm, on := sub.confirmation()
	if on != s || confirm == nil {
		return true // it was not sent, and will not be
	}
	withdrawn := func() bool { return sub.hasEnded() && !s.env.receipts.isPending(confirm) }
	return withdrawn() || v.await(s, confirm.done, until) || withdrawn()
}

// pass ends a trial that has not cost the session. What did cost those before is forgotten: something else did, or x
// will again, in as much time as that takes.
func (v *supervisor) pass() {
	for _, x := range v.trial {
		if x.sub != nil {
			if confirm, _ := x.sub.confirmation(); confirm.isConfirmed() {
				x.sub.clear()
				continue
			}
		}
		x.passed++
		x.lone.times = 0
	}
	v.endTrial(false)
	v.trialSize = min(2*v.trialSize, mostTried)
}

// passUnanswered is called when a trial was not answered in time. A server that answers such frames may still do so.
// Others get time to refuse one SUBSCRIBE per session, and get the rest at once.
func (v *supervisor) passUnanswered(s *session) {
	for _, x := range v.trial {
		if x.unclear == 0 || s.env.receipts.answers(0) { // without any receipts it is so each time
			x.unclear++
		}
	}
	for _, x := range v.trial {
		if s.env.receipts.answers(x.command()) {
			return
		}
	}
	now := time.Now()
	for _, x := range v.trial {
		if x.lone.times > 0 { // it has had its turn
			v.othersCost = 0
			x.notBefore = now.Add(trialPause(x.lone.times))
		}
	}
	v.pass()
	v.noTrialBefore = now.Add(shortestPause)
	for _, x := range v.heldBack() {
		if x.sub != nil && x.lone.times == 0 {
			x.held = false
			x.sub.holdBack(nil)
		}
	}
}

// endTrial ends the trial under way, if there is one. held: what was tried is held back still.
func (v *supervisor) endTrial(held bool) {
	for _, x := range v.trial {
		x.trying, x.held = false, held
	}
	v.trial, v.exclusive = nil, false
}

// await waits until c is closed. It returns false when the session ends first, at that time, or when the Client ends
// before the session is active.
func (v *supervisor) await(s *session, c <-chan struct{}, until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-s.cut:
	case <-v.stop:
	case <-timer.C:
	}
	return false
}

// sleep waits until then, or until the Client is ending. It returns false when the session ends first.
func (s *session) sleep(until time.Time) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.env.life.Done():
		return true
	case <-s.cut:
		return false
	}
}
