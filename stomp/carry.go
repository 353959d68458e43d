package stomp

import (
	"context"
	"errors"
	"time"

	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/wire"
)

// resend has the outbox accept the frames carried over from earlier sessions, beyond its bound. It returns the rest
// when the session has already ended.
func (s *session) resend(frames []carried) (left []carried) {
	failed, first := 0, error(nil) // one line is enough: a new version may fit none of thousands
	defer func() {
		if failed > 0 {
			s.env.log.Error("stomp: frames cannot be sent in the version of the new session", "frames", failed, "error", first)
		}
	}()
	for i, f := range frames {
		frame, err := s.encodedHere(f)
		if err == nil {
			e := outbox.Entry{Type: f.typ, Encoded: frame, Forced: true, Carry: true, Ticket: f.ticket}
			_, err = s.out.Add(context.Background(), e, func(dst []byte) ([]byte, error) { return dst, nil })
		}
		switch {
		case err == nil:
			if f.receipt != nil {
				s.env.receipts.sentAgain(f.receipt)
			}
			continue
		case errors.Is(err, errSessionOver):
			return frames[i:]
		}
		if failed++; first == nil {
			first = err
		}
		if r := f.receipt; r != nil && s.env.receipts.remove(r.number) != nil {
			r.resolveLost(err, r.ticket.Withdraw())
		}
	}
	return nil
}

// sendOverdue runs when the lookout fires. What is not written yet is not sent again: nothing is overdue then, and
// while the server reads nothing, repetitions must not pile up beyond the outbox's bound.
func (s *session) sendOverdue() {
	if s.isCut() {
		return
	}
	again := s.env.receipts.takeOverdue(time.Now())
	if !s.out.IsFlushed(s.lastOverdue.Load()) {
		return
	}
	var late []*pendingReceipt // for the first time
	defer func() { s.tellOverdue(late) }()
	for _, f := range again {
		if !f.ticket.IsFlushed() {
			continue
		}
		if !f.receipt.overdue.logged.Swap(true) {
			late = append(late, f.receipt)
		}
		// Without the ticket, which is that of the first time: what was written once is not unsent any more.
		e := outbox.Entry{Type: f.typ, Encoded: f.frame, Forced: true}
		number, err := s.out.Add(context.Background(), e, func(dst []byte) ([]byte, error) { return dst, nil })
		if err != nil {
			return // the session is ending
		}
		s.lastOverdue.Store(number)
	}
}

// tellOverdue logs that no receipt has come for these, once a minute at most.
func (s *session) tellOverdue(late []*pendingReceipt) {
	now, last := time.Now().UnixNano(), s.overdueTold.Load()
	if len(late) == 0 || now-last < int64(overdueLogEvery) || !s.overdueTold.CompareAndSwap(last, now) {
		return
	}
	s.env.log.Warn("stomp: no receipt has come for a SEND; it is sent again until one does", "destination", late[0].target,
		"receipt", receiptID(late[0].number), "after", overdueAfter, "frames", len(late))
}

// encodedHere returns the frame encoded in the version of this session.
func (s *session) encodedHere(f carried) ([]byte, error) {
	if f.version == s.info.Version {
		return f.frame, nil
	}
	dec := wire.NewDecoder(wire.DecoderConfig{From: wire.FromClient, Limits: s.env.cfg.limits.wire()})
	dec.SetVersion(wire.Version(f.version))
	dec.Feed(f.frame, false)
	var decoded wire.Frame
	if _, err := dec.Next(&decoded); err != nil {
		return nil, publicError(err)
	}
	_, counted := wire.Lookup(decoded.Header, "content-length")
	// A frame without content-length keeps none: to ActiveMQ that means text (clause F11).
	again := outgoing{command: decoded.Command, header: decoded.Header, body: decoded.Body, noContentLength: !counted}
	again.header.Del("content-length") // appendTo writes it
	encoded, err := again.appendTo(make([]byte, 0, len(f.frame)+64), s.enc, nil)
	if err != nil {
		return nil, publicError(err)
	}
	if f.receipt != nil {
		s.env.receipts.reencoded(f.receipt, encoded, s.info.Version)
	}
	return encoded, nil
}
