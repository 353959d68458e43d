package stomp

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// endpoints decides which endpoint is asked next and when, during one outage or one Connect, and when the refusal of
// our credentials is believed.
//
// Attempts go in rounds over the endpoints. A round begins after a delay of the Backoff; within it the next endpoint is
// asked at once, after at most Min. An endpoint that refused our credentials is skipped until its own delay is over, so
// that it does not hold up the others.
//
// A refusal is believed when it has lasted: real servers answer 401, 403 and ERROR to CONNECT for seconds while they
// restart, while the broker behind a relay is away, or while a dead connection still holds a client-id.
type endpoints struct {
	backoff Backoff
	all     []endpoint // by index of the URL
	order   []int      // in which a round asks them
	next    int        // position in order; 0: a round begins
	rounds  int        // begun since the delays started to grow
	eager   bool       // the first round has no delays: Connect's
}

// endpoint is what one endpoint has done in this outage.
type endpoint struct {
	answered  bool // it was reached, and said something
	hopeless  bool // its URL makes no sense
	cutShort  bool // its last attempt was ended for the sake of the others
	refusing  doubt
	refusal   error     // the last one
	notBefore time.Time // it is not asked again before that
}

func newEndpoints(backoff Backoff, n int) *endpoints {
	e := &endpoints{backoff: backoff, all: make([]endpoint, n)}
	e.restart()
	return e
}

// beginAt starts an outage, or a Connect: rounds begin with endpoint first.
func (e *endpoints) beginAt(first int) {
	clear(e.all)
	e.order = e.order[:0]
	for i := range e.all {
		e.order = append(e.order, (first+i)%len(e.all))
	}
	e.next = 0
}

// restart starts as Connect does: from the first endpoint, without delays in the first round.
func (e *endpoints) restart() {
	e.rounds, e.eager = 0, true
	e.beginAt(0)
}

// lost starts an outage after a session of that endpoint, which lasted for so long. It is asked first, because the others
// may be stand-ins; last where it fell silent, because it may accept connections all the same. provoked: the session ended
// over a trial, so that the server may well be there.
func (e *endpoints) lost(endpoint int, lasted time.Duration, silent, provoked bool) {
	if provoked || lasted >= e.backoff.ceiling(e.rounds) {
		e.rounds = 0
	}
	e.eager = false
	if silent {
		endpoint++
	}
	e.beginAt(endpoint % len(e.all))
}

// plan is which endpoint is asked after which delay.
type plan struct {
	endpoint int
	delay    time.Duration
	left     int  // others that may be asked in this round, after it
	patient  bool // it was cut short last time, and gets the time of one that is alone
}

// nextAttempt decides about the next attempt.
func (e *endpoints) nextAttempt(now time.Time) plan {
	if e.next > 0 {
		delay := e.jitter()
		if i, ok := e.ready(now.Add(delay)); ok {
			return e.ask(i, now, delay)
		}
		e.next, e.eager = 0, false // all that are left wait
	}
	delay := time.Duration(0)
	if !e.eager {
		e.rounds++
		delay = e.backoff.delay(e.rounds)
	}
	if i, ok := e.ready(now.Add(delay)); ok {
		return e.ask(i, now, delay)
	}
	first := 0
	for i := range e.order {
		if e.all[e.order[i]].notBefore.Before(e.all[e.order[first]].notBefore) {
			first = i
		}
	}
	return e.ask(first, now, e.all[e.order[first]].notBefore.Sub(now))
}

// jitter is the delay within a round.
func (e *endpoints) jitter() time.Duration {
	if e.eager {
		return 0
	}
	return e.backoff.delay(1)
}

// left counts the endpoints from that position on that may be asked then.
func (e *endpoints) left(position int, then time.Time) (n int) {
	for _, i := range e.order[position:] {
		if !e.all[i].notBefore.After(then) {
			n++
		}
	}
	return n
}

// ready finds the next endpoint of this round that may be asked then.
func (e *endpoints) ready(then time.Time) (position int, ok bool) {
	for i := e.next; i < len(e.order); i++ {
		if !e.all[e.order[i]].notBefore.After(then) {
			return i, true
		}
	}
	return 0, false
}

func (e *endpoints) ask(position int, now time.Time, delay time.Duration) plan {
	e.next = (position + 1) % len(e.order)
	if e.next == 0 {
		e.eager = false
	}
	return plan{endpoint: e.order[position], delay: delay, left: e.left(position+1, now.Add(delay)), patient: e.all[e.order[position]].cutShort}
}

// failed notes how an attempt at endpoint i ended.
func (e *endpoints) failed(i int, now time.Time, cause error) {
	at := &e.all[i]
	var err *ConnectError
	var bad *badURLError
	var own *ownError
	switch {
	case !errors.As(cause, &err):
	case errors.As(err.Err, &own): // says nothing of the endpoint
	case errors.As(err.Err, &bad):
		at.hopeless = true
	case err.Refused():
		at.answered, at.refusal = true, cause
		at.refusing.add(now)
		at.notBefore = now.Add(e.refusedDelay(at.refusing.times))
	case err.answered():
		at.answered, at.refusing = true, doubt{}
		at.notBefore = now.Add(min(err.retryAfter, e.longest()))
	case hungUp(err.Err):
		at.refusing = doubt{}
	default:
		at.answered = false // it cannot be reached any more
	}
}

// refusedDelay is for how long an endpoint is left alone after its n-th refusal in a row: some directories lock an
// account after five or ten wrong passwords.
func (e *endpoints) refusedDelay(n int) time.Duration {
	half := e.backoff.Max / 2
	delay := half + time.Duration(rand.Int64N(int64(half)+1))
	for ; n > 1 && delay < e.longest(); n-- {
		delay += min(delay, e.longest()-delay)
	}
	return delay
}

// longest is for how long an endpoint is left alone at most.
func (e *endpoints) longest() time.Duration {
	if e.backoff.Max > math.MaxInt64/4 {
		return e.backoff.Max
	}
	return 4 * e.backoff.Max
}

// believed returns the last refusal, once it is believed that the endpoints reject our credentials: each that answers does,
// for long enough. One that cannot be reached says nothing.
func (e *endpoints) believed(now time.Time) (refusal error) {
	if e.backoff.Refused < 0 {
		return nil
	}
	for _, at := range e.all {
		switch {
		case !at.answered:
		case !at.refusing.lasted(now, e.backoff.Refused, refusalsBelieved):
			return nil
		default:
			refusal = at.refusal
		}
	}
	return refusal
}

// hopeless reports whether no endpoint has a URL that makes sense.
func (e *endpoints) hopeless() bool {
	for _, at := range e.all {
		if !at.hopeless {
			return false
		}
	}
	return true
}

// answered reports whether the server said something: that it does not take us, or not now.
func (e *ConnectError) answered() bool {
	var refused *Error
	var closed *CloseError
	var protocol *ProtocolError
	return e.StatusCode != 0 || errors.As(e.Err, &refused) || errors.As(e.Err, &closed) || errors.As(e.Err, &protocol)
}
