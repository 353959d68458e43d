package stomptest

import "time"

type actionKind uint8

const (
	actPass actionKind = iota
	actDrop
	actReplace
	actError
	actCutBefore
	actCutInside
	actCutAfter
	actClose
	actSilence
	actDelay
)

// Action is what an interceptor wants done with a frame. The functions of this file make one; the zero Action is
// Pass.
type Action struct {
	kind  actionKind
	n     int           // actCutInside: bytes; actClose: the code
	text  string        // actClose: the reason
	frame Frame         // actReplace, actError
	close bool          // actError: close after it
	delay time.Duration // actDelay
}

// Pass lets the frame go its way.
func Pass() Action { return Action{} }

// Drop ignores the frame: one from the client has no effect and gets no answer, one of the broker's is not sent.
func Drop() Action { return Action{kind: actDrop} }

// Replace puts another frame in its place. One that the version of the connection cannot encode, such as a line end
// in STOMP 1.0, is not sent, and the log says so (WithLogger).
func Replace(f Frame) Action { return Action{kind: actReplace, frame: f} }

// ReplyError sends ERROR in the frame's place: one from the client has no effect, one of the broker's is not sent. A
// message of "" leaves that entry out. header may hold more (receipt-id, subscription…); with a body content-type and
// content-length are written anyway. With closeAfter the connection is closed behind it with code 1002, without it
// stays open and usable. That is the form of this call, whatever the profile: Refuse has the profile's own. What
// cannot be encoded is not sent, as with Replace.
func ReplyError(message string, header [][2]string, body []byte, closeAfter bool) Action {
	return Action{kind: actError, frame: errorFrame(message, header, string(body)), close: closeAfter}
}

// CutBefore cuts the connection before the frame: what was sent earlier reaches the client, the frame has no effect.
func CutBefore() Action { return Action{kind: actCutBefore} }

// CutInside cuts the connection when n bytes of the frame are on the wire, counted without the first WebSocket
// header. A frame from the client has been read to its end when the interceptor is asked, so it is as if only a part
// had come: it has no effect.
func CutInside(n int) Action { return Action{kind: actCutInside, n: max(n, 0)} }

// CutAfter cuts the connection after the frame: one from the client takes effect, but none of its answers is sent (a
// SEND that arrived and whose RECEIPT is lost); one of the broker's is sent whole.
func CutAfter() Action { return Action{kind: actCutAfter} }

// CloseWith closes the connection with a WebSocket close frame in the frame's place. Bare STOMP is closed without
// one.
func CloseWith(code int, reason string) Action {
	return Action{kind: actClose, n: code, text: reason}
}

// FallSilent stops reading and writing on this connection, without closing it, and then lets the frame pass: it waits
// until Silence(false).
func FallSilent() Action { return Action{kind: actSilence} }

// DelayFor lets the frame pass after d. Frames behind it wait as well; heart-beats do not.
func DelayFor(d time.Duration) Action { return Action{kind: actDelay, delay: d} }

// Intercept has ask decide about every frame, in and out, of every connection, until another call replaces it; nil
// ends it. Heart-beats and SendRaw's bytes are no frames. ask runs in the goroutines of the connections, so several
// calls may run at once, and a call that waits holds up its connection alone. It may call every method of the Broker
// but Close.
func (b *Broker) Intercept(ask func(Event) Action) {
	if ask == nil {
		b.faults.ask.Store(nil)
		return
	}
	b.faults.ask.Store(&ask)
}

// intercept asks the interceptor, if there is one.
func (c *conn) intercept(d Direction, f func() Frame) Action {
	ask := c.b.faults.ask.Load()
	if ask == nil {
		return Action{}
	}
	c.asking.Add(1)
	defer c.asking.Add(-1)
	return (*ask)(Event{Connection: c.num, Direction: d, Frame: f()})
}
