package stomp

import (
	"context"
	"sync"
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
//
// A durable subscription ends for good when [WithHeader] repeats here what made
// it durable: durable and auto-delete on RabbitMQ, activemq.subscriptionName or
// durable-subscription-name on ActiveMQ. Without, it goes on collecting messages.
func (s *Subscription[T]) Unsubscribe(ctx context.Context, opts ...FrameOption) error {
	return s.sub.unsubscribe(ctx, opts)
}

// subscription is what a Subscription of any type stands on.
//
// Its end has one door, claim, which the first of several reasons passes:
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
	sub.forgetConfirm()
}

func (sub *subscription) current() *route {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.route
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
