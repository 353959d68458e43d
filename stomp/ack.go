package stomp

import (
	"context"
	"fmt"
	"strings"

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
func (c *Client) acknowledge(ctx context.Context, command string, f Frame, opts []FrameOption, tx *Transaction) error {
	op := opError{op: strings.ToLower(command), target: f.MessageID(), unsent: true}
	fail := func(err error) error {
		op.err = err
		return &op
	}
	cfg, err := newFrameConfig(opts)
	if err != nil {
		return fail(err)
	}
	if ctx.Err() != nil {
		return fail(ctxError(ctx))
	}
	r := f.route
	switch {
	case r == nil:
		return fail(fmt.Errorf("%w: no subscription delivered it", ErrNotAckable))
	case r.session.client != c:
		return fail(fmt.Errorf("%w: another Client delivered it", ErrNotAckable))
	case r.sub.ack == AckAuto:
		return fail(fmt.Errorf("%w: delivered in auto mode (see WithAck)", ErrNotAckable))
	case r.over():
		return fail(ErrStale)
	}
	header, err := r.ackHeader(command, f)
	if err != nil {
		return fail(err)
	}
	if tx != nil {
		id, err := tx.on(r.session)
		if err != nil {
			return fail(err)
		}
		header = append(header, [2]string{"transaction", id})
	}
	header = append(header, cfg.header...)
	// Whether it comes too late is asked again when it has its place before
	// UNSUBSCRIBE or COMMIT, and what it takes is taken there: an ACK behind
	// them, or behind another that covers it, would be refused, at the session's
	// cost.
	var taken []span
	late := func() error {
		if r.over() {
			return ErrStale
		}
		if err := tx.late(); err != nil {
			return err
		}
		if taken = r.acks.take(f.seq, r.sub.ack == AckClient); taken == nil {
			return fmt.Errorf("%w: acknowledged already", ErrNotAckable)
		}
		return nil
	}
	receipt, _, err := r.session.post(ctx, wire.Frame{Command: command, Header: header},
		posting{op: opError{op: op.op, target: op.target}, receipt: wish(cfg.receipt), late: late})
	if err != nil {
		if taken != nil {
			r.acks.settle(taken, false)
		}
		if r.over() {
			return fail(ErrStale)
		}
		return err
	}
	if receipt != nil {
		err = r.session.client.await(ctx, receipt)
	}
	switch {
	case Unsent(err): // it was withdrawn
		r.acks.settle(taken, false)
	case tx != nil:
		tx.keep(&r.acks, taken)
	default:
		r.acks.settle(taken, true)
	}
	return err
}

// over reports whether session or subscription are: no ACK may go out then.
func (r *route) over() bool {
	select {
	case <-r.sub.over:
		return true
	case <-r.session.cut:
		return true
	case <-r.session.ended:
		return true
	default:
		return false
	}
}

// ackHeader names the message in the way of the session's version (clause M3).
func (r *route) ackHeader(command string, f Frame) ([][2]string, error) {
	name, source := "id", "ack"
	if r.session.info.Version != V12 {
		name, source = "message-id", "message-id"
	}
	id, ok := f.Header.Lookup(source)
	if !ok {
		return nil, fmt.Errorf("%w: the server sent it without the %s header", ErrNotAckable, source)
	}
	header := [][2]string{{name, id}}
	switch r.session.info.Version {
	case V10:
		if command == wire.Nack {
			return nil, &ProtocolError{Reason: "STOMP 1.0 has no NACK", Clause: "M3"}
		}
	case V11:
		header = append(header, [2]string{"subscription", r.sub.id})
	}
	return header, nil
}
