package stomp

import (
	"context"
	"github.com/webstomp/webstomp/internal/wire"
)

// Send sends body to destination (STOMP 1.2, SEND). It returns when the frame is accepted: encoded, with the body
// copied, and queued for the connection. It waits only during an outage, until the next session, while more than
// 1 MiB is queued already, and for a second or so, 8 s at most, while the Client tries alone what the server may have
// ended a session over ([WithRetry]). With [WithReceipt] it returns when the broker has confirmed the frame. ctx
// bounds every wait; its end does not affect the connection.
//
// Without a receipt, a frame in flight when the connection breaks may be lost silently. The errors are
// [ErrNoDestination], [ErrClosed], ctx's own, a [*LimitError] or [*ProtocolError] for a frame that cannot be sent,
// with [WithoutWaiting] [ErrNotConnected], and with WithReceipt an [*Error] or [ErrConnectionLost]. [Unsent] reports
// whether sending again is safe.
func (c *Client) Send(ctx context.Context, destination string, body []byte, opts ...SendOption) error {
	return c.send(ctx, destination, body, opts, nil)
}

// SendJSON is Send with v encoded as JSON and content-type application/json. A v that does not encode is an error for
// which [Unsent] is true.
func (c *Client) SendJSON(ctx context.Context, destination string, v any, opts ...SendOption) error {
	body, opts, err := encodeJSON("send", destination, v, opts)
	if err != nil {
		return err
	}
	return c.Send(ctx, destination, body, opts...)
}

// SendAsync is Send with a receipt, without the wait for it: it returns when the frame is accepted, and the [Receipt]
// tells the outcome. Any number may be pending. Its errors are those of Send. When it has returned, the end of ctx
// does not matter any more, except that with [WithRetry] it ends the retrying: who wants to stop sending, and to let
// what is under way finish, needs a ctx of its own for that.
//
// A receipt that never comes, as from Spring's simple broker, stays pending until the session ends. As long as one
// is, [OverflowBlock] lets queues grow, and Disconnect waits for it, within its ctx.
func (c *Client) SendAsync(ctx context.Context, destination string, body []byte, opts ...SendOption) (*Receipt, error) {
	cfg, err := c.cfg.send.with(destination, opts)
	cfg.receipt = true
	var told func(error) // of the hooks; nil: there are none
	if err == nil && c.cfg.sendHooks != nil {
		body, told, err = c.cfg.runSendHooks(ctx, destination, body, &cfg)
	}
	f := newSend("send", destination, body, &cfg)
	var r *pendingReceipt
	if err == nil {
		r, err = c.submit(ctx, &f, cfg.noWait)
	}
	if err != nil {
		err = f.notSent(err)
		if told != nil {
			told(err)
		}
		return nil, err
	}
	if told != nil {
		c.receipts.tell(r, told)
	}
	if cfg.retry {
		c.receipts.endWith(ctx, r, c.whenDone)
	}
	return &r.Receipt, nil
}

// Flush waits, within ctx, until everything accepted so far is written to the socket: on the next session, if this
// one is lost, in an outage as well. It does not mean that the broker has it; a receipt does. A consumer may call it
// in its own loop: while it waits, [OverflowBlock] does not stop the reading. The errors are [ErrClosed] and ctx's
// own.
func (c *Client) Flush(ctx context.Context) error {
	err := c.onSession(ctx, false, func(s *session) error { return s.awaitFlush(ctx, s.out.Last()) })
	if err != nil {
		return &opError{op: "flush", err: err}
	}
	return nil
}

// send is Send, as part of tx unless that is nil.
func (c *Client) send(ctx context.Context, destination string, body []byte, opts []SendOption, tx *Transaction) error {
	defaults := c.cfg.send
	if tx != nil {
		defaults = defaults.inTransaction()
	}
	cfg, err := defaults.with(destination, opts)
	if err != nil {
		return &opError{op: "send", target: destination, err: err, unsent: true}
	}
	if c.cfg.sendHooks == nil {
		return c.sendHooked(ctx, destination, body, &cfg, tx)
	}
	body, told, err := c.cfg.runSendHooks(ctx, destination, body, &cfg)
	if err == nil {
		err = c.sendHooked(ctx, destination, body, &cfg, tx)
	} else {
		err = &opError{op: "send", target: destination, err: err, unsent: true}
	}
	told(err)
	return err
}

// sendHooked is send after the hooks.
func (c *Client) sendHooked(ctx context.Context, destination string, body []byte, cfg *sendConfig, tx *Transaction) (err error) {
	f := newSend("send", destination, body, cfg)
	var r *pendingReceipt
	if tx == nil {
		r, err = c.submit(ctx, &f, cfg.noWait)
	} else {
		r, err = tx.submit(ctx, &f)
	}
	if err != nil {
		return f.notSent(err)
	}
	if r == nil {
		return nil
	}
	return c.receipts.wait(ctx, r)
}

// submit has the current session, or the next one, accept a frame, within ctx; see session.submit.
func (c *Client) submit(ctx context.Context, f *outgoing, noWait bool) (r *pendingReceipt, err error) {
	err = c.onSession(ctx, noWait, func(s *session) error {
		r, _, err = s.submit(ctx, f)
		return err
	})
	return r, err
}

func newSend(op, destination string, body []byte, cfg *sendConfig) outgoing {
	f := outgoing{
		op: op, target: destination,
		command: wire.Send, header: cfg.header, body: body, noContentLength: cfg.noContentLength,
		receipt: receiptIf(cfg.receipt || cfg.retry), carry: true, retry: cfg.retry,
	}
	f.entries.add("destination", destination)
	f.entries.addIfSet("content-type", cfg.contentType)
	f.entries.addIfSet("reply-to", cfg.replyTo)
	return f
}
