package stomp

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/notify"
)

// Subscription is one subscription and its channel. It ends in one of three ways: its user ends it (by the ctx it was
// made with, Unsubscribe, Drain, Disconnect or Close), the Client ends, or it alone fails (the broker refuses or
// cancels it, [ErrSlowConsumer], or the end of its session [WithoutResubscribe]). Its methods may be called from any
// goroutine.
type Subscription[T any] struct {
	C <-chan T // closed when the subscription has ended

	sub *subscription
}

// ID returns the subscription's id, set by WithID or made by the Client.
func (s *Subscription[T]) ID() string { return s.sub.id }

// Destination returns the destination that was subscribed to.
func (s *Subscription[T]) Destination() string { return s.sub.destination }

// Done returns a channel that is closed when the subscription has ended and Err is set, before C is closed. After
// Unsubscribe and Drain, unless their ctx ends first, it is the other way round: C is closed first, and Done when
// that call is over; Err is nil.
func (s *Subscription[T]) Done() <-chan struct{} { return s.sub.done }

// Err returns why the subscription ended: nil while it is open, and if its user ended it, by the end of its ctx for
// one, or the Client. Where the Client has failed by itself it is that failure. It is set before C is closed, so that
// a consumer can return it then; one that waits for a message within ctx returns cmp.Or(s.Err(), context.Cause(ctx)).
func (s *Subscription[T]) Err() error { return s.sub.failure() }

// Stats returns a snapshot of the subscription's counters.
func (s *Subscription[T]) Stats() SubscriptionStats { return s.sub.stats() }

// Confirmed waits, within ctx, until the broker has accepted the subscription. It returns an [*Error] if the broker
// refuses, or a [*CloseError] where it only ends its sessions over it, and waits on [WithResubscribe]. SUBSCRIBE
// always carries a receipt for this. Spring's simple broker sends none: Confirmed then waits until ctx ends. If the
// session ends first, it waits for the answer on the next. Once the broker has accepted it, Confirmed returns nil
// until a later session has to ask again. Of a subscription that has ended unconfirmed the error is Err, or one that
// says that its user has ended it, or [ErrClosed] if the Client has ended.
func (s *Subscription[T]) Confirmed(ctx context.Context) error { return s.sub.confirmed(ctx) }

// Unsubscribe ends the subscription gently, within ctx.
//
// In auto mode, UNSUBSCRIBE goes out, everything that had arrived is delivered, and then C is closed. In the client
// modes, C is closed at once (its buffer stays readable), every frame that was handed out is awaited until it is
// acknowledged, and then UNSUBSCRIBE goes out: the broker delivers the rest again. Either way C has to be read
// meanwhile, so call Unsubscribe from another goroutine than the one that reads, or bound it by ctx.
//
// If ctx ends meanwhile, what still waits is dropped and counted, UNSUBSCRIBE goes out anyway, and ctx's error is
// returned. When Unsubscribe returns the subscription has ended, and its id may be used again. From the call on, Err
// is nil, whatever else happens meanwhile. Where the subscription has failed already, no UNSUBSCRIBE goes out, and
// the call waits only until the consumer has taken what had arrived.
//
// With a ctx that has ended before, or a header that cannot be encoded, nothing happens: the error is one for which
// [Unsent] is true, and the subscription goes on.
//
// With [WithReceipt] it waits for the broker's RECEIPT, for as long as ctx lets it. Without, it waits for that as
// well, but only if the broker is known to send receipts, and for no more than a second (in auto mode anew after each
// message of the subscription that still comes; up to 15 s longer while full queues stop the reading, see
// [OverflowBlock]).
//
// Where the broker is known to answer every SUBSCRIBE and has not answered this one, that is awaited first, in the
// same way, and UNSUBSCRIBE goes out only when the answer comes: what the broker does not have, such as a Spring
// relay's /app/…, must not be unsubscribed from. With an id of your own ([WithID]), which may be used again at once,
// it goes out without the answer within 5 s of SUBSCRIBE.
//
// A durable subscription ends for good if [WithHeader] repeats here what made it durable: durable and auto-delete on
// RabbitMQ, activemq.subscriptionName or durable-subscription-name on ActiveMQ. Otherwise it goes on collecting
// messages.
func (s *Subscription[T]) Unsubscribe(ctx context.Context, opts ...FrameOption) error {
	return s.sub.unsubscribe(ctx, opts)
}

// subscription is the part of a Subscription that does not depend on its type.
//
// It ends once: the first reason to pass beginEnd counts. Then UNSUBSCRIBE goes out where it is needed, the session
// and the Client forget it, and the inbox is ended or drained, which closes the channel.
type subscription struct {
	client      *Client
	id          string // set by register
	order       uint64 // in which subscriptions were made; set by register
	destination string
	cfg         *subscribeConfig
	inbox       queue
	member      *Member         // of the Group that it belongs to; nil: of none
	done        chan struct{}   // closed by beginEnd, before the channel
	asking      chan struct{}   // capacity 1: full while WithSubscribeHeaderFunc's function runs
	again       *resubscription // of WithResubscribe; nil: without

	// Owned by the supervisor.
	suspicion *suspicion // see suspect.go; nil: none
	stood     bool       // the broker has accepted it before

	stallLogged time.Time // when a stall was logged last; owned by the read loop

	mu             sync.Mutex      // guards what follows; a leaf: nothing is locked below it
	err            error           // set before done is closed
	ending         bool            // beginEnd was called
	unsubscribing  bool            // Unsubscribe was called
	farewell       farewell        // how far UNSUBSCRIBE has come
	withheld       *route          // it goes out when the RECEIPT of the SUBSCRIBE on this comes; nil: it need not
	withheldConfig *frameConfig    // of Unsubscribe's options; nil: none
	overThere      bool            // the broker has ended it as well, or never had it: no UNSUBSCRIBE is sent
	released       bool            // the id may be used again
	freed          notify.Event    // released has been set
	waitsFor       error           // why it is not sent with all others on the next session; nil: it is
	route          *route          // on the latest session that it was sent on; nil: none yet
	subscribeSent  bool            // the outbox has accepted route's SUBSCRIBE, and it was not withdrawn
	sentBefore     bool            // an earlier session may have written one
	confirm        *pendingReceipt // of that SUBSCRIBE
	renewed        notify.Event    // confirm has been set again
	unwatched      bool            // the ctx it was made with does not matter any more
	unwatch        func()          // stops watching that; nil: not watched
}

// queue is what holds the frames that wait for a subscription's consumer: an inbox of its own, or its share of a
// Group's.
type queue interface {
	Put(Frame) inbox.Verdict
	Drain()
	End()
	Closed() <-chan struct{}
	Stats() inbox.Stats
	Whole() *inbox.Inbox[Frame]
}

// farewell is how far UNSUBSCRIBE has come.
type farewell uint8

const (
	notBegun farewell = iota
	underWay          // a call is about to send it
	settled           // it has its place in the outbox, or is not needed
)

// endWith ends the subscription when ctx ends.
func (sub *subscription) endWith(ctx context.Context) {
	unwatch := sub.client.whenDone(ctx, func() {
		if !sub.isEnding() {
			sub.client.logDeadline(ctx, "a subscription", "id", sub.id, "destination", sub.destination)
		}
		sub.end(nil, true)
	})
	sub.mu.Lock()
	unwatched := sub.unwatched
	sub.unwatch = unwatch
	sub.mu.Unlock()
	if unwatched {
		unwatch()
	}
}

// stopWatching undoes endWith.
func (sub *subscription) stopWatching() {
	sub.mu.Lock()
	sub.unwatched = true
	unwatch := sub.unwatch
	sub.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
}

// failure returns why the subscription ended; nil while it is open and if its user ended it.
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

// beginEnd returns true to the first caller only, which then ends the subscription. err becomes its failure, unless
// its user is ending it by Unsubscribe: then C may be closed already, and Err is nil for good. overThere: it has
// ended at the broker as well, or never was there. That is known before done is closed, which wakes those who would
// send UNSUBSCRIBE.
func (sub *subscription) beginEnd(err error, overThere bool) bool {
	sub.mu.Lock()
	if sub.ending {
		sub.mu.Unlock()
		return false
	}
	sub.ending, sub.overThere = true, overThere
	if !sub.unsubscribing {
		sub.err = err
	}
	sub.mu.Unlock()
	close(sub.done)
	sub.stopAsking()
	if sub.member != nil {
		sub.member.came()
	}
	return true
}

// isEnding reports whether the subscription has ended or its user is ending it.
func (sub *subscription) isEnding() bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.ending || sub.unsubscribing
}

func (sub *subscription) hasEnded() bool {
	select {
	case <-sub.done:
		return true
	default:
		return false
	}
}

// fail ends the subscription alone; see finish.
func (sub *subscription) fail(err error) {
	sub.logFailure(err)
	sub.finish(err)
}

func (sub *subscription) logFailure(err error) {
	if !sub.isEnding() {
		sub.client.log.Warn("stomp: a subscription ends", "id", sub.id, "destination", sub.destination, "error", err)
	}
}

// finish ends the subscription for a reason that its user did not choose, and that is over at the broker as well. In
// auto mode what had arrived is still delivered, as the broker has it no more, and then the channel is closed. In the
// client modes that is done at once: the broker delivers the rest again.
func (sub *subscription) finish(err error) {
	if !sub.beginEnd(err, true) {
		return
	}
	leaving := sub.cfg.ack == AckAuto && sub.client.keepLeaving(sub)
	sub.sendUnsubscribe(nil)
	if leaving {
		sub.leave()
		return
	}
	sub.stopWatching()
	sub.inbox.End()
}

// end ends the subscription at once: what is in the channel's buffer stays readable, what waits behind it is dropped
// and counted. unsubscribe: UNSUBSCRIBE goes out, without waiting for an answer.
func (sub *subscription) end(err error, unsubscribe bool) {
	if !sub.beginEnd(err, !unsubscribe) {
		sub.inbox.End() // Unsubscribe may be waiting for its consumer, or the subscription is leaving
		return
	}
	sub.stopWatching()
	sub.sendUnsubscribe(nil)
	sub.inbox.End()
}

// release makes the session and the Client forget a subscription that has ended, so that its id may be used again.
// While its UNSUBSCRIBE is under way it does nothing, and whoever sends that calls it again: the SUBSCRIBE of the
// next subscription with that id must not overtake it.
func (sub *subscription) release() {
	sub.mu.Lock()
	due, r := sub.ending && sub.farewell == settled, sub.route
	sub.mu.Unlock()
	if !due {
		return
	}
	if r != nil {
		if s := r.session.get(); s != nil {
			s.routes.remove(r)
		}
	}
	sub.client.forget(sub)
	sub.forgetConfirm()
	sub.mu.Lock()
	sub.released = true
	freed := sub.freed.Take()
	sub.mu.Unlock()
	freed.Wake()
}

// awaitReleased waits, within ctx, until the id of a subscription that has ended may be used again. It does not take
// long: another call is about to do that.
func (sub *subscription) awaitReleased(ctx context.Context) {
	sub.mu.Lock()
	released := sub.released
	var freed <-chan struct{}
	if !released {
		freed = sub.freed.Wait()
	}
	sub.mu.Unlock()
	if released {
		return
	}
	select {
	case <-freed:
	case <-ctx.Done():
	}
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
	return !sub.ending && !sub.unsubscribing && sub.waitsFor == nil && !sub.again.waitsLocked() && (sub.route == nil || sub.route.epoch < s.epoch)
}

// holdBack takes the subscription out of those that a new session restores at once, or with nil puts it back.
func (sub *subscription) holdBack(why error) {
	sub.mu.Lock()
	sub.waitsFor = why
	sub.mu.Unlock()
}

// enter makes r the subscription's route. It returns false when there is a later one, or the subscription has ended.
func (sub *subscription) enter(r *route) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.ending || sub.route != nil && sub.route.epoch >= r.epoch {
		return false
	}
	sub.sentBefore = sub.sentBefore || sub.subscribeSent
	sub.route, sub.subscribeSent, sub.confirm = r, false, nil
	return true
}

// stallLogEvery is how often a subscription's stalls are logged: with a small bound, every other frame is one.
const stallLogEvery = time.Minute

// deliver takes a MESSAGE (see consumer).
func (sub *subscription) deliver(r *route, f Frame) (full *inbox.Inbox[Frame]) {
	f.from = r.origin
	if r.ack != AckAuto && r.canAck(f) { // others are not waited for
		f.number = r.acks.Add()
	}
	switch sub.inbox.Put(f) {
	case inbox.Filled:
		sub.client.counters.stalls.Add(1)
		if now := time.Now(); sub.stallLogged.IsZero() || now.Sub(sub.stallLogged) >= stallLogEvery {
			sub.stallLogged = now
			sub.client.log.Warn("stomp: reading stops until a slow consumer has caught up; further times within a minute are counted only",
				"id", sub.id, "destination", sub.destination, "stalls", sub.inbox.Whole().Stats().Stalls)
		}
		return sub.inbox.Whole()
	case inbox.Full:
		return sub.inbox.Whole()
	case inbox.Overflowed:
		bound := sub.inbox.Whole().Bound()
		err := fmt.Errorf("%w: %d frames or %d bytes wait in subscription %q to %s (see WithBuffer)",
			ErrSlowConsumer, bound.Count, bound.Bytes, sub.id, printable(sub.destination))
		sub.logFailure(err)
		if sub.member != nil {
			sub.member.group.end(err)
		} else {
			sub.end(err, true)
		}
	}
	return nil
}

// cancel takes the broker's ERROR, which ends it (see consumer).
func (sub *subscription) cancel(r *route, e *Error) { sub.refuse(r, e, false) }
