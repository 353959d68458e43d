package stomp

import (
	"context"
	"errors"
	"sync"

	"github.com/webstomp/webstomp/internal/wire"
)

// Subscription is one subscription and the channel that it delivers to. It ends
// in one of three ways: its user ends it (the ctx given at its making,
// Unsubscribe, Drain, Disconnect, Close), the Client ends, or it fails alone
// (refused or cancelled by the broker, [ErrSlowConsumer]). Its methods may be
// called from any goroutine.
type Subscription[T any] struct {
	C <-chan T // closed when the subscription has ended

	sub *subscription
}

// ID returns the subscription's id: WithID's, or the one that the Client made.
func (s *Subscription[T]) ID() string { return s.sub.id }

// Destination returns what was subscribed to.
func (s *Subscription[T]) Destination() string { return s.sub.destination }

// Err says why the subscription ended. It is set before C is closed; it is nil
// while the subscription is open, and when its user ended it.
func (s *Subscription[T]) Err() error { return s.sub.failure() }

// Stats returns a snapshot of the subscription's counters.
func (s *Subscription[T]) Stats() SubscriptionStats { return s.sub.inbox.snapshot() }

// Confirmed waits, within ctx, until the broker has taken the subscription: nil
// then, an [*Error] when it refused. SUBSCRIBE carries a receipt of its own for
// that. Spring's simple broker sends none: Confirmed waits for as long as ctx
// lets it.
func (s *Subscription[T]) Confirmed(ctx context.Context) error { return s.sub.confirmed(ctx) }

// Unsubscribe ends the subscription gently, within ctx.
//
// In auto mode UNSUBSCRIBE goes out, everything that had arrived is delivered,
// and C is closed then. In the client modes C is closed at once (its buffer
// stays readable), every frame that was handed out is awaited until it is
// acknowledged, and UNSUBSCRIBE goes out then: the broker delivers the rest
// again. Either way it needs somebody who reads C meanwhile, so call it from
// another goroutine than that one, or bound it by ctx.
//
// When ctx ends first, what still waits is dropped and counted, UNSUBSCRIBE
// goes out nevertheless, and ctx's error is returned. The subscription is over
// when Unsubscribe returns. With [WithReceipt] it waits for the broker's
// RECEIPT; without, it does so where the broker is known to send receipts.
func (s *Subscription[T]) Unsubscribe(ctx context.Context, opts ...FrameOption) error {
	return s.sub.unsubscribe(ctx, opts)
}

// subscription is what a Subscription of any type stands on.
//
// Its end has one door, finish, which the first of several reasons passes:
// the registry and the session forget it, err is set, and the inbox is ended
// or drained, which closes the channel.
type subscription struct {
	client      *Client
	id          string
	destination string
	ack         AckMode
	cfg         *subscribeConfig
	order       uint64 // in which it was made
	sessionOnly bool   // WithoutResubscribe
	inbox       *inbox
	over        chan struct{} // closed when it has ended, before the channel is
	closes      int           // owned by the supervisor: see closesBelieved
	cleared     bool          // owned by the supervisor: see restoreOneByOne
	delivered   chan struct{} // closed when the consumer's channel is: the inbox's, or that of SubscribeAs

	mu      sync.Mutex // guards what follows
	err     error      // set before over is closed
	ended   bool
	gentle  bool // Unsubscribe is at work
	told    bool // UNSUBSCRIBE has gone out
	route   *route
	confirm *pendingReceipt // of route's SUBSCRIBE
	renewed chan struct{}   // closed when confirm is set anew; nil while nobody waits
	unwatch func()          // stops watching the ctx given at its making; nil: not watched
}

// watch makes the end of ctx the end of the subscription.
func (sub *subscription) watch(ctx context.Context) {
	unwatch := sub.client.whenDone(ctx, func() { sub.end(nil, true) })
	sub.mu.Lock()
	ended := sub.ended
	sub.unwatch = unwatch
	sub.mu.Unlock()
	if ended {
		unwatch()
	}
}

func (sub *subscription) failure() error {
	select {
	case <-sub.over:
		sub.mu.Lock()
		defer sub.mu.Unlock()
		return sub.err
	default:
		return nil
	}
}

// claim passes the one door to the end; false when somebody did before.
func (sub *subscription) claim(err error) bool {
	sub.mu.Lock()
	if sub.ended {
		sub.mu.Unlock()
		return false
	}
	sub.ended = true
	sub.err = err
	unwatch := sub.unwatch
	sub.mu.Unlock()
	close(sub.over)
	if unwatch != nil {
		unwatch()
	}
	return true
}

// end ends the subscription at once: what the channel's own buffer holds stays
// readable, what waits behind it is dropped and counted. tell: UNSUBSCRIBE goes
// out, and nobody waits for it.
func (sub *subscription) end(err error, tell bool) {
	if !sub.claim(err) {
		sub.inbox.end() // Unsubscribe may be waiting for its consumer
		return
	}
	sub.detach()
	if tell {
		sub.tell(nil)
	}
	sub.inbox.end()
}

// detach makes registry and session forget the subscription.
func (sub *subscription) detach() {
	sub.client.forget(sub)
	if r := sub.current(); r != nil {
		r.session.routes.remove(sub.id)
	}
}

func (sub *subscription) current() *route {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.route
}

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
	return route.session.post(context.Background(), wire.Frame{Command: wire.Unsubscribe, Header: header}, p)
}

// confirmed waits for the answer to SUBSCRIBE: of this session, or of the next
// when this one ends before.
func (sub *subscription) confirmed(ctx context.Context) error {
	op := opError{op: "subscribe", target: sub.destination, step: "waiting for the broker's confirmation"}
	receipts := sub.client.receipts
	receipts.await() // reading goes on whatever queue is full
	defer receipts.unawait()
	for {
		if ctx.Err() != nil {
			op.err = ctxError(ctx)
			return &op
		}
		sub.mu.Lock()
		r := sub.confirm
		if sub.renewed == nil {
			sub.renewed = make(chan struct{})
		}
		renewed := sub.renewed
		sub.mu.Unlock()
		var done <-chan struct{}
		if r != nil {
			select {
			case <-r.done:
				if r.err == nil || !errors.Is(r.err, ErrConnectionLost) {
					return r.err
				}
				// of a session that is over: the next one asks again
			default:
				done = r.done
			}
		}
		select {
		case <-done:
		case <-renewed:
		case <-sub.over:
			if r != nil && r.Err() != nil {
				return r.err
			}
			op.err = sub.failure()
			if op.err == nil {
				op.err = errEnded
			}
			return &op
		case <-ctx.Done():
			op.err = ctxError(ctx)
			return &op
		}
	}
}

// errEnded: the subscription was ended by its user.
var errEnded = errors.New("the subscription has ended")

// confirmation is the receipt of the latest SUBSCRIBE, and its session.
func (sub *subscription) confirmation() (*pendingReceipt, *session) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.route == nil {
		return nil, nil
	}
	return sub.confirm, sub.route.session
}

// withdraw takes SUBSCRIBE back, and reports whether that came before a single
// octet was written.
func (sub *subscription) withdraw() bool {
	r, _ := sub.confirmation()
	return r != nil && sub.client.receipts.remove(r.number) != nil && r.place.leave(false)
}

// wants reports whether the subscription is to be restored on s.
func (sub *subscription) wants(s *session) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return !sub.ended && !sub.gentle && (sub.route == nil || sub.route.session.epoch < s.epoch)
}

// enter makes r the subscription's route; false when it has a later one, or has
// ended.
func (sub *subscription) enter(r *route) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ended || sub.route != nil && sub.route.session.epoch >= r.session.epoch {
		return false
	}
	sub.route, sub.confirm = r, nil
	return true
}

// await makes p the receipt that confirmed waits for.
func (sub *subscription) await(r *route, p *pendingReceipt) {
	sub.mu.Lock()
	if sub.route != r {
		sub.mu.Unlock()
		return
	}
	sub.confirm = p
	renewed := sub.renewed
	sub.renewed = nil
	sub.mu.Unlock()
	if renewed != nil {
		close(renewed)
	}
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
