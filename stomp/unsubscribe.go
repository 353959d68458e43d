package stomp

import (
	"cmp"
	"context"
	"errors"

	"github.com/webstomp/webstomp/internal/wire"
)

// sendUnsubscribe sends UNSUBSCRIBE where the broker needs it, once, beyond the outbox's bound, and releases a
// subscription that has ended. number is the frame's in the outbox. r is nil if cfg is: no answer is waited for.
func (sub *subscription) sendUnsubscribe(cfg *frameConfig) (r *pendingReceipt, number uint64, err error) {
	sub.mu.Lock()
	first := sub.farewell == notBegun
	if first {
		sub.farewell = underWay
	}
	route, needed := sub.route, sub.subscribeSent && !sub.overThere
	sub.mu.Unlock()
	if !first {
		sub.release() // if what was begun is settled
		return nil, 0, nil
	}
	if needed && !sub.withhold(route, cfg) { // if the outbox has not accepted SUBSCRIBE by now, it never will: see admitSubscribe
		r, number, err = sub.submitUnsubscribe(route, cfg, nil)
	}
	sub.mu.Lock()
	sub.farewell = settled
	sub.mu.Unlock()
	sub.release() // if it has ended meanwhile
	return r, number, err
}

// submitUnsubscribe sends UNSUBSCRIBE on the session of route, unless that is over, or admit says no (see outgoing); nil:
// it is not asked.
func (sub *subscription) submitUnsubscribe(route *route, cfg *frameConfig, admit func() error) (r *pendingReceipt, number uint64, err error) {
	s := route.session.get()
	if s == nil {
		f := sub.unsubscribeFrame(route.version, cfg)
		return nil, 0, f.notSent(route.session.over)
	}
	if cfg != nil && s.server.endsDurableInTwo && isDurable(cfg.header) {
		first := sub.unsubscribeFrame(V12, nil) // by its id alone
		first.admit = admit
		if _, _, err := s.submit(context.Background(), &first); err != nil {
			return nil, 0, err
		}
	}
	f := sub.unsubscribeFrame(s.info.Version, cfg)
	f.admit = admit
	return s.submit(context.Background(), &f)
}

func (sub *subscription) unsubscribeFrame(v Version, cfg *frameConfig) outgoing {
	f := outgoing{op: "unsubscribe", target: sub.destination, command: wire.Unsubscribe, forced: true}
	f.entries.add("id", sub.id)
	if v == V10 {
		f.entries.add("destination", sub.destination)
	}
	if cfg != nil {
		f.header = cfg.header
		f.receipt = ownReceipt
		if cfg.receipt {
			f.receipt = askedReceipt
		}
	}
	return f
}

// checkUnsubscribe returns why UNSUBSCRIBE could not be encoded. That is found out before anything is changed:
// otherwise the subscription would end here and go on at the broker.
func (sub *subscription) checkUnsubscribe(cfg *frameConfig) error {
	if len(cfg.header) == 0 {
		return nil
	}
	v := V12 // when there is no session
	if r := sub.current(); r != nil {
		v = r.version
	}
	f := sub.unsubscribeFrame(v, cfg)
	next := &pendingReceipt{Receipt: Receipt{number: sub.client.counters.receiptIDs.Load() + 1}} // as long as the real one
	_, err := f.appendTo(nil, sub.client.cfg.encoder(v), next)
	return publicError(err)
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
	if err == nil {
		err = sub.checkUnsubscribe(&cfg)
	}
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		op.err = err
		return &op
	}
	sub.mu.Lock()
	again, ended := sub.unsubscribing, sub.ending
	sub.unsubscribing = true
	sub.mu.Unlock()
	sub.stopAsking()
	switch {
	case again:
		err = sub.awaitEnd(ctx)
	case ended: // and is leaving, maybe
		err = sub.awaitConsumer(ctx)
		sub.inbox.End()
	case sub.cfg.ack == AckAuto:
		err = sub.leaveAuto(ctx, &cfg)
	default:
		err = sub.leaveAcked(ctx, &cfg)
	}
	sub.awaitReleased(ctx)
	return err
}

// leaveAuto unsubscribes in auto mode: UNSUBSCRIBE first, then the consumer gets everything that had arrived.
func (sub *subscription) leaveAuto(ctx context.Context, cfg *frameConfig) error {
	late := sub.awaitSubscribed(ctx, cfg)
	r, number, err := sub.sendUnsubscribe(cfg)
	if err == nil {
		err = cmp.Or(late, sub.awaitUnsubscribed(ctx, cfg, r, number))
	}
	sub.inbox.Drain()
	if late = sub.awaitConsumer(ctx); late != nil {
		err = late
	}
	if sub.beginEnd(nil, false) {
		sub.stopWatching()
		sub.release()
	}
	sub.inbox.End()
	return sub.unlessOver(err)
}

// awaitConsumer waits, within ctx, until the consumer has taken everything.
func (sub *subscription) awaitConsumer(ctx context.Context) error {
	select {
	case <-sub.inbox.Closed(): // also where ctx has ended: the consumer is not to blame
		return nil
	default:
	}
	select {
	case <-sub.inbox.Closed():
		return nil
	case <-ctx.Done():
		return &opError{op: "unsubscribe", target: sub.destination, step: "waiting for the consumer", err: ctxError(ctx), hint: "what it had not taken is dropped"}
	}
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
	err = cmp.Or(err, sub.awaitSubscribed(ctx, cfg))
	if !sub.beginEnd(nil, false) {
		return sub.unlessOver(err)
	}
	sub.stopWatching()
	r, number, sendErr := sub.sendUnsubscribe(cfg)
	switch {
	case err != nil:
		if r != nil {
			sub.client.receipts.wait(ctx, r) // which has ended: no receipt is left pending
		}
	case sendErr != nil:
		err = sendErr
	default:
		err = sub.awaitUnsubscribed(ctx, cfg, r, number)
	}
	return sub.unlessOver(err)
}

// awaitUnsubscribed waits for the answer to UNSUBSCRIBE, if it was asked for, and otherwise as awaitOwnReceipt does:
// while messages come, the broker has not handled UNSUBSCRIBE yet.
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
	return s.awaitOwnReceipt(ctx, r, number, func() uint64 { return sub.inbox.Stats().Received })
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
