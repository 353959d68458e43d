package stomptest

import "github.com/webstomp/webstomp/internal/wire"

// transaction gathers what waits for COMMIT. It is guarded by Broker.mu, and ends with its session.
type transaction struct {
	ops []op
}

// op is one SEND, ACK or NACK of a transaction.
type op struct {
	msg     *message  // of a SEND
	receipt string    // of a SEND that is confirmed at COMMIT alone
	ack     *delivery // of an ACK or NACK
	nack    bool
	discard bool // a NACK that does not put its message back
}

// transact handles BEGIN, COMMIT and ABORT (M4).
func (s *session) transact(f *wire.Frame) *refusal {
	act := &s.b.act
	if act.noTransactions {
		s.receipt(f)
		return nil
	}
	id := wire.Get(f.Header, "transaction")
	if id == "" {
		return refuse(soft, "Missing header", "%s needs a transaction", f.Command)
	}
	tx := s.txs[id]
	switch {
	case f.Command == wire.Begin:
		if tx != nil && !act.beginResets {
			return refuse(soft, "Invalid transaction", "%q has begun already", id)
		}
		if tx != nil {
			tx.abort()
		}
		s.txs[id] = &transaction{}
	case tx == nil:
		return refuse(soft, "Invalid transaction", "%s of %q, which has not begun or has ended", f.Command, id)
	case f.Command == wire.Commit:
		delete(s.txs, id)
		s.commit(tx)
	default:
		delete(s.txs, id)
		tx.abort()
	}
	s.receipt(f)
	return nil
}

// transactionOf returns the transaction that f belongs to, nil when it belongs to none.
func (s *session) transactionOf(f *wire.Frame) (*transaction, *refusal) {
	id, ok := wire.Lookup(f.Header, "transaction")
	if !ok || s.b.act.noTransactions {
		return nil, nil
	}
	tx := s.txs[id]
	if tx == nil {
		return nil, refuse(soft, "Invalid transaction", "%s in %q, which has not begun or has ended", f.Command, id)
	}
	return tx, nil
}

// commit lets all of it take effect, in order and under one lock: nobody sees half of it.
func (s *session) commit(tx *transaction) {
	for _, o := range tx.ops {
		if o.ack != nil {
			s.settle(o)
			continue
		}
		s.b.routeLocked(s, o.msg)
		s.conn.receipt(o.receipt)
	}
}

// abort forgets the SENDs, and lets the messages of the acks wait for another ack.
func (tx *transaction) abort() {
	for _, o := range tx.ops {
		if o.ack == nil {
			continue
		}
		covered(o.ack, func(d *delivery) {
			if d.tx == tx {
				d.tx = nil
			}
		})
	}
}
