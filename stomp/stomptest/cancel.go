package stomptest

import "strings"

// Cancel deletes a queue or topic under its subscriptions, with all that waits in it or is not acked. What they hear
// of it is the profile's affair:
//   - Generic and RabbitMQ end each with an ERROR that names it, "Server cancelled subscription". Generic closes the
//     connection behind it, so that a stomp.Client takes it for a lost session and subscribes anew: to see a
//     subscription end, use RabbitMQ4. In RabbitMQ's, whoever names the queue next makes it anew, but not a connection
//     that had named it before: a SUBSCRIBE to it there is the end of that connection, and a SEND goes nowhere.
//   - Artemis ends each with an ERROR that names nobody and has no message, and closes a connection of STOMP 1.2
//     behind it.
//   - Classic makes the queue anew for its subscriptions, and Spring has no queues that could be deleted: nothing is
//     said, and they go on.
func (b *Broker) Cancel(destination string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	subs := b.subscriptionsLocked(destination)
	if q := b.queues[destination]; q != nil {
		q.clear()
	}
	if t := b.topics[destination]; t != nil {
		for _, q := range t.kept {
			q.clear()
		}
		t.log = nil
	}
	for _, sub := range subs {
		sub.take(func(*delivery) bool { return true })
		sub.queue.clear() // on a topic each has its own
	}
	if b.act.outlivesCancel && len(subs) > 0 {
		return
	}
	delete(b.queues, destination)
	delete(b.topics, destination)
	if b.act.declaresOnce && !b.isTopic(destination) {
		b.gone[destination] = true
	}
	for _, sub := range subs {
		b.cancelLocked(sub)
	}
}

// cancelLocked ends a subscription whose queue or topic is gone, and tells its client. Broker.mu is held.
func (b *Broker) cancelLocked(sub *subscription) {
	s := sub.session
	s.drop(sub)
	if s.ended {
		return // the ERROR about another of its subscriptions has closed it
	}
	name, kind := sub.id, "id"
	if sub.anon {
		name, kind = strings.TrimPrefix(sub.id, anonymous("")), "destination"
	}
	r := refuse(cancelled, "Server cancelled subscription", "The server has canceled a subscription.\nNo more messages will be delivered for \"%s='%s'\".", kind, name)
	r.header = [][2]string{{"subscription", name}}
	if b.act.cancelsNamelessly {
		r = refuse(cancelled, "", "consumer with ID ServerConsumerImpl [queue=%s] disconnected by server", sub.queue.name)
	}
	s.conn.reactLocked(nil, r)
}

// subscriptionsLocked returns those on a destination. Broker.mu is held.
func (b *Broker) subscriptionsLocked(destination string) (subs []*subscription) {
	if t := b.topics[destination]; t != nil {
		subs = append(subs, t.subs...)
	}
	if q := b.queues[destination]; q != nil {
		subs = append(subs, q.subs...)
	}
	return subs
}
