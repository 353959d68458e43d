package stomptest

import (
	"github.com/webstomp/webstomp/internal/wire"
)

// ack handles ACK and NACK (M2, M3).
func (s *session) ack(f *wire.Frame) *refusal {
	act := &s.b.act
	if act.noAcks {
		s.receipt(f)
		return nil
	}
	if f.Command == wire.Nack && s.version == wire.V10 && !act.lenient10 {
		return refuse(soft, "Invalid command", "NACK is not part of STOMP 1.0")
	}
	tx, r := s.transactionOf(f)
	if r != nil {
		return r
	}
	d, r := s.acked(f)
	if r != nil {
		if act.ackReceiptFirst && r.class == badAck {
			s.receipt(f)
		}
		return r
	}
	o := op{ack: d, nack: f.Command == wire.Nack && !act.nackIsAck, discard: act.nackDiscards || wire.Get(f.Header, "requeue") == "false"}
	if tx != nil && !act.acksAtOnce {
		s.reserve(d, tx)
		tx.ops = append(tx.ops, o)
	} else {
		s.settle(o)
	}
	s.receipt(f)
	return nil
}

// acked finds the delivery that an ACK or NACK speaks of.
func (s *session) acked(f *wire.Frame) (*delivery, *refusal) {
	name := "message-id"
	if s.version == wire.V12 {
		name = "id"
	}
	id, ok := wire.Lookup(f.Header, name)
	if !ok || id == "" {
		return nil, refuse(soft, "Missing header", "%s needs %s in STOMP %s", f.Command, name, s.version)
	}
	ids := &s.b.act.ids
	connection, num, ok := ids.parse(id)
	d := s.unacked[num]
	if ok && connection == s.conn.num && d != nil && d.tx == nil {
		want := ids.messageID(d.sub, num)
		if s.version == wire.V12 {
			want = ids.ackID(d.sub, num)
		}
		if id == want {
			return d, s.checkSubscription(f, d)
		}
	}
	if ok && connection != s.conn.num && connection > 0 && connection <= s.b.accepted && num > 0 && num <= s.b.deliveries {
		s.b.staleAcks++
		return nil, refuse(badAck, "Unknown acknowledgement", "%s names %q, which was delivered on connection %d, not on this one (%d)", f.Command, id, connection, s.conn.num)
	}
	return nil, refuse(badAck, "Unknown acknowledgement", "%s names %q, which this session was not given, or has settled, or holds in auto mode", f.Command, id)
}

// checkSubscription sees that a 1.1 ACK names the subscription that its message came on.
func (s *session) checkSubscription(f *wire.Frame, d *delivery) *refusal {
	if s.version != wire.V11 || s.b.act.idOptional {
		return nil
	}
	switch sub, ok := wire.Lookup(f.Header, "subscription"); {
	case !ok:
		return refuse(soft, "Missing header", "%s needs subscription in STOMP 1.1", f.Command)
	case sub != d.sub.id:
		return refuse(badAck, "Unknown acknowledgement", "%s names the subscription %q, but the message came on %q", f.Command, sub, d.sub.id)
	}
	return nil
}

// covered calls do with all that an ack of d is about: d, and in client mode what went out before it.
func covered(d *delivery, do func(*delivery)) {
	if d.sub.mode == ackClientIndividual {
		do(d)
		return
	}
	for e := d.sub.unacked.Front(); e != nil; e = e.Next() {
		prev := e.Value.(*delivery)
		do(prev)
		if prev == d {
			return
		}
	}
}

// reserve keeps deliveries for a transaction, so that no other ack takes them.
func (s *session) reserve(d *delivery, tx *transaction) {
	covered(d, func(d *delivery) {
		if d.tx == nil {
			d.tx = tx
		}
	})
}

// settle lets an ack or nack take effect.
func (s *session) settle(o op) {
	sub, tx := o.ack.sub, o.ack.tx
	if s.unacked[o.ack.num] != o.ack {
		return // its subscription ended while the transaction was open
	}
	var about []*delivery
	covered(o.ack, func(d *delivery) {
		if d.tx == tx {
			about = append(about, d)
		}
	})
	back := make([]*entry, len(about))
	for i, d := range about {
		sub.forget(d)
		back[i] = d.entry
	}
	if o.nack && !o.discard && !(sub.topic != nil && sub.topic.stream) { // where NACK is an ACK
		for _, e := range back {
			e.refusedBy = sub
		}
		sub.queue.requeue(back)
	}
	sub.queue.dispatch() // there is room again
}
