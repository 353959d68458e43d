package stomptest

import (
	"fmt"

	"github.com/webstomp/webstomp/internal/wire"
)

// Frame is a STOMP frame as the broker received it or is about to send it.
// Its header stands in wire order; of repeated names the first counts.
// A Frame handed out by the broker is shared: do not write to it.
type Frame struct {
	Command string      // "SEND", "MESSAGE"…
	Header  [][2]string // unescaped
	Body    []byte      // without the NUL
}

// Get returns the value of the first header entry called name, or "".
func (f Frame) Get(name string) string { return wire.Get(f.Header, name) }

// Lookup is Get that tells an empty value from a missing entry.
func (f Frame) Lookup(name string) (string, bool) { return wire.Lookup(f.Header, name) }

// String is one line for a test's log: the command, where it goes, and the length of the body.
func (f Frame) String() string {
	s := f.Command
	for _, name := range []string{"destination", "id", "subscription", "message-id", "receipt", "receipt-id", "transaction", "message"} {
		if v, ok := f.Lookup(name); ok {
			s += fmt.Sprintf(" %s=%q", name, v)
		}
	}
	if len(f.Body) > 0 {
		s += fmt.Sprintf(" (%d bytes)", len(f.Body))
	}
	return s
}

// Direction says who sent a frame.
type Direction uint8

const (
	In  Direction = iota // from the client
	Out                  // from the broker
)

// String returns "in" or "out".
func (d Direction) String() string {
	if d == In {
		return "in"
	}
	return "out"
}

// Event is one frame on one connection. A frame of the broker's is shown as it was made: its content-length is
// written later.
type Event struct {
	Connection uint64    // the connections are numbered from 1, in the order in which they came
	Direction  Direction // who sent it
	Frame      Frame     // to be read only
}
