package stomp

import (
	"context"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// outgoing is one frame to send, and how.
type outgoing struct {
	op, target string // for error texts: what was tried, and on what

	command         string
	entries         entries // written by the library, in order
	header          Header  // added by the call
	body            []byte
	noContentLength bool

	receipt receiptMode
	forced  bool // does not wait for room in the outbox, and is not withdrawn by the call that waits for its receipt
	carry   bool // goes out on the next session if this one ends before its writing begins
	retry   bool // goes out on every session until its receipt comes
	last    bool // nothing is accepted after it

	// admit is the last check, called as the frame gets its place in the outbox, with the outbox's lock held:
	// whatever is sent later is written after it. Its error is returned by submit. nil: no check.
	admit func() error
	// answered is called when the receipt is answered, with the ERROR or with nil; nil: nothing more to do.
	answered func(*Error)
}

// entries are the header entries that the library writes into one frame. They allocate nothing.
type entries struct {
	all [5][2]string
	n   int
	raw uint8 // bit i: the value of all[i] goes out as it is, without escapes
}

func (e *entries) add(name, value string) {
	e.all[e.n] = [2]string{name, value}
	e.n++
}

// set replaces the value of an entry that is there.
func (e *entries) set(name, value string) {
	for i := range e.all[:e.n] {
		if e.all[i][0] == name {
			e.all[i][1] = value
		}
	}
}

// addRaw adds an entry whose value the server wrote itself, as it came (see Frame.asCame).
func (e *entries) addRaw(name, value string) {
	e.raw |= 1 << e.n
	e.add(name, value)
}

func (e *entries) addIfSet(name, value string) {
	if value != "" {
		e.add(name, value)
	}
}

// receiptMode says who wants a RECEIPT for a frame.
type receiptMode uint8

const (
	noReceipt    receiptMode = iota
	ownReceipt               // the library: it waits for a moment at most; see awaitOwnReceipt
	askedReceipt             // the caller
)

func receiptIf(asked bool) receiptMode {
	if asked {
		return askedReceipt
	}
	return noReceipt
}

// bigBody is the size in bytes from which a frame is encoded into its own buffer, outside the outbox's lock, so that
// other senders do not wait for the copy.
const bigBody = 64 << 10

// submit encodes a frame and has the outbox accept it, waiting within ctx while that is full. It returns the receipt,
// nil if there is none, and the frame's number in the outbox. An error matches Unsent: nothing was written.
//
// The body is copied. Without a receipt and below bigBody nothing is allocated.
func (s *session) submit(ctx context.Context, f *outgoing) (r *pendingReceipt, number uint64, err error) {
	if f.receipt != noReceipt {
		r = f.newReceipt(s.env.counters.receiptIDs.Add(1))
	}
	number, err = s.accept(ctx, f, r)
	if err != nil {
		if r != nil {
			s.env.receipts.remove(r.number)
		}
		return nil, 0, f.notSent(err)
	}
	if s.env.traces() { // outside any lock: a log handler may be slow, and may use the Client
		s.env.trace("send", f.frame(r))
	}
	return r, number, nil
}

func (s *session) accept(ctx context.Context, f *outgoing, r *pendingReceipt) (number uint64, err error) {
	e := outbox.Entry{Type: s.messageType(f.body), Forced: f.forced, Carry: f.carry}
	if e.Type == ws.Text && !s.conn.IsStream() {
		if err := checkText(f.body); err != nil {
			return 0, err
		}
	}
	if f.last {
		e.Last = ErrClosed
		if s.renewing.Load() {
			e.Last = &overError{errRenewed}
		}
	}
	if len(f.body) >= bigBody || f.retry {
		if e.Encoded, err = f.appendTo(make([]byte, 0, len(f.body)+1024), s.enc, r); err != nil {
			return 0, publicError(err)
		}
	}
	if r != nil {
		e.Ticket = &r.ticket
		r.hidden = f.command == wire.Send && s.server.hidesRejections
		if f.retry {
			r.resend = &carried{frame: e.Encoded, typ: e.Type, version: s.info.Version, ticket: e.Ticket}
		}
		// Added before the frame is accepted: the answer may come at once.
		if err := s.env.receipts.add(r); err != nil {
			return 0, err
		}
	}
	number, err = s.out.Add(ctx, e, func(dst []byte) ([]byte, error) {
		if e.Encoded == nil {
			var err error
			if dst, err = f.appendTo(dst, s.enc, r); err != nil {
				return nil, publicError(err)
			}
		}
		if f.admit != nil {
			if err := f.admit(); err != nil {
				return nil, err
			}
		}
		return dst, nil
	})
	return number, withCause(ctx, err)
}

// newReceipt makes the frame's receipt. It is not pending until it is added.
func (f *outgoing) newReceipt(number uint64) *pendingReceipt {
	return &pendingReceipt{
		Receipt:  Receipt{done: make(chan struct{}), op: f.op, target: f.target, number: number},
		asked:    f.receipt == askedReceipt,
		command:  commandOf(f.command),
		forced:   f.forced,
		last:     f.last,
		answered: f.answered,
	}
}

// appendTo encodes the frame (clauses M1 and F11).
func (f *outgoing) appendTo(dst []byte, enc wire.Encoder, r *pendingReceipt) ([]byte, error) {
	start := len(dst)
	dst = enc.AppendCommand(dst, f.command)
	var err error
	n := f.entries.n
	for i, e := range f.entries.all[:n] {
		if f.entries.raw&(1<<i) != 0 {
			dst, err = enc.AppendRaw(dst, f.command, e[0], e[1])
		} else {
			dst, err = enc.AppendEntry(dst, f.command, e[0], e[1])
		}
		if err != nil {
			return dst[:start], err
		}
	}
	for _, e := range f.header {
		n++
		if dst, err = enc.AppendEntry(dst, f.command, e[0], e[1]); err != nil {
			return dst[:start], err
		}
	}
	if r != nil {
		n++
		dst = appendReceipt(dst, r.number)
	}
	if !f.noContentLength && len(f.body) > 0 {
		n++
	}
	if err := enc.Limits.CheckHeader(len(dst)-start, n); err != nil {
		return dst[:start], err
	}
	return enc.AppendBody(dst, f.command, f.body, !f.noContentLength)
}

// frame returns the frame as the log shows it.
func (f *outgoing) frame(r *pendingReceipt) wire.Frame {
	header := append([][2]string{}, f.entries.all[:f.entries.n]...)
	header = append(header, f.header...)
	if r != nil {
		header = append(header, [2]string{"receipt", receiptID(r.number)})
	}
	return wire.Frame{Command: f.command, Header: header, Body: f.body}
}

// failed returns err as the error of the call that sends the frame.
func (f *outgoing) failed(err error) *opError { return &opError{op: f.op, target: f.target, err: err} }

// notSent is failed with the guarantee that nothing was written. It returns an error that says so already unchanged.
func (f *outgoing) notSent(err error) error {
	if failed, ok := err.(*opError); ok && failed.unsent {
		return failed
	}
	failed := f.failed(err)
	failed.unsent = true
	return failed
}

// messageType returns the type of the WebSocket message for a frame with that body: text if the body is valid UTF-8,
// as the rest of a frame always is (clause W3). A stream ignores it, so there the body is not checked.
func (s *session) messageType(body []byte) ws.MessageType {
	choice := s.env.cfg.messageType
	switch {
	case s.conn.IsStream():
		return ws.Text
	case choice == MessageBinary, choice == MessageAuto && !utf8.Valid(body):
		return ws.Binary
	}
	return ws.Text
}

// awaitFlush waits, within ctx, until the frame of that number has been handed to the operating system. A server may
// read only once we have: a full queue must not stop us from that.
func (s *session) awaitFlush(ctx context.Context, number uint64) error {
	if s.out.IsFlushed(number) {
		return nil
	}
	s.env.receipts.beginWait()
	defer s.env.receipts.endWait()
	return withCause(ctx, s.out.AwaitFlush(ctx, number))
}
