package stomp

import (
	"context"
	"errors"
	"slices"
)

// Request sends body to destination and waits, within ctx, for the reply: the first MESSAGE at the reply queue with
// the correlation-id of the request. Any number of requests may wait at the same time. A responder sends to the
// request's reply-to and copies its correlation-id.
//
// The reply queue belongs to the session. On RabbitMQ (by CONNECTED's server header) it is a /temp-queue/ that the
// broker makes from reply-to and that must not be subscribed to. Elsewhere it is a /temp-queue/ with a random name,
// subscribed to once per session. [WithReplyTo] sets another; Spring's simple broker needs that ("/queue/…"). Of
// those that no request waits at, 16 stay subscribed to; beyond that, the one that has been so for longest is
// unsubscribed from, except on RabbitMQ, where a /temp-queue/ of each name stays until the session ends.
// WithHeader("correlation-id", …) sets the id.
//
// With [WithReceipt] the broker confirms the request before the wait for the reply. If the session ends first, the
// error is [ErrConnectionLost] and the outcome is unknown. A reply that comes after ctx has ended goes to
// [Client.Unmatched]. Without a ctx that ends, a request that nobody answers waits for as long as its session lasts.
// Two requests that wait with the same correlation-id are an error of the second, and an [*Error] tells that the
// broker refuses the reply queue. The other errors are those of [Client.Send].
func (c *Client) Request(ctx context.Context, destination string, body []byte, opts ...SendOption) (Frame, error) {
	cfg, err := c.cfg.send.forRequest().with(destination, opts)
	if err == nil && cfg.retry {
		err = errors.New("WithRetry excludes Request: its reply queue ends with the session")
	}
	failed := opError{op: "request", target: destination, err: err, unsent: true}
	if err != nil {
		return Frame{}, &failed
	}
	if c.cfg.sendHooks == nil {
		return c.requestHooked(ctx, destination, body, cfg)
	}
	var reply Frame
	body, told, err := c.cfg.runSendHooks(ctx, destination, body, &cfg)
	if err == nil {
		reply, err = c.requestHooked(ctx, destination, body, cfg)
	} else {
		failed.err, err = err, &failed
	}
	told(err)
	return reply, err
}

// requestHooked is Request after the hooks.
func (c *Client) requestHooked(ctx context.Context, destination string, body []byte, cfg sendConfig) (reply Frame, err error) {
	err = c.onSession(ctx, cfg.noWait, func(s *session) error {
		reply, err = s.request(ctx, destination, body, cfg)
		return err
	})
	switch failed := err.(type) {
	case nil:
		return reply, nil
	case *opError: // it has op and target already
		return Frame{}, failed
	}
	return Frame{}, &opError{op: "request", target: destination, err: err, unsent: true}
}

func (s *session) request(ctx context.Context, destination string, body []byte, cfg sendConfig) (Frame, error) {
	s.replies.chooseReplyTo(&cfg)
	id, given := cfg.header.Lookup("correlation-id")
	if !given {
		id = s.replies.nextID()
		cfg.header = append(slices.Clip(cfg.header), [2]string{"correlation-id", id})
	}
	f := newSend("request", destination, body, &cfg)
	f.carry = false
	w, err := s.replies.add(id, cfg.replyTo)
	if err != nil {
		return Frame{}, f.notSent(err)
	}
	defer s.replies.remove(id, w)
	s.env.receipts.beginWait()
	defer s.env.receipts.endWait()
	// w is added before its queue is opened, so that a refusal of the queue finds it.
	queue, err := s.replies.open(ctx, cfg.replyTo)
	if queue != nil {
		defer s.replies.close(queue)
	}
	if err != nil {
		failed := f.failed(err) // which says what was requested, and then that SUBSCRIBE failed
		failed.unsent = true
		return Frame{}, failed
	}
	r, _, err := s.submit(ctx, &f)
	if err == nil && r != nil {
		err = s.env.receipts.wait(ctx, r)
	}
	if err != nil {
		return Frame{}, err
	}
	select {
	case <-w.done:
		err = w.err
	case <-ctx.Done():
		err = ctxError(ctx)
	}
	if err != nil {
		failed := f.failed(err)
		failed.step, failed.hint = "waiting for the reply", "the request may have been handled"
		return Frame{}, failed
	}
	return w.reply, nil
}
