package stomptest

import (
	"container/list"
	"slices"
	"strconv"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

type ackMode uint8

const (
	ackAuto ackMode = iota
	ackClient
	ackClientIndividual
)

// subscription is one consumer of a queue or a topic. All of it is guarded by Broker.mu.
type subscription struct {
	session  *session
	id       string
	anon     bool   // 1.0 without an id: MESSAGE names no subscription (S1)
	shown    string // the destination of its MESSAGEs where it is not the sender's; else ""
	mode     ackMode
	prefetch int // 0: no bound

	queue   *queue    // where its messages wait; on a topic its own, or that of a durable subscription
	topic   *topic    // nil on a queue
	from    int       // on a stream: the offset that it begins with
	unacked list.List // of *delivery, in the order in which they went out
}

func (s *session) subscribe(f *wire.Frame) *refusal {
	act := &s.b.act
	destination, hasDestination := wire.Lookup(f.Header, "destination")
	id, hasID := wire.Lookup(f.Header, "id")
	optional := s.version == wire.V10 || act.idOptional
	switch {
	case destination == "" || !hasID && !optional || hasID && id == "":
		if act.ignoresBadSubscribe {
			return nil
		}
		name := "id"
		if !hasDestination || destination == "" {
			name = "destination"
		}
		return refuse(soft, "Missing header", "SUBSCRIBE needs a %s", name)
	case !hasID:
		id = anonymous(destination)
	case strings.HasPrefix(id, tempPrefix):
		return refuse(soft, "Invalid id", "a subscription's id may not begin with %s", tempPrefix)
	}
	sub := &subscription{session: s, id: id, anon: !hasID, prefetch: s.b.cfg.prefetch}
	if r := sub.options(f.Header); r != nil {
		return r
	}
	if len(s.subs[id]) > 0 && !act.takesDuplicates {
		return refuse(hard, "Duplicate subscription identifier", "%q is the id of a subscription of this session already", id)
	}
	if r := s.b.permitLocked(destination, hard); r != nil {
		return r
	}
	if r := s.attach(sub, destination, f.Header); r != nil {
		return r
	}
	s.subs[id] = append(s.subs[id], sub)
	s.receipt(f) // before the first MESSAGE
	sub.queue.dispatch()
	return nil
}

// options reads the entries of SUBSCRIBE that say how messages are handed out.
func (sub *subscription) options(h [][2]string) *refusal {
	switch mode, _ := wire.Lookup(h, "ack"); mode {
	case "", "auto":
	case "client":
		sub.mode = ackClient
	case "client-individual":
		if sub.session.version == wire.V10 && !sub.session.b.act.lenient10 {
			return refuse(soft, "Invalid ack mode", "client-individual is not part of STOMP 1.0")
		}
		sub.mode = ackClientIndividual
	default:
		return refuse(soft, "Invalid ack mode", "%q: use auto, client or client-individual", mode)
	}
	if sub.session.b.act.noAcks {
		sub.mode = ackAuto
	}
	if v, ok := wire.Lookup(h, "prefetch-count"); ok {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return refuse(soft, "Invalid prefetch-count", "%q is not a number of messages", v)
		}
		sub.prefetch = n
	}
	return nil
}

func (s *session) unsubscribe(f *wire.Frame) *refusal {
	id, hasID := wire.Lookup(f.Header, "id")
	destination := wire.Get(f.Header, "destination")
	if !hasID && destination != "" && (s.version == wire.V10 || s.b.act.idOptional) {
		id = anonymous(destination)
	} else if id == "" {
		if s.b.act.ignoresBadSubscribe {
			return nil
		}
		return refuse(soft, "Missing header", "UNSUBSCRIBE needs the id of the subscription")
	}
	subs, durable := s.subs[id], s.durableName(id, f.Header)
	if len(subs) == 0 && s.b.endDurableLocked(durable) {
		s.receipt(f)
		return nil
	}
	if len(subs) == 0 && !s.b.act.ignoresBadSubscribe {
		return refuse(soft, "Subscription not found", "no subscription of this session has the id %q", id)
	}
	delete(s.subs, id)
	for _, sub := range subs {
		sub.detach()
		sub.giveBack()
		if durable != "" && sub.topic != nil {
			sub.topic.forget(durable)
		}
		s.b.tidy(sub)
	}
	s.receipt(f)
	return nil
}

// anonymous is the key of a subscription without an id. No id can be the same: it holds an byte that no header may.
func anonymous(destination string) string { return "\x00" + destination }

// drop ends one subscription, and leaves another of the same id alone.
func (s *session) drop(sub *subscription) {
	sub.detach()
	rest := slices.DeleteFunc(s.subs[sub.id], func(other *subscription) bool { return other == sub })
	if s.subs[sub.id] = rest; len(rest) == 0 {
		delete(s.subs, sub.id)
	}
}

// detach stops further messages.
func (sub *subscription) detach() {
	sub.queue.detach(sub)
	if sub.topic != nil {
		sub.topic.detach(sub)
	}
}

// giveBack returns what was not acked to the queue, for whoever comes next; on a topic it is gone with its
// subscription, unless that is durable.
func (sub *subscription) giveBack() {
	back := sub.take(func(*delivery) bool { return true })
	if sub.topic == nil || sub.queue.durable != "" {
		sub.queue.requeue(back)
		sub.queue.dispatch()
	}
}

// take removes the deliveries that match from what is not acked, and returns their entries in order.
func (sub *subscription) take(match func(*delivery) bool) (entries []*entry) {
	for e := sub.unacked.Front(); e != nil; {
		d := e.Value.(*delivery)
		e = e.Next()
		if match(d) {
			sub.forget(d)
			entries = append(entries, d.entry)
		}
	}
	return entries
}

func (sub *subscription) forget(d *delivery) {
	sub.unacked.Remove(d.place)
	delete(sub.session.unacked, d.num)
}

// hasRoom says whether the subscription may be handed one more message.
func (sub *subscription) hasRoom() bool {
	return sub.mode == ackAuto || sub.prefetch == 0 || sub.unacked.Len() < sub.prefetch
}

// deliver hands a message to the connection. In auto mode that is the end of it, as on real brokers: what does not
// reach the client is lost.
func (sub *subscription) deliver(e *entry) {
	s := sub.session
	s.b.deliveries++
	d := &delivery{entry: e, sub: sub, num: s.b.deliveries}
	ids := &s.b.act.ids
	out := &outMessage{
		msg: e.msg, subscription: sub.id, anonymous: sub.anon, destination: e.msg.destination,
		id: ids.messageID(sub, d.num), redelivered: e.redelivered,
	}
	if sub.shown != "" {
		out.destination = sub.shown
	}
	if sub.mode != ackAuto {
		d.place = sub.unacked.PushBack(d)
		s.unacked[d.num] = d
		if s.version == wire.V12 {
			out.ack = ids.ackID(sub, d.num)
		}
	}
	s.conn.out.push(item{message: out})
}
