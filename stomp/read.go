package stomp

import (
	"fmt"
	"strings"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// readLoop decodes what comes and hands it out, until the connection ends. It
// is the only goroutine that delivers.
func (s *session) readLoop() error {
	for { // CONNECTED's chunk may hold more
		if err := s.handOut(); err != nil {
			return err
		}
		if err := s.readMore(); err != nil {
			return s.endReason(err)
		}
	}
}

// largeRoom is from which size the rest of a body is read straight to where it
// belongs.
const largeRoom = 8 << 10

// readMore gives the decoder what comes next.
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

// handOut takes every frame out of the decoder.
func (s *session) handOut() error {
	var f wire.Frame
	traced := s.client.traces()
	for {
		if !traced { // else it has to be a frame
			if id, ok := s.dec.Receipt(); ok {
				s.received.Add(1)
				s.receipt(string(id))
				continue
			}
		}
		ok, err := s.dec.Next(&f)
		if err != nil {
			return s.endReason(err)
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

// noteRepairs counts the bodies whose content-length was wrong (clause W8), and
// logs the first of a session.
func (s *session) noteRepairs() {
	n := s.dec.Repaired()
	if before := s.repaired.Swap(n); before == 0 && n > 0 {
		s.client.log.Warn("stomp: the server's content-length is too short for a body; taken to the end of its WebSocket message. Further ones are counted only",
			"server", s.info.Server)
	}
}

// dispatch hands out one frame. An error ends the session.
func (s *session) dispatch(f wire.Frame) error {
	s.client.trace("received", f)
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

// message delivers a MESSAGE to its subscription, or to those who asked for
// what has none.
func (s *session) message(f wire.Frame) error {
	id, named := wire.Lookup(f.Header, "subscription")
	var r *route
	if named {
		r = s.routes.byID(id)
	} else {
		r = s.routes.byDestination(wire.Get(f.Header, "destination"))
	}
	if r == nil {
		if named && s.routes.isRetired(id) {
			return nil // it was under way when UNSUBSCRIBE went out (clause S3)
		}
		s.unmatched(frameOf(f))
		return nil
	}
	frame := frameOf(f)
	frame.Epoch = s.epoch
	if r.sub == nil {
		if !s.replies.deliver(frame) {
			s.unmatched(frame)
		}
		return nil
	}
	frame.route = r
	return s.deliver(r, frame)
}

// deliver puts a frame into its subscription's inbox and waits out a stall.
func (s *session) deliver(r *route, f Frame) error {
	sub := r.sub
	if sub.ack != AckAuto {
		f.seq = r.acks.add()
	}
	switch sub.inbox.put(f) {
	case putFilled:
		s.client.stalls.Add(1)
		s.client.log.Warn("stomp: reading stops until a slow consumer has caught up", "id", sub.id, "destination", sub.destination)
		return s.waitOut(sub)
	case putFull:
		return s.waitOut(sub)
	case putOverflowed:
		s.client.log.Warn("stomp: subscription ended: its queue is full", "id", sub.id, "destination", sub.destination)
		bound := sub.inbox.bound
		sub.end(fmt.Errorf("%w: %d frames or %d octets wait in subscription %q to %s (see WithBuffer)",
			ErrSlowConsumer, bound.frames, bound.bytes, sub.id, sub.destination), true)
	}
	return nil
}

// waitOut keeps the read loop from reading while a queue with OverflowBlock is
// full, unless somebody awaits an answer that only reading can bring, or the
// writing is stuck.
func (s *session) waitOut(sub *subscription) error {
	s.stall.set(true)
	defer s.stall.set(false)
	lift := s.receipts.lifting()
	look := time.NewTicker(stuckAfter)
	defer look.Stop()
	for sub.inbox.isStalled() && !s.receipts.lifted() && !s.jam.holds(s.out) {
		select {
		case <-sub.inbox.room:
		case <-sub.inbox.cut:
		case <-lift:
		case <-look.C:
			s.jam.look(s.out)
		case <-s.cut:
			return ErrConnectionLost
		}
	}
	return nil
}

// stuckAfter is how long nothing is written, while senders wait for room, before
// reading goes on in spite of a full queue. A server that works takes something
// much sooner; one that does not read until we do never will.
const stuckAfter = 200 * time.Millisecond

// jam knows whether writing is stuck while we do not read: the server waits for
// us to read before it reads, the senders wait for the server, and the consumer
// of the full queue may be one of them, who sends from its own loop. It is owned
// by the read loop.
type jam struct {
	seen  uint64 // frames taken for writing when it was looked last
	stuck bool
}

// look is called at an interval.
func (j *jam) look(o *outbox) {
	waiting, taken := o.state()
	j.stuck = waiting && taken == j.seen
	j.seen = taken
}

// holds reports whether what was seen still is so.
func (j *jam) holds(o *outbox) bool {
	if j.stuck {
		waiting, taken := o.state()
		j.stuck = waiting && taken == j.seen
	}
	return j.stuck
}

// unmatched hands out a MESSAGE that no subscription claims (clause S3).
func (s *session) unmatched(f Frame) {
	f.Epoch = s.epoch
	if s.client.unmatched.Add(1) == 1 {
		s.client.log.Warn("stomp: a MESSAGE matches no subscription; further ones are counted only", "frame", f.LogValue())
	}
	s.client.listeners.put(f)
}

// receipt answers the frame that asked for it. One whose waiter has left is
// dropped: nobody is there to be told.
func (s *session) receipt(id string) {
	if p := s.receipts.answer(receiptNumber(id)); p != nil {
		p.settle(nil)
	}
}

// brokerError lays an ERROR where it belongs (promise 12, clause S2): at the
// receipt that it names, at the subscription that it names, else at the
// session, which it ends.
func (s *session) brokerError(f wire.Frame) error {
	e := newError(frameOf(f))
	e.Frame.Epoch = s.epoch
	if e.ReceiptID != "" {
		if p := s.receipts.remove(receiptNumber(e.ReceiptID)); p != nil {
			if p.refused != nil {
				p.refused(e) // a SUBSCRIBE: it ends alone (promise 5), before its waiter could unsubscribe
			}
			p.settle(p.fail(e, "", false))
			return nil
		}
		s.strayError(e)
		return nil
	}
	if id, ok := e.Frame.Header.Lookup("subscription"); ok {
		switch r := s.routes.byID(id); {
		case r == nil:
			s.strayError(e)
		case r.sub != nil:
			s.client.log.Warn("stomp: the broker ended a subscription", "id", id, "error", e)
			r.sub.end(e, false)
		default:
			s.routes.remove(id)
			s.replies.refuse(r.replyQueue, e)
		}
		return nil
	}
	if s.leaving.Load() {
		return errLeft
	}
	s.awaitClose()
	return &lostError{e}
}

// awaitClose lets the server be the first to close after an ERROR that ends the
// session, where it is known to: Artemis 2.44 deadlocks inside, and deletes no
// queue ever after, when the client closes while it is about to. Others are
// left at once, RabbitMQ because it does not close.
func (s *session) awaitClose() {
	if !strings.HasPrefix(s.info.Server, "ActiveMQ-Artemis") || s.info.Version != V12 {
		return
	}
	late := time.AfterFunc(lastWords, func() { s.conn.CloseNow() })
	defer late.Stop()
	for {
		if _, _, err := s.conn.Read(); err != nil {
			return
		}
	}
}

// strayError counts an ERROR that names what is over already.
func (s *session) strayError(e *Error) {
	s.client.strayErrors.Add(1)
	s.client.log.Warn("stomp: ERROR for a receipt or subscription that is over", "error", e, "frame", e.Frame.LogValue())
}
