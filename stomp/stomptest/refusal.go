package stomptest

import (
	"fmt"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

// class sorts what a broker has to refuse by how servers react to it.
type class uint8

const (
	badLogin   class = iota // CONNECT: login, passcode, virtual host
	badVersion              // CONNECT: no version in common
	soft                    // an ordinary frame that asks for something wrong
	hard                    // a duplicate subscription id, a SUBSCRIBE to what is refused
	denied                  // a SEND to what is refused, which RabbitMQ notices later than a SUBSCRIBE
	badAck                  // an ack of something that was not delivered here
	again                   // a second CONNECT
	framing                 // what came is not STOMP
	tooBig                  // a limit
	cancelled               // a queue was deleted under a subscription
	silent                  // heart-beats ceased
	classes    = iota
)

// refusal is a frame, or a state of affairs, that the client is told about with ERROR.
type refusal struct {
	class         class
	message, body string
	header        [][2]string
}

func refuse(c class, message, format string, args ...any) *refusal {
	return &refusal{class: c, message: message, body: fmt.Sprintf(format, args...)}
}

// reaction is what a server does about a class of refusals.
type reaction struct {
	ignore    bool // nothing at all
	mute      bool // no ERROR
	muteOnWeb bool // none on a WebSocket
	open      bool // the connection stays open and usable
	open11    bool // it does in STOMP 1.0 and 1.1
	closing   closing
}

// closing is how the broker ends a connection, after all that is queued has been sent.
type closing struct {
	code   int // of the WebSocket close; 0: just cut
	reason string
}

// reactLocked answers a refusal; f is the frame that it is about, nil when there is none. Broker.mu is held.
func (c *conn) reactLocked(f *wire.Frame, r *refusal) {
	act := c.b.act.reactions[r.class]
	if act.ignore {
		return
	}
	if !act.mute && !(act.muteOnWeb && !c.ws.IsStream()) {
		c.sendError(f, r)
	}
	if c.b.act.receiptAfterError && r.class == hard {
		c.receipt(wire.Get(f.Header, "receipt"))
	}
	if act.open || act.open11 && c.session != nil && c.session.version != wire.V12 {
		return
	}
	c.finishLocked(act.closing)
}

func (c *conn) sendError(f *wire.Frame, r *refusal) {
	act := &c.b.act
	var header [][2]string
	if f != nil && !act.noReceiptInError && !(act.noReceiptOfSubscribe && f.Command == wire.Subscribe) {
		if id, ok := wire.Lookup(f.Header, "receipt"); ok {
			header = append(header, [2]string{"receipt-id", id})
		}
	}
	if r.class == badVersion || act.versionsInError {
		header = append(header, [2]string{"version", c.b.versionList()})
	}
	header = append(header, r.header...)
	c.out.push(item{frame: wire.Frame(errorFrame(r.message, header, r.body)), early: c.early})
}

// errorFrame makes an ERROR. An empty message is left out.
func errorFrame(message string, header [][2]string, body string) Frame {
	f := Frame{Command: wire.Error, Body: []byte(body)}
	if message != "" {
		f.Header = append(f.Header, [2]string{"message", oneLine(message)})
	}
	f.Header = append(f.Header, header...)
	if body != "" {
		f.Header = append(f.Header, [2]string{"content-type", "text/plain"})
	}
	return f
}

// oneLine makes a text fit for a header where nothing is escaped, as before CONNECTED and in STOMP 1.0.
func oneLine(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(s)
}
