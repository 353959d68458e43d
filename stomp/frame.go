package stomp

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
)

// Frame is one STOMP frame: a delivered MESSAGE, the ERROR inside an [*Error], or one that the caller made
// ([NewFrame], [ParseFrame]).
//
// A delivered Frame belongs to its receiver: the Client keeps no reference to its header or body, and both may be
// changed. Copies of a Frame share them. It may be kept: it holds neither the connection nor the Client once they
// have ended. [Frame.Ack] and [Frame.Nack] are for delivered frames only.
type Frame struct {
	Command string // "MESSAGE" of a delivered frame
	Header  Header // unescaped
	Body    []byte // without the NUL; of any bytes
	// Epoch is the number of the session that delivered the frame, from 1. When it changes between two frames of a
	// channel, the connection was lost in between and messages may be missing. It is 0 in a frame that was not
	// delivered.
	Epoch uint64

	// For Ack: where the frame comes from (nil: it was not delivered), and its number there, from 1 in the client
	// modes.
	from   deliverer
	number uint64
	raw    string // the header as it came, where escapes were undone in it; see asCame
}

// deliverer leads to the subscription on one session that has delivered a frame, for as long as both last.
type deliverer interface {
	// subscriptionID returns the subscription's id.
	subscriptionID() string
	// forget is called when the consumer will not get the frame of that number, and so cannot acknowledge it.
	forget(number uint64)
}

// asCame returns the value of an entry of a delivered frame as the server wrote it: some servers compare an id that
// they get back byte by byte, and some do not escape theirs.
func (f Frame) asCame(name string, v Version) (value string, ok bool) {
	if value, ok = wire.RawValue(f.raw, name, wire.Version(v)); ok {
		return value, true
	}
	return f.Header.Lookup(name)
}

// NewFrame returns a frame of these parts. It does not copy or check them; [Frame.AppendTo] checks.
func NewFrame(command string, header Header, body []byte) Frame {
	return Frame{Command: command, Header: header, Body: body}
}

// ParseFrame parses one complete STOMP 1.2 frame of a client or a server, including the NUL at its end. Line ends
// before and after it are skipped. The frame shares no memory with payload. The default [Limits] apply. The error is
// a [*ProtocolError] with the clause, or a [*LimitError].
func ParseFrame(payload []byte) (Frame, error) {
	dec := wire.NewDecoder(wire.DecoderConfig{From: wire.FromEither})
	dec.SetVersion(wire.V12)
	dec.Feed(payload, false)
	var f, more wire.Frame
	ok, err := dec.Next(&f)
	if err != nil {
		return Frame{}, publicError(err)
	}
	if !ok {
		reason := "no frame: the payload is empty"
		if dec.Partial() {
			reason = "incomplete frame: the payload ends before the NUL that ends the frame"
		}
		return Frame{}, &ProtocolError{Reason: reason, Clause: "F4"}
	}
	if ok, err = dec.Next(&more); err != nil {
		return Frame{}, publicError(err)
	}
	if ok || dec.Partial() {
		return Frame{}, &ProtocolError{Reason: "the payload goes on after the frame's NUL", Clause: "F4"}
	}
	return frameOf(f), nil
}

// frameOf converts a decoded frame without copying.
func frameOf(f wire.Frame) Frame {
	return Frame{Command: f.Command, Header: f.Header, Body: f.Body}
}

// AppendTo appends f, encoded in STOMP 1.2 including its NUL, to dst and returns the extended slice. It writes
// content-length from the length of the body, whatever the header says (clause F11). A frame that cannot be written
// is a [*ProtocolError] or a [*LimitError], and leaves dst unchanged: an unknown command, a body where none is
// allowed, a NUL in the header, a header that is not UTF-8.
func (f Frame) AppendTo(dst []byte) ([]byte, error) {
	dst, err := wire.Encoder{Version: wire.V12}.AppendFrame(dst, wire.Frame{Command: f.Command, Header: f.Header, Body: f.Body})
	return dst, publicError(err)
}

// Destination returns the destination header: where a MESSAGE was sent.
func (f Frame) Destination() string { return f.Header.Get("destination") }

// MessageID returns the message-id header of a MESSAGE.
func (f Frame) MessageID() string { return f.Header.Get("message-id") }

// ContentType returns the content-type header: the MIME type of the body, or "" if the sender set none.
func (f Frame) ContentType() string { return f.Header.Get("content-type") }

// Redelivered reports whether the broker says, in the redelivered header, that it has sent this MESSAGE before. It is
// false as well where the broker does not say: Spring's simple broker never does.
func (f Frame) Redelivered() bool { return f.Header.Get("redelivered") == "true" }

// SubscriptionID returns the id of the subscription that delivered the frame, as [Subscription.ID] does; of a frame
// that none delivered, its subscription header.
func (f Frame) SubscriptionID() string {
	if f.from != nil {
		return f.from.subscriptionID()
	}
	return f.Header.Get("subscription")
}

// bodyShown is how many bytes of a body String shows: enough to tell messages apart in a log, too few to fill it.
const bodyShown = 64

// String returns the frame on one line for logs: command, header, the start of the body and its length. The values of
// passcode and authorization are redacted. For the wire format use AppendTo.
func (f Frame) String() string {
	var b strings.Builder
	b.WriteString(quoteIfNeeded(f.Command))
	for name, value := range f.Header.All() {
		fmt.Fprintf(&b, " %s:%s", quoteIfNeeded(name), quoteIfNeeded(redact(name, value)))
	}
	if n := len(f.Body); n > 0 {
		b.WriteByte(' ')
		b.WriteString(strconv.Quote(string(f.Body[:min(n, bodyShown)])))
		if n > bodyShown {
			b.WriteString("…")
		}
		fmt.Fprintf(&b, " (%d bytes)", n)
	}
	return b.String()
}

// LogValue returns the frame as a group for log/slog: command, header, the length of the body and its start, redacted
// like String.
func (f Frame) LogValue() slog.Value {
	header := make([]slog.Attr, 0, len(f.Header))
	for name, value := range f.Header.All() {
		header = append(header, slog.String(name, redact(name, value)))
	}
	return slog.GroupValue(
		slog.String("command", f.Command),
		slog.Attr{Key: "header", Value: slog.GroupValue(header...)},
		slog.Int("bytes", len(f.Body)),
		slog.String("body", string(f.Body[:min(len(f.Body), bodyShown)])),
	)
}

// redact hides the values that must not reach a log.
func redact(name, value string) string {
	switch strings.ToLower(name) {
	case "passcode", "authorization":
		return "[redacted]"
	}
	return value
}

// quoteIfNeeded quotes a string with blanks, control characters or what is no UTF-8, so that a log line stays one
// line and a terminal has nothing to obey.
func quoteIfNeeded(s string) string {
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}
