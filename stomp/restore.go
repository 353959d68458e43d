package stomp

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// Restoring a session: every SUBSCRIBE in the order in which they were made,
// then what was carried over, and only then does the session stand, so that
// whatever waits to be sent comes behind (promise 3).
//
// A broker may refuse a SUBSCRIBE without a word of which one: RabbitMQ's ERROR
// names nobody, or it only closes. When a session ended like that with SUBSCRIBEs
// unanswered, the next one sends them one by one and waits for each RECEIPT: the
// one that ends the session while it is alone is the refused one (promise 5).

// closesBelieved is how often in a row a server has to close the WebSocket on a
// SUBSCRIBE that is alone before that is taken for its refusal: a close names no
// reason, and may have come for another.
const closesBelieved = 3

// probationGrace is how long the RECEIPT of a SUBSCRIBE that is alone is waited
// for where the server is not known to send any (Spring).
const probationGrace = time.Second

// begin makes s the session that stands, or sees to it that serve does, where
// the subscriptions have to be restored one by one.
func (v *supervisor) begin(s *session) {
	v.sessions++
	s.epoch = v.sessions
	v.alone = nil
	if v.suspects {
		s.restore = func() error {
			if v.restoreOneByOne(s) {
				v.stand(s)
			}
			return nil
		}
		return
	}
	v.stand(s)
}

// stand restores what is not restored yet, and makes s the session that stands.
func (v *supervisor) stand(s *session) {
	c := v.client
	for restored := false; ; restored = true {
		for _, sub := range c.subscriptions() {
			if sub.wants(s) {
				v.subscribe(s, sub)
			}
		}
		if !restored {
			v.carried = s.resend(v.carried)
		}
		c.mu.Lock()
		wished := c.reason != nil
		complete := true
		for _, sub := range c.subs { // one that was made meanwhile
			complete = complete && !sub.wants(s)
		}
		if complete && !wished {
			c.sess = s
		}
		c.mu.Unlock()
		if wished { // Close and Disconnect found no session to end
			s.abort(ErrClosed)
			return
		}
		if complete {
			break
		}
	}
	c.log.Info("stomp: connected", "url", s.info.URL, "version", string(s.info.Version), "server", s.info.Server,
		"heart-beat-send", s.info.HeartBeatSend, "heart-beat-receive", s.info.HeartBeatReceive, "epoch", s.epoch)
	c.setStatus(func(st *Status) {
		*st = Status{State: StateConnected, Epoch: s.epoch, Session: s.info}
	})
}

// subscribe sends one SUBSCRIBE of a subscription that goes on. What cannot be
// sent in this session's version ends alone.
func (v *supervisor) subscribe(s *session, sub *subscription) {
	err := s.subscribe(context.Background(), sub, true)
	if err != nil && !errors.Is(err, errSessionOver) && !errors.Is(err, errEnded) {
		sub.end(err, false)
	}
}

// restoreOneByOne sends each SUBSCRIBE alone and waits for its answer. It is
// false when the session ended meanwhile: v.alone is the one that was under way.
//
// A server that sends no RECEIPT is given time to refuse one of them per
// session, and gets the others at once: should it refuse one of those, the next
// session tries another one alone.
func (v *supervisor) restoreOneByOne(s *session) bool {
	subs := v.client.subscriptions()
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
			answered := s.awaitAnswer(sub)
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

// awaitAnswer waits for the answer to a SUBSCRIBE, or for the end of the session
// or the Client. It is false when this server seems to send none.
func (s *session) awaitAnswer(sub *subscription) bool {
	s.receipts.await() // reading goes on whatever queue is full
	defer s.receipts.unawait()
	grace := probationGrace
	if s.receipts.answers() {
		grace = attemptLimit // it will answer, unless it has lost that one
	}
	timer := time.NewTimer(grace)
	defer timer.Stop()
	confirm, _ := sub.confirmation()
	if confirm == nil {
		return true // it has ended
	}
	for over := sub.over; ; {
		select {
		case <-confirm.done:
			return true
		case <-over:
			if !s.receipts.holds(confirm) {
				return true // withdrawn: nobody will hear of an answer
			}
			// Its user has ended it. What the server has to say to its SUBSCRIBE
			// must not be laid at the door of the next one all the same.
			over = nil
		case <-s.cut:
			return true
		case <-s.client.life.Done():
			s.abort(ErrClosed)
			return true
		case <-timer.C:
			return false
		}
	}
}

// judge is asked when a session has ended: it ends a subscription that was
// refused, and reports whether another may have been.
func (v *supervisor) judge(s *session, err error) (suspects bool) {
	var refused *Error
	var closed *CloseError
	byError := errors.As(err, &refused)
	byClose := errors.As(err, &closed) && closed.accuses()
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
	for _, sub := range v.client.subscriptions() {
		if confirm, on := sub.confirmation(); on == s && !confirm.answered() {
			return true
		}
	}
	return false
}

// accuses reports whether a close with that code may be the answer to a frame of
// ours: not where the server goes away, restarts or is too busy.
func (e *CloseError) accuses() bool {
	switch e.Code {
	case 1001, 1005, 1012, 1013:
		return false
	}
	return true
}

// answered reports whether the RECEIPT has come; p is nil while its frame is
// being accepted.
func (p *pendingReceipt) answered() bool {
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

// resend sends what was carried over from earlier sessions, past the outbox's
// bound. It returns what is left when the session has ended already.
func (s *session) resend(frames []carried) (left []carried) {
	for i, f := range frames {
		frame, err := f.encodedFor(s)
		if err == nil {
			err = s.out.force()
		}
		if err == nil {
			s.out.commitBig(frame, outgoing{typ: f.typ, carry: true, receipt: f.receipt})
			continue
		}
		if errors.Is(err, errSessionOver) {
			return frames[i:]
		}
		s.client.log.Error("stomp: a frame cannot be sent in the version of the new session", "error", err)
		if r := f.receipt; r != nil && s.receipts.remove(r.number) != nil {
			r.end(err, r.place.leave(false))
		}
	}
	return nil
}

// encodedFor returns the frame in the version of s.
func (f carried) encodedFor(s *session) ([]byte, error) {
	if f.version == s.info.Version {
		return f.frame, nil
	}
	dec := wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient, Limits: s.client.cfg.limits.wire()})
	dec.SetVersion(wire.Version(f.version))
	dec.Feed(f.frame, false)
	var decoded wire.Frame
	if _, err := dec.Next(&decoded); err != nil {
		return nil, publicError(err)
	}
	encoded, err := s.reencode(decoded)
	if err != nil {
		return nil, publicError(err)
	}
	if f.receipt != nil {
		f.receipt.place.reencode(encoded, s.info.Version)
	}
	return encoded, nil
}

// reencode encodes a SEND; one without a content-length stays so, which tells
// ActiveMQ that it is text (clause F11).
func (s *session) reencode(f wire.Frame) ([]byte, error) {
	encoded := s.enc.AppendCommand(make([]byte, 0, len(f.Body)+1024), f.Command)
	counted := false
	for _, e := range f.Header {
		if e[0] == "content-length" {
			counted = true
			continue // AppendBody writes it
		}
		var err error
		if encoded, err = s.enc.AppendEntry(encoded, f.Command, e[0], e[1]); err != nil {
			return nil, err
		}
	}
	if err := s.enc.Limits.CheckHeader(len(encoded), len(f.Header)); err != nil {
		return nil, err
	}
	return s.enc.AppendBody(encoded, f.Command, f.Body, counted)
}
