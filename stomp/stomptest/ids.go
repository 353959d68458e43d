package stomptest

import (
	"strconv"
	"strings"
)

// idStyle makes the ids of deliveries. All of them end in the connection's number and the delivery's, so that an ack
// that has gone astray can be told from one that was made up.
type idStyle struct {
	message, ack string // what the ids begin with; ack is different unless a server makes them the same
	separator    string
	subscription bool // the subscription's id follows the beginning (RabbitMQ)
	joined       bool // an ack is the subscription's id and the message-id (OpenMQ)
}

func (s idStyle) messageID(sub *subscription, num uint64) string { return s.make(s.message, sub, num) }

func (s idStyle) ackID(sub *subscription, num uint64) string {
	if s.joined {
		return sub.id + s.messageID(sub, num)
	}
	return s.make(s.ack, sub, num)
}

func (s idStyle) make(prefix string, sub *subscription, num uint64) string {
	if s.subscription {
		prefix += sub.id + s.separator
	}
	return prefix + strconv.FormatUint(sub.session.conn.num, 10) + s.separator + strconv.FormatUint(num, 10)
}

// parse reads the numbers at the end of an id; ok says that it can be one of ours.
func (s idStyle) parse(id string) (connection, num uint64, ok bool) {
	rest, last, ok := cutLast(id, s.separator)
	if !ok {
		return 0, 0, false
	}
	num, err := strconv.ParseUint(last, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	digits := len(rest) - len(strings.TrimRight(rest, "0123456789"))
	connection, err = strconv.ParseUint(rest[len(rest)-digits:], 10, 64)
	return connection, num, err == nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
