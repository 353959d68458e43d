package stomp

import (
	"context"
	"fmt"
	"strings"

	"github.com/webstomp/webstomp/internal/ackset"
	"github.com/webstomp/webstomp/internal/wire"
)

// Ack acknowledges a frame that a subscription in a client mode delivered
// (STOMP 1.2, ACK; clause M3): with AckClient all earlier frames of that
// subscription as well. It returns when the ACK is accepted, and with
// [WithReceipt] when the broker has confirmed it.
//
// The ACK goes out on the session that delivered the frame, or not at all:
// [ErrStale] says that this session or the subscription is over, nothing was
// written, and the broker delivers the message again. [ErrNotAckable]: nobody
// delivered f, it was delivered in auto mode, or it has been acknowledged
// already (to say so twice would cost the connection on RabbitMQ).
func (c *Client) Ack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return c.acknowledge(ctx, wire.Ack, f, opts, nil)
}

// Nack refuses a frame, else as Ack. What the broker does then is its own:
// RabbitMQ delivers it again at once (WithHeader("requeue", "false") drops it),
// ActiveMQ moves it to a dead letter queue, Artemis drops it. STOMP 1.0 has no
// NACK: a [*ProtocolError].
func (c *Client) Nack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return c.acknowledge(ctx, wire.Nack, f, opts, nil)
}

// acknowledge sends ACK or NACK, within a transaction unless tx is nil.
func (c *Client) acknowledge(ctx context.Context, command string, frame Frame, opts []FrameOption, tx *Transaction) error {
	f := outgoing{op: strings.ToLower(command), target: frame.MessageID(), command: command}
	cfg, err := newFrameConfig(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	var r *route
	if err == nil {
		r, err = c.routeOf(frame)
	}
	if err == nil {
		err = r.identify(&f, frame)
	}
	if err == nil && tx != nil {
		err = tx.enter(&f, r.session)
	}
	if err != nil {
		return f.notSent(err)
	}
	f.header, f.receipt = cfg.header, receiptIf(cfg.receipt)
	// Whether it comes too late is asked again when it has its place before UNSUBSCRIBE or COMMIT, and what it takes is taken
	// there: an ACK behind them, or behind another that covers it, would be refused, at the session's cost.
	var taken []ackset.Span
	f.admit = func() error {
		if r.isOver() {
			return ErrStale
		}
		if err := tx.admit(); err != nil {
			return err
		}
		if taken = r.acks.Take(frame.number, r.ack == AckClient); taken == nil {
			return fmt.Errorf("%w: acknowledged already", ErrNotAckable)
		}
		return nil
	}
	receipt, _, err := r.session.submit(ctx, &f)
	if err != nil {
		if r.isOver() {
			return f.notSent(ErrStale)
		}
		return err
	}
	if receipt != nil {
		err = c.receipts.wait(ctx, receipt)
	}
	switch {
	case Unsent(err): // it was withdrawn
		r.acks.Settle(taken, false)
	case tx != nil:
		tx.keep(&r.acks, taken)
	default:
		r.acks.Settle(taken, true)
	}
	return err
}

// routeOf returns where an acknowledgement of the frame goes, or why it cannot be acknowledged.
func (c *Client) routeOf(frame Frame) (*route, error) {
	r, delivered := frame.from.(*route)
	switch {
	case !delivered:
		return nil, fmt.Errorf("%w: no subscription delivered it", ErrNotAckable)
	case r.session.env != &c.env:
		return nil, fmt.Errorf("%w: another Client delivered it", ErrNotAckable)
	case r.ack == AckAuto:
		return nil, fmt.Errorf("%w: delivered in auto mode (see WithAck)", ErrNotAckable)
	case r.isOver():
		return nil, ErrStale
	}
	return r, nil
}

// identify has f name the message in the way of the session's version (clause M3).
func (r *route) identify(f *outgoing, frame Frame) error {
	name, source := "id", "ack"
	if r.session.info.Version != V12 {
		name, source = "message-id", "message-id"
	}
	id, ok := frame.Header.Lookup(source)
	if !ok {
		return fmt.Errorf("%w: the server sent it without the %s header", ErrNotAckable, source)
	}
	f.entries.add(name, id)
	switch r.session.info.Version {
	case V10:
		if f.command == wire.Nack {
			return &ProtocolError{Reason: "STOMP 1.0 has no NACK", Clause: "M3"}
		}
	case V11:
		f.entries.add("subscription", r.id)
	}
	return nil
}
