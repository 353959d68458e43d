package stomptest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

// A temporary queue is written /temp-queue/name by the connection that it belongs to, which may SUBSCRIBE to it or,
// as on RabbitMQ, just name it in a reply-to: then its messages come with subscription:/temp-queue/name. Everybody
// else sees the name that reply-to was rewritten to, and SENDs there.
const tempPrefix = "/temp-queue/"

// isTopic says whether a destination goes to all its subscribers.
func (b *Broker) isTopic(destination string) bool {
	return b.act.allTopics || strings.HasPrefix(destination, "/topic/") || strings.HasPrefix(destination, "/exchange/")
}

// queueLocked returns the queueLocked of that name, and makes it when it is asked for the first time. Broker.mu is
// held.
func (b *Broker) queueLocked(name string) *queue {
	q := b.queues[name]
	if q == nil {
		q = &queue{name: name}
		b.queues[name] = q
	}
	return q
}

// tidy forgets what a subscription that has ended leaves empty: a broker that runs for days sees many names.
func (b *Broker) tidy(sub *subscription) {
	q, t := sub.queue, sub.topic
	switch {
	case t != nil:
		b.tidyTopic(t)
	case t == nil && len(q.subs) == 0 && q.len() == 0 && q.owner == nil && b.queues[q.name] == q:
		delete(b.queues, q.name)
	}
}

// tidyTopic forgets a topic that has neither subscribers nor anything to keep.
func (b *Broker) tidyTopic(t *topic) {
	if len(t.subs) == 0 && len(t.kept) == 0 && !t.stream && b.topics[t.name] == t {
		delete(b.topics, t.name)
	}
}

// routeLocked brings a message to its topic or queue. s is nil for Publish. Broker.mu is held.
func (b *Broker) routeLocked(s *session, m *message) {
	name := m.destination
	if b.isTopic(name) {
		if t := b.topics[name]; t != nil {
			t.publish(m)
		}
		return
	}
	if strings.HasPrefix(name, tempPrefix) && s != nil {
		name = s.tempName(name)
	}
	if strings.HasPrefix(name, b.act.remotePrefix) && b.queues[name] == nil {
		return // its owner has gone: nobody will ever read it
	}
	if s == nil {
		delete(b.gone, name) // somebody else has declared it
	} else if !s.declare(name) {
		return
	}
	if t := b.streamLocked(name, m.header); t != nil {
		t.store(m)
		return
	}
	q := b.queueLocked(name)
	q.push(m)
	q.dispatch()
}

// declare makes a queue, as a server does for the first frame of a connection that names it. It returns false when
// the connection has named it before, and it was deleted since.
func (s *session) declare(name string) bool {
	b := s.b
	if !b.act.declaresOnce || b.isTopic(name) || strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, b.act.remotePrefix) {
		return true
	}
	if s.declared[name] {
		return !b.gone[name]
	}
	s.declared[name] = true
	delete(b.gone, name)
	return true
}

// checkSend refuses destinations that this server does not take.
func (s *session) checkSend(destination string) *refusal {
	if s.b.act.tempRepliesOnly && strings.HasPrefix(destination, tempPrefix) {
		return refuse(soft, "Invalid destination", "'%s' is not a valid destination", destination)
	}
	return nil
}

// attach puts a subscription where its messages come from.
func (s *session) attach(sub *subscription, destination string, header [][2]string) *refusal {
	b := s.b
	if b.isTopic(destination) {
		t := b.topics[destination]
		if t == nil {
			t = &topic{name: destination}
			b.topics[destination] = t
		}
		t.subs = append(t.subs, sub)
		sub.topic = t
		if name := s.durableName(sub.id, header); name != "" {
			t.keep(name).attach(sub)
			return nil
		}
		(&queue{name: destination}).attach(sub)
		return nil
	}
	if strings.HasPrefix(destination, tempPrefix) {
		if r := s.checkSend(destination); r != nil {
			return r
		}
		q := s.temp(destination)
		s.dropReplies(destination)
		sub.shown = destination
		q.attach(sub)
		return nil
	}
	if q := b.queues[destination]; q != nil && q.owner != nil && q.owner != s {
		return refuse(soft, "Access refused", "%s is the temporary queue of another connection", destination)
	}
	if !s.declare(destination) {
		return refuse(hard, "not_found", "no queue '%s' in vhost '/'", destination)
	}
	if t := b.streamLocked(destination, header); t != nil {
		return t.read(sub, header)
	}
	b.queueLocked(destination).attach(sub)
	return nil
}

// tempName is what the rest of the world calls one of our temporary queues.
func (s *session) tempName(destination string) string {
	return fmt.Sprintf("%s%d-%s", s.b.act.remotePrefix, s.conn.num, strings.TrimPrefix(destination, tempPrefix))
}

// temp returns the session's temporary queue of that name, and makes it when there is none.
func (s *session) temp(destination string) *queue {
	name := s.tempName(destination)
	q := s.b.queues[name]
	if q == nil {
		q = s.b.queueLocked(name)
		q.owner = s
		s.temps = append(s.temps, q)
	}
	return q
}

// replyTo rewrites a reply-to that names a temporary queue, and sees that replies reach the sender.
func (s *session) replyTo(header [][2]string) [][2]string {
	destination, ok := wire.Lookup(header, "reply-to")
	if !ok || !strings.HasPrefix(destination, tempPrefix) {
		return header
	}
	q := s.temp(destination)
	if len(q.subs) == 0 {
		sub := &subscription{session: s, id: destination, shown: destination}
		if s.b.act.tempRepliesOnly {
			sub.shown = "/queue/" + strings.TrimPrefix(q.name, "/reply-queue/")
		}
		s.subs[destination] = append(s.subs[destination], sub)
		q.attach(sub)
	}
	header = slices.Clone(header)
	i := slices.IndexFunc(header, func(e [2]string) bool { return e[0] == "reply-to" })
	header[i][1] = q.name
	return header
}

// dropReplies ends the subscription that replyTo made: an explicit one takes its place.
func (s *session) dropReplies(destination string) {
	for _, sub := range s.subs[destination] {
		sub.detach()
	}
	delete(s.subs, destination)
}
