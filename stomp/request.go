package stomp

import (
	"context"
	"errors"
	"slices"
)

// Request sends body to destination and waits, within ctx, for the reply: the
// first MESSAGE at the reply queue with the correlation-id of the request. Any
// number of requests may wait at the same time. The one who answers sends to
// the request's reply-to and copies its correlation-id.
//
// The reply queue is one of this session: on RabbitMQ (as CONNECTED's server
// says) a /temp-queue/ that the broker makes of reply-to and that must not be
// subscribed to; elsewhere a /temp-queue/ of a random name that is subscribed to
// once per session. [WithReplyTo] chooses another, which Spring's simple broker
// needs ("/queue/…"). WithHeader("correlation-id", …) chooses that.
//
// With [WithReceipt] the request is confirmed before the reply is waited for.
// When the session ends first, the error is [ErrConnectionLost] and the outcome
// unknown. A reply that comes after its ctx is unmatched.
func (c *Client) Request(ctx context.Context, destination string, body []byte, opts ...SendOption) (Frame, error) {
	cfg, err := newSendConfig(destination, opts)
	if err == nil && cfg.retry {
		err = errors.New("WithRetry excludes Request: its reply queue ends with the session")
	}
	var reply Frame
	if err == nil {
		err = c.onSession(ctx, cfg.noWait, func(s *session) error {
			reply, err = s.request(ctx, destination, body, cfg)
			return err
		})
	}
	if err != nil {
		f := outgoing{op: "request", target: destination}
		if failed, ok := err.(*opError); ok { // it says so already
			return Frame{}, failed
		}
		return Frame{}, f.notSent(err)
	}
	return reply, nil
}

// request is Request on this session.
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
	// w is there before its queue: whoever refuses that finds w.
	if err := s.replies.open(ctx, cfg.replyTo); err != nil {
		return Frame{}, f.notSent(err)
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
