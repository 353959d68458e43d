package stomptest

import (
	"strconv"
	"strings"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// A stream of RabbitMQ's keeps what was read. It is a topic with a log: whoever subscribes gets what is in the log from
// an offset on, then what comes.

// logged is one message of a stream.
type logged struct {
	msg *message // with its x-stream-offset
	at  time.Time
}

// streamLocked returns the stream of that name, and makes it when the header of a SEND or SUBSCRIBE declares one; nil
// when it is no stream. Broker.mu is held.
func (b *Broker) streamLocked(name string, h [][2]string) *topic {
	if t := b.topics[name]; t != nil && t.stream {
		return t
	}
	if b.act.noStreams || wire.Get(h, "x-queue-type") != "stream" || b.queues[name] != nil {
		return nil
	}
	t := &topic{name: name, stream: true}
	b.topics[name] = t
	return t
}

// store adds a message to a stream and hands it to those who read there.
func (t *topic) store(m *message) {
	offset := len(t.log)
	stored := *m
	stored.header = append([][2]string{{"x-stream-offset", strconv.Itoa(offset)}}, m.header...)
	t.log = append(t.log, logged{&stored, time.Now()})
	for _, sub := range t.subs {
		if offset >= sub.from {
			sub.queue.push(&stored)
			sub.queue.dispatch()
		}
	}
}

// read makes sub a reader of a stream, from the offset that its header asks for. dispatch has to follow.
func (t *topic) read(sub *subscription, h [][2]string) *refusal {
	if sub.mode == ackAuto || sub.prefetch == 0 {
		return refuse(hard, "Processing error", "a stream is read in a client ack mode, with a prefetch-count")
	}
	from, err := t.offset(wire.Get(h, "x-stream-offset"))
	if err != nil {
		return refuse(hard, "Processing error", "x-stream-offset: %v", err)
	}
	sub.from, sub.topic = from, t
	t.subs = append(t.subs, sub)
	(&queue{name: t.name}).attach(sub)
	for i := from; i < len(t.log); i++ {
		sub.queue.push(t.log[i].msg)
	}
	return nil
}

// offset returns where an x-stream-offset begins. What RabbitMQ does not know is the end of the stream.
func (t *topic) offset(spec string) (int, error) {
	kind, number, hasNumber := strings.Cut(spec, "=")
	n, err := 0, error(nil)
	if hasNumber {
		if n, err = strconv.Atoi(number); err != nil {
			return 0, err
		}
	}
	switch {
	case spec == "first":
		return 0, nil
	case spec == "last":
		return max(len(t.log)-1, 0), nil
	case hasNumber && kind == "offset":
		return max(n, 0), nil
	case hasNumber && kind == "timestamp":
		for i, l := range t.log {
			if l.at.Unix() >= int64(n) {
				return i, nil
			}
		}
	}
	return len(t.log), nil
}
