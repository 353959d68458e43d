package stomp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/webstomp/webstomp/internal/ackset"
	"github.com/webstomp/webstomp/internal/wire"
)

// Ack acknowledges a frame that a subscription in a client mode delivered (STOMP 1.2, ACK; clause M3). With
// [AckClient] it covers all earlier frames of that subscription as well. Ack returns when the ACK is accepted for
// sending, and with [WithReceipt] when the broker has confirmed it. ctx bounds either wait.
//
// The ACK goes out on the session that delivered the frame, or not at all. [ErrStale] means that this session or the
// subscription has ended: nothing was written, and the broker delivers the message again. [ErrNotAckable] means that
// no subscription delivered f (it was made by [NewFrame] or [ParseFrame], or decoded from JSON, say), that it was
// delivered in auto mode, that it or a copy of it has been acknowledged already (RabbitMQ closes the connection on a
// second ACK), or that it lacks the ack or message-id header that an ACK needs. With WithReceipt there is an [*Error]
// if the broker refuses, and [ErrConnectionLost] if the session ends before the answer: the broker may have the ACK.
func (f Frame) Ack(ctx context.Context, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Ack, opts, nil, nil)
}

// Nack refuses a frame, with [AckClient] also those before it; everything else is as with Ack. What happens next
// depends on the broker: RabbitMQ delivers the message again at once (WithHeader("requeue", "false") drops it),
// ActiveMQ moves it to a dead letter queue, Artemis drops it. STOMP 1.0 has no NACK: Nack returns a [*ProtocolError].
func (f Frame) Nack(ctx context.Context, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Nack, opts, nil, nil)
}

// Ack is [Frame.Ack]. A frame that another Client delivered is [ErrNotAckable].
func (c *Client) Ack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Ack, opts, c.mark, nil)
}

// Nack is [Frame.Nack]. A frame that another Client delivered is [ErrNotAckable].
func (c *Client) Nack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Nack, opts, c.mark, nil)
}

// acknowledge sends ACK or NACK. client has to be the one that delivered the f, unless it is nil. The frame is part
// of tx, unless that is nil.
func (f Frame) acknowledge(ctx context.Context, command string, opts []FrameOption, client *clientMark, tx *Transaction) error {
	out := outgoing{op: strings.ToLower(command), target: f.MessageID(), command: command}
	cfg, err := newFrameConfig(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	var r *route
	var s *session
	if err == nil {
		r, s, err = f.route(client)
	}
	if err == nil {
		err = r.identify(&out, f)
	}
	if err == nil && tx != nil {
		err = tx.enter(&out, s)
	}
	if err != nil {
		return out.notSent(err)
	}
	out.header, out.receipt = cfg.header, receiptIf(cfg.receipt)
	// Checked again, and taken, as it gets its place in the outbox: after UNSUBSCRIBE or COMMIT, or after
	// another ACK that covers it, the broker would refuse it and end the session.
	var taken []ackset.Span
	out.admit = func() error {
		if r.isOver() {
			return ErrStale
		}
		if err := tx.admit(); err != nil {
			return err
		}
		if taken = r.acks.Take(f.number, r.ack == AckClient); taken == nil {
			return fmt.Errorf("%w: acknowledged already", ErrNotAckable)
		}
		return nil
	}
	receipt, _, err := s.submit(ctx, &out)
	if err != nil {
		if r.isOver() || errors.Is(err, errSessionOver) {
			return out.notSent(ErrStale)
		}
		return err
	}
	if receipt != nil {
		err = s.env.receipts.wait(ctx, receipt)
	}
	switch {
	case Unsent(err): // the ACK was withdrawn
		r.acks.Settle(taken, false)
	case tx != nil && !s.server.acksAtOnce:
		tx.keep(&r.acks, taken)
	default:
		r.acks.Settle(taken, true)
	}
	return err
}

// route returns the route that delivered the frame and its session, or why the frame cannot be acknowledged.
func (f Frame) route(client *clientMark) (*route, *session, error) {
	from, delivered := f.from.(*origin)
	switch {
	case !delivered:
		return nil, nil, fmt.Errorf("%w: no subscription delivered it", ErrNotAckable)
	case client != nil && from.client != client:
		return nil, nil, fmt.Errorf("%w: another Client delivered it", ErrNotAckable)
	case from.auto:
		return nil, nil, fmt.Errorf("%w: delivered in auto mode (see WithAck)", ErrNotAckable)
	}
	r := from.live.Load()
	if r == nil {
		return nil, nil, ErrStale
	}
	s := r.session.get()
	if s == nil || r.isOver() {
		return nil, nil, ErrStale
	}
	return r, s, nil
}

// identify adds the entries to f by which the session's version names the message, the server's id byte by byte as it
// came (clause M3).
func (r *route) identify(f *outgoing, frame Frame) error {
	id, ok := frame.asCame(r.ackSource(), r.version)
	if !ok {
		return fmt.Errorf("%w: the server sent it without the %s header", ErrNotAckable, r.ackSource())
	}
	if r.version == V12 {
		f.entries.addRaw("id", id)
	} else {
		f.entries.addRaw("message-id", id)
	}
	switch r.version {
	case V10:
		if f.command == wire.Nack {
			return &ProtocolError{Reason: "STOMP 1.0 has no NACK", Clause: "M3"}
		}
	case V11:
		f.entries.add("subscription", r.id)
	}
	return nil
}
