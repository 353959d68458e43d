package stomp

import (
	"context"
	"fmt"
	"sync"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/notify"
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
func (s *Subscription[T]) Stats() SubscriptionStats { return SubscriptionStats(s.sub.inbox.Stats()) }

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
// It ends once: the first of several reasons passes beginEnd. Then the registry and the session forget it, and the inbox is
// ended or drained, which closes the channel.
type subscription struct {
	client      *Client
	id          string // set when it is registered
	order       uint64 // in which it was made; likewise
	destination string
	cfg         *subscribeConfig
	inbox       *inbox.Inbox[Frame]
	done        chan struct{}   // closed by beginEnd, before the channel is
	consumed    <-chan struct{} // closed when the consumer's channel is: the inbox's, or that of SubscribeAs

	// Owned by the supervisor.
	closes  int  // see closesBelieved
	cleared bool // see restoreOneByOne

	mu              sync.Mutex // guards what follows. A leaf: nothing is locked below it
	err             error      // set before done is closed
	ending          bool       // beginEnd was passed
	unsubscribing   bool       // Unsubscribe is at work
	unsubscribeSent bool
	route           *route          // on the latest session that saw it; nil: none yet
	subscribeSent   bool            // the outbox has accepted route's SUBSCRIBE
	confirm         *pendingReceipt // of that SUBSCRIBE
	renewed         notify.Event    // confirm is set anew
	unwatch         func()          // stops watching the ctx given at its making; nil: it is not watched
}

// endWith makes the end of ctx the end of the subscription.
func (sub *subscription) endWith(ctx context.Context) {
	unwatch := sub.client.whenDone(ctx, func() { sub.end(nil, true) })
	sub.mu.Lock()
	ending := sub.ending
	sub.unwatch = unwatch
	sub.mu.Unlock()
	if ending {
		unwatch()
	}
}

// ended is closed when the subscription has ended.
func (sub *subscription) ended() <-chan struct{} { return sub.done }

// failure is why it ended; nil while it is open, and when its user ended it.
func (sub *subscription) failure() error {
	select {
	case <-sub.done:
		sub.mu.Lock()
		defer sub.mu.Unlock()
		return sub.err
	default:
		return nil
	}
}

// beginEnd is passed once, by the first who ends the subscription.
func (sub *subscription) beginEnd(err error) bool {
	sub.mu.Lock()
	if sub.ending {
		sub.mu.Unlock()
		return false
	}
	sub.ending = true
	sub.err = err
	unwatch := sub.unwatch
	sub.mu.Unlock()
	close(sub.done)
	if unwatch != nil {
		unwatch()
	}
	return true
}

// end ends the subscription at once: what the channel's own buffer holds stays readable, what waits behind it is dropped and
// counted. unsubscribe: UNSUBSCRIBE goes out, and nobody waits for it.
func (sub *subscription) end(err error, unsubscribe bool) {
	if !sub.beginEnd(err) {
		sub.inbox.End() // Unsubscribe may be waiting for its consumer
		return
	}
	sub.detach()
	if unsubscribe {
		sub.sendUnsubscribe(nil)
	}
	sub.inbox.End()
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
	return !sub.ending && !sub.unsubscribing && (sub.route == nil || sub.route.session.epoch < s.epoch)
}

// enter makes r the subscription's route; false when it has a later one, or has ended.
func (sub *subscription) enter(r *route) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ending || sub.route != nil && sub.route.session.epoch >= r.session.epoch {
		return false
	}
	sub.route, sub.subscribeSent, sub.confirm = r, false, nil
	return true
}

// deliver takes a MESSAGE; see consumer.
func (sub *subscription) deliver(r *route, f Frame) (full *inbox.Inbox[Frame]) {
	f.from = r
	if r.ack != AckAuto {
		f.number = r.acks.Add()
	}
	switch sub.inbox.Put(f) {
	case inbox.Filled:
		sub.client.counters.stalls.Add(1)
		sub.client.log.Warn("stomp: reading stops until a slow consumer has caught up", "id", sub.id, "destination", sub.destination)
		return sub.inbox
	case inbox.Full:
		return sub.inbox
	case inbox.Overflowed:
		sub.client.log.Warn("stomp: subscription ended: its queue is full", "id", sub.id, "destination", sub.destination)
		bound := sub.inbox.Bound()
		sub.end(fmt.Errorf("%w: %d frames or %d octets wait in subscription %q to %s (see WithBuffer)",
			ErrSlowConsumer, bound.Count, bound.Bytes, sub.id, sub.destination), true)
	}
	return nil
}

// cancel ends it with the broker's ERROR; see consumer.
func (sub *subscription) cancel(_ *route, e *Error) {
	sub.client.log.Warn("stomp: the broker ended a subscription", "id", sub.id, "error", e)
	sub.end(e, false)
}
