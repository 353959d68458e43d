package stomp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/wire"
)

// Subscribe subscribes to a destination and returns the channel to range over.
//
// ctx is the lifetime of the subscription: when it ends, UNSUBSCRIBE goes out and the channel is closed; what is in
// the channel's buffer, of up to 8 frames, stays readable. So give it no ctx with a timeout, out of habit: that would
// end the subscription, and without an error (only the log says so, at slog.LevelDebug). Subscribe does not wait for
// the broker unless [WithReceipt] is used; ctx bounds that wait as well, and [Subscription.Confirmed] has a ctx of
// its own for it. It waits, within ctx, for room in front of the connection as Send does, and up to 15 s for the
// function of [WithSubscribeHeaderFunc]. During an outage Subscribe returns at once, and SUBSCRIBE goes out with the
// next session.
//
// The channel is closed for three reasons: ctx ended, the Client ended ([Client.Err]), or the subscription alone
// failed: the broker refused or cancelled it (unless [WithResubscribe] is used), the consumer was too slow
// ([OverflowFail]), or the session ended ([WithoutResubscribe]). The Err of a [Client.NewSubscription] tells which.
// In auto mode, what had arrived when the Client or the subscription failed is delivered before, except with
// OverflowFail.
//
// The errors are [ErrNoDestination], [ErrNoID], [ErrDuplicateID], [ErrClosed], ctx's own, a [*LimitError] or
// [*ProtocolError] for a header that cannot be sent or an ack mode that the session's version lacks (clause M2), that
// of WithSubscribeHeaderFunc's function, with [WithoutWaiting] [ErrNotConnected], and with WithReceipt what
// [Subscription.Confirmed] returns.
func (c *Client) Subscribe(ctx context.Context, destination string, opts ...SubscribeOption) (<-chan Frame, error) {
	s, err := c.NewSubscription(ctx, destination, opts...)
	if err != nil {
		return nil, err
	}
	return s.C, nil
}

// NewSubscription is Subscribe, but returns a [Subscription], which adds to the channel why it closed, a gentle end,
// and counters.
func (c *Client) NewSubscription(ctx context.Context, destination string, opts ...SubscribeOption) (*Subscription[Frame], error) {
	sub, err := c.subscribe(ctx, destination, opts, target{})
	if err != nil {
		return nil, err
	}
	return &Subscription[Frame]{C: sub.inbox.Whole().C(), sub: sub}, nil
}

// target is where a subscription's frames go to, if it is not a channel of frames of its own.
type target struct {
	through inbox.Outlet[Frame] // what makes something else of them; nil: nothing
	group   *Group              // nil: none
}

// open makes the queue of a subscription.
func (to target) open(c *Client, sub *subscription, bound inbox.Bound) {
	switch {
	case to.group != nil:
		sub.member = newMember(to.group, sub)
		sub.inbox = to.group.inbox.NewShare(sub.member.came)
	case to.through != nil:
		sub.inbox = inbox.NewThrough(frameOwner{&c.env}, bound, to.through)
	default:
		sub.inbox = inbox.New(frameOwner{&c.env}, bound)
	}
}

// subscribe makes the subscription.
func (c *Client) subscribe(ctx context.Context, destination string, opts []SubscribeOption, to target) (*subscription, error) {
	op := opError{op: "subscribe", target: destination, unsent: true}
	fail := func(err error) (*subscription, error) {
		op.err = err
		return nil, &op
	}
	cfg, err := newSubscribeConfig(destination, opts)
	if err != nil {
		return fail(err)
	}
	if ctx.Err() != nil {
		return fail(ctxError(ctx))
	}
	bound := c.cfg.bound
	switch {
	case to.group != nil && cfg.buffer != nil:
		return fail(errGroupBuffer)
	case to.group != nil:
		bound = to.group.inbox.Bound()
	case cfg.buffer != nil:
		bound = cfg.buffer.bound()
	}
	if cfg.ack != AckAuto && (bound.Policy == inbox.DropOldest || bound.Policy == inbox.DropNewest || bound.Policy == inbox.Latest) {
		return fail(fmt.Errorf("WithBuffer: a policy that drops frames excludes mode %s: what is dropped is never acknowledged, and the broker sends nothing more when its window is full", cfg.ack))
	}
	sub := &subscription{
		client:      c,
		id:          cfg.id,
		destination: destination,
		cfg:         cfg,
		done:        make(chan struct{}),
	}
	to.open(c, sub, bound)
	if cfg.headerFunc != nil {
		sub.asking = make(chan struct{}, 1)
	}
	if cfg.again != nil {
		sub.again = newResubscription(*cfg.again)
	}
	s, err := c.register(sub)
	if err != nil {
		return fail(err)
	}
	if s == nil {
		if err := sub.checkSubscribe(); err != nil {
			sub.end(err, false)
			return fail(err)
		}
	} else {
		// If this session ends first, the next one restores the subscription.
		more, err := sub.askHeader(ctx, s)
		if err == nil {
			err = sub.sendSubscribe(ctx, s, more, false)
		}
		if errors.Is(err, errEnded) { // ended by Drain, Disconnect or Close, or with its Group
			op.err, err = ErrClosed, &op
			if to.group != nil && c.endingOrDraining() == nil {
				op.err = ErrGroupEnded
			}
		}
		if err != nil && !errors.Is(err, errSessionOver) {
			sub.end(err, true)
			return nil, sub.withSent(err)
		}
	}
	if cfg.receipt {
		if err := sub.confirmed(ctx); err != nil {
			withdrawn := sub.withdraw() // neither SUBSCRIBE nor UNSUBSCRIBE goes out
			sub.end(err, !withdrawn)
			sub.sendUnsubscribe(nil) // or releases it, where another call has ended it while withdraw had the say
			return nil, sub.withSent(err)
		}
	}
	if to.group == nil {
		sub.endWith(ctx)
	}
	return sub, nil
}

// withSent returns the error of the call that has made a subscription, which has ended, with the guarantee that no
// SUBSCRIBE was written on any session, or without.
func (sub *subscription) withSent(err error) error {
	op, ok := err.(*opError)
	if !ok {
		return err
	}
	again := *op
	sub.mu.Lock()
	again.unsent = !sub.subscribeSent && !sub.sentBefore
	sub.mu.Unlock()
	return &again
}

// register adds a subscription to the Client, and gives it an id if it has none. It returns the current session; when
// there is none, the next one sends SUBSCRIBE.
func (c *Client) register(sub *subscription) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.endingLocked(); err != nil {
		return nil, err
	}
	switch {
	case c.draining:
		return nil, errDraining
	case sub.cfg.noWait && c.sess == nil:
		return nil, notConnected(c.status.Err)
	case sub.cfg.noWait && c.sess.isCut():
		return nil, notConnected(c.sess.cutErr)
	case sub.id != "" && c.subs[sub.id] != nil:
		return nil, fmt.Errorf("%w: %q", ErrDuplicateID, sub.id)
	}
	if sub.member != nil {
		if err := sub.member.group.join(sub); err != nil {
			return nil, err
		}
	}
	if sub.id == "" {
		sub.id = c.nextIDLocked()
	}
	c.subs[sub.id] = sub
	c.subsMade++
	sub.order = c.subsMade
	return c.sess, nil
}

func (c *Client) newID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nextIDLocked()
}

// nextIDLocked returns a subscription id that is not in use.
func (c *Client) nextIDLocked() string {
	for {
		c.subscriptionIDs++
		if id := subscriptionID(c.subscriptionIDs); c.subs[id] == nil {
			return id
		}
	}
}

func (c *Client) forget(sub *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[sub.id] == sub {
		delete(c.subs, sub.id)
	}
}

// sendSubscribe makes the route and sends SUBSCRIBE, with a receipt by which an ERROR can be attributed to it
// (promise 5). more is further entries. forced: it does not wait for room in the outbox.
func (sub *subscription) sendSubscribe(ctx context.Context, s *session, more Header, forced bool) error {
	cfg := sub.cfg
	f := sub.subscribeFrame()
	f.forced = forced
	if s.info.Version == V10 && cfg.ack == AckClientIndividual {
		return f.notSent(&ProtocolError{Reason: "ack mode client-individual needs STOMP 1.1; the session speaks 1.0", Clause: "M2"})
	}
	f.header = append(slices.Clip(f.header), more...)
	f.admit = sub.admitSubscribe

	r := &route{session: s.ref, epoch: s.epoch, version: s.info.Version,
		id: sub.id, destination: sub.destination, ack: cfg.ack, made: time.Now(), to: sub, ended: sub.done}
	r.origin = newOrigin(r, s.env.mark)
	if sub.again != nil {
		r.dropped = make(chan struct{})
	}
	f.answered = func(e *Error) {
		if e != nil {
			sub.refuse(r, e, false)
		} else {
			sub.accepted(r)
			sub.sendWithheld(r)
		}
	}
	if !sub.enter(r) {
		return f.notSent(errSessionOver)
	}
	if !s.routes.add(r) {
		return f.notSent(fmt.Errorf("%w: %q", ErrDuplicateID, sub.id))
	}
	confirm, _, err := s.submit(ctx, f)
	if err != nil {
		s.routes.remove(r)
		return err
	}
	sub.setConfirm(r, confirm)
	return nil
}

func (sub *subscription) subscribeFrame() *outgoing {
	f := &outgoing{op: "subscribe", target: sub.destination, command: wire.Subscribe, header: sub.cfg.header, receipt: ownReceipt}
	f.entries.add("id", sub.id)
	f.entries.add("destination", sub.destination)
	f.entries.add("ack", sub.cfg.ack.String())
	f.entries.addIfSet("selector", sub.cfg.selector)
	return f
}

// checkSubscribe returns why no version of STOMP could encode SUBSCRIBE, when there is no session that would tell.
func (sub *subscription) checkSubscribe() error {
	_, err := sub.subscribeFrame().appendTo(nil, sub.client.cfg.encoder(V12), &pendingReceipt{})
	return publicError(err)
}

// admitSubscribe is called as SUBSCRIBE gets its place in the outbox, so that UNSUBSCRIBE can only follow it: a Drain
// may end the subscription while SUBSCRIBE waits for room.
func (sub *subscription) admitSubscribe() error {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.unsubscribing || sub.ending {
		return errEnded
	}
	sub.subscribeSent = true
	sub.again.sentLocked()
	return nil
}
