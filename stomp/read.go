package stomp

import (
	"fmt"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// readLoop decodes and dispatches what comes until the connection ends. It is the only goroutine that delivers.
func (s *session) readLoop() error {
	for { // dispatch first: what came with CONNECTED may hold more frames
		if err := s.dispatchAll(); err != nil {
			return err
		}
		if err := s.readMore(); err != nil {
			return s.readEnded(err)
		}
	}
}

// readEnded returns why reading ended, with what the server was saying, or had said just before.
func (s *session) readEnded(err error) error {
	err = cutOff(publicError(err), s.dec, newError)
	if s.said != "" && time.Since(s.saidAt) < lastWords {
		s.explained = true
		err = fmt.Errorf("%w (just before: %s)", err, s.said)
	}
	return s.endReason(err)
}

// largeRoom is the size in bytes from which the rest of a body is read straight into its place.
const largeRoom = 8 << 10

func (s *session) readMore() error {
	if room := s.dec.Room(); len(room) >= largeRoom {
		n, final, err := s.conn.ReadInto(room)
		if n > 0 || err != nil {
			s.dec.Filled(n, final)
			return err
		}
	}
	p, final, err := s.conn.Read()
	if err != nil {
		return err
	}
	s.dec.Feed(p, final)
	return nil
}

func (s *session) dispatchAll() error {
	var f wire.Frame
	traced := s.env.traces()
	for {
		if !traced { // a log needs a whole frame
			if id, ok := s.dec.Receipt(); ok {
				s.received.Add(1)
				s.receipt(string(id))
				continue
			}
		}
		ok, err := s.dec.Next(&f)
		if err != nil {
			return s.readEnded(err)
		}
		if !ok {
			s.beatsReceived.Store(s.dec.HeartBeats())
			s.noteRepairs()
			return nil
		}
		s.received.Add(1)
		if err := s.dispatch(f); err != nil {
			return err
		}
	}
}

// noteRepairs counts the bodies with a wrong content-length (clause W8), and logs the first of a session.
func (s *session) noteRepairs() {
	n := s.dec.Repaired()
	if before := s.repaired.Swap(n); before == 0 && n > 0 {
		s.env.log.Warn("stomp: the server's content-length is too short for a body; taken to the end of its WebSocket message. Further ones are counted only",
			"server", s.info.Server)
	}
}

// dispatch handles one frame. Its error ends the session.
func (s *session) dispatch(f wire.Frame) error {
	s.env.trace("received", f)
	switch f.Command {
	case wire.Message:
		return s.message(f)
	case wire.Receipt:
		s.receipt(wire.Get(f.Header, "receipt-id"))
		return nil
	case wire.Error:
		return s.brokerError(f)
	}
	return s.endReason(&wire.ProtocolError{Reason: "a second " + f.Command, Clause: "C4"})
}

// message delivers a MESSAGE to its route, or to Unmatched.
func (s *session) message(f wire.Frame) error {
	id, named := wire.Lookup(f.Header, "subscription")
	var r *route
	if named {
		r = s.routes.byID(id)
	} else {
		r = s.routes.byDestination(wire.Get(f.Header, "destination"))
	}
	frame := frameOf(f)
	frame.Epoch, frame.raw = s.epoch, s.dec.Raw()
	if r == nil {
		if !named || !s.routes.isRetired(id) { // otherwise it was in flight when UNSUBSCRIBE went out (clause S3)
			s.unmatched(frame)
		}
		return nil
	}
	if full := r.to.deliver(r, frame); full != nil {
		return s.waitForRoom(full)
	}
	return nil
}

// unmatched hands out a MESSAGE that no subscription claims (clause S3).
func (s *session) unmatched(f Frame) {
	if s.env.counters.unmatched.Add(1) == 1 {
		s.env.log.Warn("stomp: a MESSAGE matches no subscription; further ones are counted only", "frame", f.LogValue())
	}
	s.env.unmatched.put(f)
}

// receipt resolves the receipt of that id. Without an entry the waiter has given up, and there is nothing to do.
func (s *session) receipt(id string) {
	p := s.env.receipts.answer(receiptNumber(id))
	if p == nil {
		return
	}
	if p.answered != nil {
		p.answered(nil)
	}
	p.resolve(nil)
}

// brokerError attributes an ERROR to the receipt or subscription that it names. One that names neither ends the
// session (promise 12, clause S2).
func (s *session) brokerError(f wire.Frame) error {
	s.env.counters.brokerErrors.Add(1)
	e := newError(frameOf(f))
	e.Frame.Epoch = s.epoch
	if s.attribute(e) {
		s.said, s.saidAt = e.Error(), time.Now()
		return nil
	}
	if s.disconnectSent.Load() {
		return errDisconnected
	}
	if s.server.closesAfterError {
		s.awaitClose()
	}
	return &lostError{e}
}

// attribute hands an ERROR to whom it names, and returns false if it names nobody.
func (s *session) attribute(e *Error) bool {
	if e.ReceiptID != "" {
		if !s.refuse(e.ReceiptID, e) {
			s.strayError(e)
		}
		return true
	}
	if id, ok := e.Frame.Header.Lookup("receipt"); ok && s.refuse(id, e) {
		return true // Vert.x repeats the header of the frame that failed
	}
	id, ok := e.Frame.Header.Lookup("subscription")
	if !ok {
		return false
	}
	switch r := s.routes.byID(id); {
	case r == nil:
		s.strayError(e)
	case s.server.namesWhatItCancels:
		r.to.cancel(r, e)
	case r.doubted == nil:
		r.doubted = e
		s.cancelUnlessCut(r, e)
	}
	return true
}

// refuse resolves the receipt of that id with the broker's ERROR. It returns false when none is pending.
func (s *session) refuse(id string, e *Error) bool {
	p := s.env.receipts.remove(receiptNumber(id))
	if p == nil {
		return false
	}
	if p.answered != nil {
		p.answered(e) // a SUBSCRIBE: it alone ends (promise 5), before its waiter could unsubscribe
	}
	p.resolve(p.failed(e, "", false))
	return true
}

// cancelUnlessCut ends the consumer of a route that an ERROR names, if the session outlives the ERROR. A server that
// closes after it (Vert.x) may mean an ACK or a SEND with that subscription in its header, and the next session has
// the subscription again.
func (s *session) cancelUnlessCut(r *route, e *Error) {
	s.loops.Go(func() error { // joined by join; the read loop, which is here, holds that up
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-s.cut:
		}
		if !s.isCut() && s.routes.byID(r.id) == r {
			r.to.cancel(r, e)
		}
		return nil
	})
}

// awaitClose waits for the server to close first. Only some servers need that; RabbitMQ never closes after an ERROR.
func (s *session) awaitClose() {
	late := time.AfterFunc(lastWords, func() { s.conn.CloseNow() })
	defer late.Stop()
	for {
		if _, _, err := s.conn.Read(); err != nil {
			return
		}
	}
}

// strayError counts an ERROR for a receipt or subscription that is no longer known, and logs the first of a session.
func (s *session) strayError(e *Error) {
	s.env.counters.strayErrors.Add(1)
	if s.strayed {
		return
	}
	s.strayed = true
	s.env.log.Warn("stomp: ERROR for a receipt or subscription that is over; further ones are counted only", "error", e, "frame", e.Frame.LogValue())
}
