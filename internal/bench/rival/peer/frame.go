package peer

import (
	"bytes"
	"fmt"
	"strings"
)

// frame is what a client sent, as it came.
type frame []byte

// command is the frame's first line.
func (f frame) command() string {
	line, _, _ := bytes.Cut(f, []byte("\n"))
	return string(line)
}

// split returns command and header, and the body without its NUL.
func (f frame) split() (head, body []byte) {
	head, body, _ = bytes.Cut(f, []byte("\n\n"))
	return head, bytes.TrimSuffix(body, []byte{0})
}

// header returns the value of an entry, "" where there is none. It undoes no
// escapes: no value here has anything to escape.
func header(head []byte, name string) string {
	_, rest, found := bytes.Cut(head, []byte("\n"+name+":"))
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(rest, []byte("\n"))
	return string(value)
}

var connected = []byte("CONNECTED\nversion:1.2\nheart-beat:0,0\nserver:peer\n\n\x00")

// message is one MESSAGE, with what RabbitMQ would write.
func message(subscription string, body []byte) []byte {
	return fmt.Appendf(nil, "MESSAGE\nsubscription:%s\ndestination:/topic/prices\nmessage-id:T_%s@@session-ZLh0ucCMm0CCNSwHLzCS1w@@1\n"+
		"redelivered:false\ncontent-type:text/plain\ncontent-length:%d\n\n%s\x00", subscription, subscription, len(body), body)
}

// Cycle is after how many messages the bodies of a flood repeat themselves, and
// Smallest how long a body is at least, for its number.
const (
	Cycle    = 100
	Smallest = 4
)

// Body is that of the message i of a flood, from 0: its number, filled up to
// size octets.
func Body(i, size int) []byte {
	number := fmt.Sprintf("%0*d", Smallest, i%Cycle)
	return []byte(number + strings.Repeat("x", size-Smallest))
}
