package stomp

import (
	"context"
	"errors"

	"github.com/webstomp/webstomp/internal/wire"
)

// sendUnsubscribe sends UNSUBSCRIBE, once, beyond the outbox's bound. number is the frame's in the outbox. r is nil
// if cfg is: no answer is waited for.
func (sub *subscription) sendUnsubscribe(cfg *frameConfig) (r *pendingReceipt, number uint64, err error) {
	sub.mu.Lock()
	route, needed := sub.route, sub.subscribeSent && !sub.unsubscribeSent
	sub.unsubscribeSent = true
	sub.mu.Unlock()
	if !needed { // if the outbox has not accepted SUBSCRIBE by now, it never will: see admitSubscribe
		return nil, 0, nil
	}
	f := outgoing{op: "unsubscribe", target: sub.destination, command: wire.Unsubscribe, forced: true}
	s := route.session.get()
	if s == nil {
		return nil, 0, f.notSent(route.session.over)
	}
	f.entries.add("id", sub.id)
	if cfg != nil && s.server.endsDurableInTwo && isDurable(cfg.header) {
		first := f
		if _, _, err := s.submit(context.Background(), &first); err != nil {
			return nil, 0, err
		}
	}
	if s.info.Version == V10 {
		f.entries.add("destination", sub.destination)
	}
	if cfg != nil {
		f.header = cfg.header
		f.receipt = ownReceipt
		if cfg.receipt {
			f.receipt = askedReceipt
		}
	}
	return s.submit(context.Background(), &f)
}

// isDurable reports whether an UNSUBSCRIBE with this header ends a durable subscription of ActiveMQ Classic.
func isDurable(h Header) bool {
	_, durable := h.Lookup("activemq.subscriptionName")
	return durable
}

// unsubscribe is the gentle end; see Subscription.Unsubscribe.
func (sub *subscription) unsubscribe(ctx context.Context, opts []FrameOption) error {
	op := opError{op: "unsubscribe", target: sub.destination, unsent: true}
	cfg, err := newFrameConfig(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		op.err = err
		return &op
	}
	sub.mu.Lock()
	second := sub.unsubscribing || sub.ending
	sub.unsubscribing = true
	sub.mu.Unlock()
	if second {
		return sub.awaitEnd(ctx)
	}
	if sub.cfg.ack == AckAuto {
		return sub.leaveAuto(ctx, &cfg)
	}
	return sub.leaveAcked(ctx, &cfg)
}

// leaveAuto unsubscribes in auto mode: UNSUBSCRIBE first, then the consumer gets everything that had arrived.
func (sub *subscription) leaveAuto(ctx context.Context, cfg *frameConfig) error {
	r, number, err := sub.sendUnsubscribe(cfg)
	if err == nil {
		err = sub.awaitUnsubscribed(ctx, cfg, r, number)
	}
	sub.inbox.Drain()
	select {
	case <-sub.consumed:
	case <-ctx.Done():
		err = &opError{op: "unsubscribe", target: sub.destination, step: "waiting for the consumer", err: ctxError(ctx), hint: "what it had not taken is dropped"}
	}
	if sub.beginEnd(nil) {
		sub.detach()
	}
	sub.inbox.End()
	return sub.unlessOver(err)
}

// leaveAcked unsubscribes in the client modes: the channel closes first, the consumer acknowledges what it was given,
// then UNSUBSCRIBE goes out, because an ACK after it would be refused.
func (sub *subscription) leaveAcked(ctx context.Context, cfg *frameConfig) error {
	sub.inbox.End()
	<-sub.inbox.Closed() // at once: End needs no reader
	var err error
	route := sub.current()
	var s *session
	if route != nil {
		s = route.session.get()
	}
	if s != nil {
		select {
		case <-route.acks.Drained():
		case <-sub.done: // ended by its ctx or the broker: no further ack can be sent
		case <-s.retired:
		case <-ctx.Done():
			err = &opError{op: "unsubscribe", target: sub.destination, step: "waiting for acknowledgements", err: ctxError(ctx), hint: "the broker delivers the rest again"}
		}
	}
	if !sub.beginEnd(nil) {
		return sub.unlessOver(err)
	}
	sub.detach()
	r, number, sendErr := sub.sendUnsubscribe(cfg)
	switch {
	case err != nil:
	case sendErr != nil:
		err = sendErr
	default:
		err = sub.awaitUnsubscribed(ctx, cfg, r, number)
	}
	return sub.unlessOver(err)
}

// awaitUnsubscribed waits for the answer to UNSUBSCRIBE, if it was asked for or the broker is known to send one.
func (sub *subscription) awaitUnsubscribed(ctx context.Context, cfg *frameConfig, r *pendingReceipt, number uint64) error {
	switch {
	case r == nil:
		return nil
	case cfg.receipt:
		return sub.client.receipts.wait(ctx, r)
	}
	s := sub.current().session.get()
	if s == nil { // which has resolved r
		return r.Wait(ctx)
	}
	return s.awaitOwnReceipt(ctx, r, number)
}

// unlessOver drops the error of an UNSUBSCRIBE when its session has ended: then so has the subscription, which is
// what was wanted.
func (sub *subscription) unlessOver(err error) error {
	if r := sub.current(); err != nil && r != nil && (r.session.isOver() || errors.Is(err, errSessionOver)) {
		return nil
	}
	return err
}

// awaitEnd waits for an end that another call has begun. In the client modes the channel is closed long before that.
func (sub *subscription) awaitEnd(ctx context.Context) error {
	for _, done := range []<-chan struct{}{sub.done, sub.inbox.Closed()} {
		select {
		case <-done:
		case <-ctx.Done():
			return &opError{op: "unsubscribe", target: sub.destination, err: ctxError(ctx)}
		}
	}
	return nil
}
