package stomp

import (
	"context"
	"strings"

	"github.com/webstomp/webstomp/internal/wire"
)

// tell sends UNSUBSCRIBE, once, past the outbox's bound; frame is its number
// there. The receipt is nil where cfg is: nobody will wait for it.
func (sub *subscription) tell(cfg *frameConfig) (r *pendingReceipt, frame uint64, err error) {
	sub.mu.Lock()
	route, told := sub.route, sub.told
	sub.told = true
	sub.mu.Unlock()
	if route == nil || told || !route.isPosted() {
		return nil, 0, nil
	}
	header := [][2]string{{"id", sub.id}}
	if route.session.info.Version == V10 {
		header = append(header, [2]string{"destination", sub.destination})
	}
	p := posting{op: opError{op: "unsubscribe", target: sub.destination}, receipt: noReceipt, forced: true}
	if cfg != nil {
		header = append(header, cfg.header...)
		p.receipt = ownReceipt
		if cfg.receipt {
			p.receipt = askedReceipt
		}
	}
	if cfg != nil && route.session.endsDurableInTwo(cfg.header) {
		if _, _, err := route.session.post(context.Background(), wire.Frame{Command: wire.Unsubscribe, Header: header[:1:1]}, posting{op: p.op, forced: true}); err != nil {
			return nil, 0, err
		}
	}
	return route.session.post(context.Background(), wire.Frame{Command: wire.Unsubscribe, Header: header}, p)
}

// endsDurableInTwo reports whether an UNSUBSCRIBE with this header needs another
// before it: ActiveMQ Classic refuses to forget a durable subscription that has
// a subscriber, and takes the frame that asks for the one not for the other.
func (s *session) endsDurableInTwo(header [][2]string) bool {
	_, durable := wire.Lookup(header, "activemq.subscriptionName")
	return durable && strings.HasPrefix(s.info.Server, "ActiveMQ/")
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
	second := sub.gentle || sub.ended
	sub.gentle = true
	sub.mu.Unlock()
	if second {
		return sub.awaitEnd(ctx)
	}
	if sub.ack == AckAuto {
		return sub.leaveAuto(ctx, &cfg)
	}
	return sub.leaveAcked(ctx, &cfg)
}

// leaveAuto: UNSUBSCRIBE first, then the consumer gets all that had arrived.
func (sub *subscription) leaveAuto(ctx context.Context, cfg *frameConfig) error {
	r, frame, err := sub.tell(cfg)
	if err == nil {
		err = sub.awaitTold(ctx, cfg, r, frame)
	}
	sub.inbox.drain()
	select {
	case <-sub.delivered:
	case <-ctx.Done():
		err = &opError{op: "unsubscribe", target: sub.destination, step: "waiting for the consumer", err: ctxError(ctx), hint: "what it had not taken is dropped"}
	}
	if sub.claim(nil) {
		sub.detach()
	}
	sub.inbox.end()
	return sub.quiet(err)
}

// leaveAcked: the channel closes first, the consumer acknowledges what it was
// given, then UNSUBSCRIBE: an ACK after it would be refused.
func (sub *subscription) leaveAcked(ctx context.Context, cfg *frameConfig) error {
	sub.inbox.end()
	<-sub.inbox.idle // at once: nobody needs a reader any more
	var err error
	if route := sub.current(); route != nil {
		select {
		case <-route.acks.drained():
		case <-sub.over: // its ctx ended, or the broker ended it: no ack can come any more
		case <-route.session.ended:
		case <-ctx.Done():
			err = &opError{op: "unsubscribe", target: sub.destination, step: "waiting for acknowledgements", err: ctxError(ctx), hint: "the broker delivers the rest again"}
		}
	}
	if !sub.claim(nil) {
		return sub.quiet(err)
	}
	sub.detach()
	r, frame, told := sub.tell(cfg)
	if err == nil && told == nil {
		told = sub.awaitTold(ctx, cfg, r, frame)
	}
	if err == nil {
		err = told
	}
	return sub.quiet(err)
}

// awaitTold waits for the answer to UNSUBSCRIBE as far as it was asked for.
func (sub *subscription) awaitTold(ctx context.Context, cfg *frameConfig, r *pendingReceipt, frame uint64) error {
	switch {
	case r == nil:
		return nil
	case cfg.receipt:
		return sub.current().session.client.await(ctx, r)
	}
	return sub.current().session.awaitOwn(ctx, r, frame)
}

// quiet drops the error of an UNSUBSCRIBE that a session's end has made
// pointless: the subscription is over, which is what was wanted.
func (sub *subscription) quiet(err error) error {
	if route := sub.current(); err != nil && route != nil {
		select {
		case <-route.session.cut:
			return nil
		case <-route.session.ended:
			return nil
		default:
		}
	}
	return err
}

// awaitEnd waits for an end that somebody else is at work on. In the client
// modes the channel is closed long before that.
func (sub *subscription) awaitEnd(ctx context.Context) error {
	for _, done := range []<-chan struct{}{sub.over, sub.inbox.idle} {
		select {
		case <-done:
		case <-ctx.Done():
			return &opError{op: "unsubscribe", target: sub.destination, err: ctxError(ctx)}
		}
	}
	return nil
}
