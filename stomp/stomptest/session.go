package stomptest

import (
	"github.com/webstomp/webstomp/internal/wire"
)

// session is what stands between CONNECTED and the end of a connection. All of it is guarded by Broker.mu.
type session struct {
	b       *Broker
	conn    *conn
	version wire.Version
	ended   bool

	clientID string // of CONNECT; "" without one

	subs    map[string][]*subscription // by id; more than one only where a server takes the same id twice
	unacked map[uint64]*delivery       // by number
	txs     map[string]*transaction
	temps   []*queue // the temporary queues that it owns

	declared map[string]bool // the queues that it has named, where a server declares each once a connection
}

func newSession(c *conn, version wire.Version, clientID string) *session {
	return &session{
		b: c.b, conn: c, version: version, clientID: clientID,
		subs:    make(map[string][]*subscription),
		unacked: make(map[uint64]*delivery),
		txs:     make(map[string]*transaction),

		declared: make(map[string]bool),
	}
}

// handle lets a frame take effect and queues its RECEIPT. Broker.mu is held.
func (s *session) handle(f *wire.Frame) *refusal {
	switch f.Command {
	case wire.Send:
		return s.send(f)
	case wire.Subscribe:
		return s.subscribe(f)
	case wire.Unsubscribe:
		return s.unsubscribe(f)
	case wire.Ack, wire.Nack:
		return s.ack(f)
	case wire.Begin, wire.Commit, wire.Abort:
		return s.transact(f)
	case wire.Disconnect:
		return s.disconnect(f)
	default: // CONNECT and STOMP: the decoder knows no other
		return refuse(again, "Already connected", "%s came on a connection that has its session already; open another one", f.Command)
	}
}

func (s *session) send(f *wire.Frame) *refusal {
	destination := wire.Get(f.Header, "destination")
	if destination == "" {
		return refuse(soft, "Missing header", "SEND needs a destination")
	}
	if r := s.checkSend(destination); r != nil {
		return r
	}
	if r := s.b.permitLocked(destination, denied); r != nil {
		return r
	}
	tx, r := s.transactionOf(f)
	if r != nil {
		return r
	}
	m := newMessage(destination, s.replyTo(f.Header), f.Body, s.b.act.passesJunk)
	if tx == nil {
		s.b.routeLocked(s, m)
		s.receipt(f)
		return nil
	}
	o := op{msg: m}
	if s.b.act.confirmsAtCommit {
		o.receipt = wire.Get(f.Header, "receipt")
	} else {
		s.receipt(f)
	}
	tx.ops = append(tx.ops, o)
	return nil
}

func (s *session) disconnect(f *wire.Frame) *refusal {
	s.end()
	act := &s.b.act
	_, asked := wire.Lookup(f.Header, "receipt")
	if !act.dropsLastReceipt || s.conn.ws.IsStream() {
		s.conn.receipt(wire.Get(f.Header, "receipt"))
	}
	switch {
	case !act.staysAfterDisconnect:
		s.conn.finishLocked(act.disconnectEnd)
	case !asked:
		return refuse(soft, "Session closed.", "")
	}
	return nil
}

// receipt queues the RECEIPT that f asked for.
func (s *session) receipt(f *wire.Frame) {
	if !s.b.act.noReceipts {
		s.conn.receipt(wire.Get(f.Header, "receipt"))
	}
}

// end gives back what the session holds, in order: what it has not acked, and its transactions. Broker.mu is held.
func (s *session) end() { endAll([]*session{s}) }

// endAll ends sessions at the same time. All their subscriptions go before any message comes back, so that none is
// handed to one that ends as well. A nil stands for a connection without one. Broker.mu is held.
func endAll(sessions []*session) {
	var all []*subscription
	for _, s := range sessions {
		if s == nil || s.ended {
			continue
		}
		s.ended = true
		clear(s.txs)
		for _, subs := range s.subs {
			all = append(all, subs...)
		}
		clear(s.subs)
	}
	for _, sub := range all {
		sub.detach()
	}
	for _, sub := range all {
		sub.giveBack()
	}
	for _, sub := range all {
		sub.session.b.tidy(sub)
	}
	for _, s := range sessions {
		if s == nil {
			continue
		}
		for _, q := range s.temps {
			delete(s.b.queues, q.name)
		}
		s.temps = nil
	}
}
