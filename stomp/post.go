package stomp

import (
	"context"
	"errors"
	"unicode/utf8"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// A posting is how a frame is to be sent.
type posting struct {
	op      opError // what to say when it fails
	receipt receiptWish
	forced  bool // goes past the outbox's bound: it must not wait, and is not withdrawn
	last    bool // nothing is accepted after it

	late    func() error // asked with the outbox's lock held: an error, and the frame comes too late; nil: it cannot
	placed  func()       // told with that lock held when the frame has its place; nil: nobody
	refused func(*Error) // what else to do when an ERROR answers the receipt; nil: nothing
}

// receiptWish is who wants a RECEIPT for a frame.
type receiptWish uint8

const (
	noReceipt    receiptWish = iota
	ownReceipt               // we do, of our own accord: only a server that is known to answer is waited for
	askedReceipt             // a caller does
)

func wish(asked bool) receiptWish {
	if asked {
		return askedReceipt
	}
	return noReceipt
}

// newReceipt registers a receipt. It must be registered before the frame is
// accepted, or the answer could come first.
func (s *session) newReceipt(p posting) (*pendingReceipt, error) {
	if p.receipt == noReceipt {
		return nil, nil
	}
	r := &pendingReceipt{
		Receipt: Receipt{done: make(chan struct{}), op: p.op, number: s.client.receiptIDs.Add(1)},
		asked:   p.receipt == askedReceipt,
		forced:  p.forced,
		refused: p.refused,
	}
	return r, s.receipts.add(r)
}

// post encodes a small frame into the outbox: every command but SEND. It waits
// for room within ctx unless forced. The receipt is nil where none was wished
// for.
func (s *session) post(ctx context.Context, f wire.Frame, p posting) (*pendingReceipt, uint64, error) {
	r, err := s.newReceipt(p)
	if err != nil {
		return nil, 0, s.notSent(p.op, err)
	}
	if r != nil {
		f.Header = append(f.Header, [2]string{"receipt", receiptID(r.number)})
	}
	if p.forced {
		err = s.out.force()
	} else {
		err = s.out.reserve(ctx)
	}
	if err == nil && p.late != nil {
		if err = p.late(); err != nil {
			s.out.cancel()
		}
	}
	if err != nil {
		return nil, 0, s.takeBack(r, p.op, err)
	}
	buf, err := s.enc.AppendFrame(s.out.waiting.buf, f)
	if err != nil {
		s.out.cancel()
		return nil, 0, s.takeBack(r, p.op, publicError(err))
	}
	if p.last {
		s.out.shut(ErrClosed)
	}
	if p.placed != nil {
		p.placed()
	}
	number := s.out.commit(buf, outgoing{typ: s.typeOf(nil), receipt: r})
	s.client.trace("send", f) // the outbox's lock is not held any more: a log may be slow, and may use the Client
	return r, number, nil
}

// takeBack undoes newReceipt for a frame that was not accepted.
func (s *session) takeBack(r *pendingReceipt, op opError, err error) error {
	if r != nil {
		s.receipts.remove(r.number)
	}
	return s.notSent(op, err)
}

// notSent is the error of a frame that was not accepted.
func (s *session) notSent(op opError, err error) error {
	op.err, op.unsent = err, true
	return &op
}

// await waits, within ctx, for a receipt that a call asked for. The waiter
// leaves with its ctx; a frame that has not been taken for writing by then is
// withdrawn, unless it was forced.
func (c *Client) await(ctx context.Context, r *pendingReceipt) error {
	over := ctx.Done()
	if over == nil { // half the price of a select
		<-r.done
		return r.err
	}
	select {
	case <-r.done:
		return r.err
	case <-over:
	}
	if c.receipts.remove(r.number) == nil {
		<-r.done // answered at this very moment, by whoever removed it
		return r.err
	}
	if r.place.leave(r.forced) {
		return r.fail(ctxError(ctx), "nothing was written", true)
	}
	return r.fail(ctxError(ctx), hintMayHave, false)
}

// awaitOwn waits, within ctx, for what we ask of our own accord: the RECEIPT
// where this server is known to answer, else that the frame is written.
func (s *session) awaitOwn(ctx context.Context, r *pendingReceipt, frame uint64) error {
	s.receipts.await()
	defer s.receipts.unawait()
	if err := s.out.awaitFlush(ctx, frame); err != nil {
		return err
	}
	if !s.receipts.answers() {
		s.receipts.remove(r.number) // it would be kept for as long as the session lasts
		return nil
	}
	return r.Wait(ctx)
}

// typeOf is the type of the message for a frame with that body; on a stream it
// means nothing, and costs nothing.
func (s *session) typeOf(body []byte) ws.MessageType {
	if s.conn.IsStream() {
		return ws.Text
	}
	return s.client.cfg.typeOf(body)
}

// typeOf is the type of the WebSocket message for a frame with that body
// (clause W3): text where it is valid UTF-8, as the rest of a frame always is.
func (c *connectConfig) typeOf(body []byte) ws.MessageType {
	switch {
	case c.messageType == MessageBinary:
		return ws.Binary
	case c.messageType == MessageAuto && !utf8.Valid(body):
		return ws.Binary
	}
	return ws.Text
}

// errSessionOver marks the refusal of an outbox whose session has ended or is
// about to: the frame may try the next one.
var errSessionOver = errors.New("session over")

// overError is why the session ended, for those who come too late for it.
type overError struct{ cause error }

func (e *overError) Error() string        { return e.cause.Error() }
func (e *overError) Unwrap() error        { return e.cause }
func (e *overError) Is(target error) bool { return target == errSessionOver }

// isCut reports whether the session is over or about to be.
func (s *session) isCut() bool {
	select {
	case <-s.cut:
		return true
	default:
		return false
	}
}

// awaitEnd waits, within ctx, until the Client has seen this session end.
func (s *session) awaitEnd(ctx context.Context) error {
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
		return ctxError(ctx)
	}
}

// isContextError reports whether err is of a ctx that ended.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
