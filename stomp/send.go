package stomp

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/webstomp/webstomp/internal/wire"
)

// Send sends body to destination (STOMP 1.2, SEND). It returns when the frame
// is accepted: encoded, with the body copied, and queued for the connection,
// which takes waiting only while too much is queued already. With
// [WithReceipt] it returns when the broker has confirmed it. ctx bounds either
// wait; it never reaches the socket.
//
// Without a receipt, a frame that was in flight when the connection broke may
// be lost without a word. The errors are [ErrNoDestination], [ErrClosed],
// ctx's own, a [*LimitError] or [*ProtocolError] for what cannot be sent, and
// with WithReceipt an [*Error] or [ErrConnectionLost] as well. [Unsent] tells
// whether sending again is safe.
func (c *Client) Send(ctx context.Context, destination string, body []byte, opts ...SendOption) error {
	return c.send(ctx, destination, body, opts, nil)
}

// SendJSON is Send with v as JSON, content-type application/json.
func (c *Client) SendJSON(ctx context.Context, destination string, v any, opts ...SendOption) error {
	body, err := json.Marshal(v)
	if err != nil {
		return &opError{op: "send", target: destination, step: "encoding JSON", err: err, unsent: true}
	}
	asJSON := append([]SendOption{WithContentType("application/json")}, opts...)
	return c.Send(ctx, destination, body, asJSON...)
}

// SendAsync is Send with a receipt that nobody waits for here: it returns when
// the frame is accepted, and the [Receipt] tells what became of it. Any number
// may be pending. With [WithRetry], the end of ctx ends the retrying as well.
func (c *Client) SendAsync(ctx context.Context, destination string, body []byte, opts ...SendOption) (*Receipt, error) {
	cfg, err := newSendConfig(destination, opts)
	if err != nil {
		return nil, sendError(destination, err)
	}
	cfg.receipt = true
	r, err := c.accept(ctx, destination, body, cfg)
	if err != nil {
		return nil, sendError(destination, err)
	}
	if cfg.retry {
		c.watch(ctx, r)
	}
	return &r.Receipt, nil
}

// Flush waits, within ctx, until all that was accepted so far is written to
// the socket, on the next session where this one is lost. It does not say that
// the broker has it: a receipt does.
func (c *Client) Flush(ctx context.Context) error {
	for {
		s, err := c.session(ctx, false)
		if err == nil {
			err = s.out.awaitFlush(ctx, s.out.last())
		}
		if err == nil {
			return nil
		}
		if s == nil || ctx.Err() != nil || !s.isCut() {
			return &opError{op: "flush", err: err}
		}
		if err := s.awaitEnd(ctx); err != nil {
			return &opError{op: "flush", err: err}
		}
	}
}

// send is Send, within a transaction unless tx is nil.
func (c *Client) send(ctx context.Context, destination string, body []byte, opts []SendOption, tx *Transaction) error {
	cfg, err := newSendConfig(destination, opts)
	if err != nil {
		return sendError(destination, err)
	}
	var r *pendingReceipt
	if tx == nil {
		r, err = c.accept(ctx, destination, body, cfg)
	} else {
		r, err = tx.accept(ctx, destination, body, cfg)
	}
	if err != nil {
		return sendError(destination, err)
	}
	if r == nil {
		return nil
	}
	return c.await(ctx, r)
}

// sendError is the error of a SEND that was not accepted.
func sendError(destination string, err error) error {
	return &opError{op: "send", target: destination, err: err, unsent: true}
}

// accept has a SEND accepted by the session that stands, or by the next one,
// within ctx. The receipt is nil where none is wished for.
func (c *Client) accept(ctx context.Context, destination string, body []byte, cfg sendConfig) (*pendingReceipt, error) {
	for {
		s, err := c.session(ctx, cfg.noWait)
		if err != nil {
			return nil, err
		}
		r, err := s.acceptSend(ctx, destination, body, cfg, nil)
		if err == nil || !errors.Is(err, errSessionOver) {
			return r, err
		}
	}
}

// acceptSend has a SEND accepted by this session.
func (s *session) acceptSend(ctx context.Context, destination string, body []byte, cfg sendConfig, tx *Transaction) (*pendingReceipt, error) {
	r, err := s.newReceipt(posting{op: opError{op: "send", target: destination}, receipt: wish(cfg.receipt)})
	if err != nil {
		return nil, err
	}
	if err := s.postSend(ctx, destination, body, cfg, tx, r, tx == nil); err != nil {
		if r != nil {
			s.receipts.remove(r.number)
		}
		return nil, err
	}
	return r, nil
}

// bigBody is the size from which a frame is encoded into a buffer of its own,
// so that other senders do not wait for the copy.
const bigBody = 64 << 10

// postSend encodes a SEND into the outbox, without an allocation on the way.
// tx is nil where there is no transaction, r where no receipt was asked for.
// carry: it may go out on the next session if this one ends before.
func (s *session) postSend(ctx context.Context, destination string, body []byte, cfg sendConfig, tx *Transaction, r *pendingReceipt, carry bool) error {
	if len(body) >= bigBody || cfg.retry {
		return s.postBig(ctx, destination, body, cfg, tx, r, carry)
	}
	typ := s.typeOf(body)
	if err := s.out.reserve(ctx); err != nil {
		return err
	}
	if err := tx.late(); err != nil {
		s.out.cancel()
		return err
	}
	buf, err := s.appendSend(s.out.waiting.buf, destination, body, &cfg, tx, r)
	if err != nil {
		s.out.cancel()
		return publicError(err)
	}
	s.out.commit(buf, outgoing{typ: typ, carry: carry, receipt: r})
	s.traceSend(destination, body, &cfg, tx, r)
	return nil
}

// postBig is postSend with a buffer of the frame's own, which WithRetry keeps.
func (s *session) postBig(ctx context.Context, destination string, body []byte, cfg sendConfig, tx *Transaction, r *pendingReceipt, carry bool) error {
	big, err := s.appendSend(make([]byte, 0, len(body)+1024), destination, body, &cfg, tx, r)
	if err != nil {
		return publicError(err)
	}
	typ := s.typeOf(body)
	if cfg.retry {
		r.place.keep(&carried{frame: big, typ: typ, version: s.info.Version})
	}
	if err := s.out.reserve(ctx); err != nil {
		return err
	}
	if err := tx.late(); err != nil {
		s.out.cancel()
		return err
	}
	s.out.commitBig(big, outgoing{typ: typ, carry: carry, receipt: r})
	s.traceSend(destination, body, &cfg, tx, r)
	return nil
}

// traceSend logs a SEND at debug level: put together again for that, since it
// is encoded without a frame.
func (s *session) traceSend(destination string, body []byte, cfg *sendConfig, tx *Transaction, r *pendingReceipt) {
	if !s.client.traces() {
		return
	}
	f := wire.Frame{Command: wire.Send, Header: [][2]string{{"destination", destination}}, Body: body}
	for _, e := range [][2]string{{"content-type", cfg.contentType}, {"reply-to", cfg.replyTo}, {"transaction", tx.name()}} {
		if e[1] != "" {
			f.Header = append(f.Header, e)
		}
	}
	if r != nil {
		f.Header = append(f.Header, [2]string{"receipt", receiptID(r.number)})
	}
	f.Header = append(f.Header, cfg.header...)
	s.client.trace("send", f)
}

// appendSend encodes a SEND (clauses M1, F11).
func (s *session) appendSend(dst []byte, destination string, body []byte, cfg *sendConfig, tx *Transaction, r *pendingReceipt) ([]byte, error) {
	start, entries := len(dst), 0
	dst = s.enc.AppendCommand(dst, wire.Send)
	var err error
	entry := func(name, value string) {
		if err == nil && value != "" {
			entries++
			dst, err = s.enc.AppendEntry(dst, wire.Send, name, value)
		}
	}
	entry("destination", destination)
	entry("content-type", cfg.contentType)
	entry("reply-to", cfg.replyTo)
	entry("transaction", tx.name())
	if r != nil && err == nil {
		entries++
		dst = appendReceipt(dst, r.number)
	}
	for _, e := range cfg.header {
		if err == nil {
			entries++
			dst, err = s.enc.AppendEntry(dst, wire.Send, e[0], e[1])
		}
	}
	if err != nil {
		return dst[:start], err
	}
	if !cfg.noContentLength && len(body) > 0 {
		entries++
	}
	if err := s.enc.Limits.CheckHeader(len(dst)-start, entries); err != nil {
		return dst[:start], err
	}
	return s.enc.AppendBody(dst, wire.Send, body, !cfg.noContentLength)
}
