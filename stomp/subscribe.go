package stomp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/webstomp/webstomp/internal/inbox"
	"github.com/webstomp/webstomp/internal/wire"
)

// Subscribe subscribes to a destination and returns the channel to range over.
//
// ctx is the subscription's life: when it ends, UNSUBSCRIBE goes out and the
// channel is closed; what lies in its buffer stays readable. Subscribe itself
// does not wait for the broker, unless [WithReceipt] says so, which ctx bounds
// as well.
//
// The channel is closed for three reasons: ctx ended, the Client ended
// ([Client.Err]), or the subscription failed alone: the broker refused or
// cancelled it, or the consumer was too slow ([OverflowFail]). To tell, use
// [Client.NewSubscription], whose Err says which.
//
// Errors are [ErrNoDestination], [ErrNoID], [ErrDuplicateID], [ErrClosed],
// ctx's own, a [*ProtocolError] for an ack mode that the session's version does
// not have (clause M2), and with WithReceipt what it may bring.
func (c *Client) Subscribe(ctx context.Context, destination string, opts ...SubscribeOption) (<-chan Frame, error) {
	s, err := c.NewSubscription(ctx, destination, opts...)
	if err != nil {
		return nil, err
	}
	return s.C, nil
}

// NewSubscription is Subscribe for those who want more than the channel: the
// reason of its end, a gentle end, its counters.
func (c *Client) NewSubscription(ctx context.Context, destination string, opts ...SubscribeOption) (*Subscription[Frame], error) {
	sub, err := c.subscribe(ctx, destination, opts, nil)
	if err != nil {
		return nil, err
	}
	return &Subscription[Frame]{C: sub.inbox.C(), sub: sub}, nil
}

// subscribe makes the subscription. converted is closed by the goroutine that
// stands between the inbox and the consumer; nil: there is none.
func (c *Client) subscribe(ctx context.Context, destination string, opts []SubscribeOption, converted chan struct{}) (*subscription, error) {
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
	if cfg.buffer != nil {
		bound = cfg.buffer.bound()
	}
	sub := &subscription{
		client:      c,
		id:          cfg.id,
		destination: destination,
		cfg:         cfg,
		inbox:       inbox.New(frameOwner{&c.env}, bound),
		done:        make(chan struct{}),
		consumed:    converted,
	}
	if converted == nil {
		sub.consumed = sub.inbox.Closed()
	}
	s, err := c.register(sub)
	if err != nil {
		return fail(err)
	}
	if s != nil {
		// Where this session ends first, the next one restores it.
		err := sub.sendSubscribe(ctx, s, false)
		if errors.Is(err, errEnded) { // by Drain, Disconnect or Close
			op.err, err = ErrClosed, &op
		}
		if err != nil && !errors.Is(err, errSessionOver) {
			sub.end(err, true)
			return nil, err
		}
	}
	if cfg.receipt {
		if err := sub.confirmed(ctx); err != nil {
			withdrawn := sub.withdraw() // neither SUBSCRIBE nor UNSUBSCRIBE goes out
			sub.end(err, !withdrawn)
			if withdrawn || sub.current() == nil { // or no session has seen it, and none will now
				return nil, notWritten(err)
			}
			return nil, err
		}
	}
	sub.endWith(ctx)
	return sub, nil
}

// notWritten is err with the guarantee that nothing was written.
func notWritten(err error) error {
	if op, ok := err.(*opError); ok {
		again := *op
		again.unsent = true
		return &again
	}
	return err
}

// register enters a subscription into the Client's registry, and gives it an
// id if it has none. It returns the session that stands; where none does, the
// next one makes the subscription.
func (c *Client) register(sub *subscription) (*session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.endingLocked(); err != nil {
		return nil, err
	}
	switch {
	case c.draining:
		return nil, fmt.Errorf("%w: Drain is at work", ErrClosed)
	case sub.cfg.noWait && c.sess == nil:
		return nil, notConnected(c.status.Err)
	case sub.cfg.noWait && c.sess.isCut():
		return nil, notConnected(c.sess.cutErr)
	case sub.id != "" && c.subs[sub.id] != nil:
		return nil, fmt.Errorf("%w: %q", ErrDuplicateID, sub.id)
	}
	if sub.id == "" {
		sub.id = c.nextIDLocked()
	}
	c.subs[sub.id] = sub
	c.subsMade++
	sub.order = c.subsMade
	return c.sess, nil
}

// newID makes a subscription id that nobody has.
func (c *Client) newID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nextIDLocked()
}

// nextIDLocked is newID.
func (c *Client) nextIDLocked() string {
	for {
		c.subscriptionIDs++
		if id := subscriptionID(c.subscriptionIDs); c.subs[id] == nil {
			return id
		}
	}
}

// forget takes a subscription out of the registry.
func (c *Client) forget(sub *subscription) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.subs[sub.id] == sub {
		delete(c.subs, sub.id)
	}
}

// sendSubscribe makes the route and sends SUBSCRIBE, with a receipt by which an ERROR can be attributed to it (promise 5).
// forced: it does not wait for room.
func (sub *subscription) sendSubscribe(ctx context.Context, s *session, forced bool) error {
	cfg := sub.cfg
	f := &outgoing{op: "subscribe", target: sub.destination, command: wire.Subscribe, header: cfg.header, receipt: ownReceipt, forced: forced}
	if s.info.Version == V10 && cfg.ack == AckClientIndividual {
		return f.notSent(&ProtocolError{Reason: "ack mode client-individual needs STOMP 1.1; the session speaks 1.0", Clause: "M2"})
	}
	if cfg.headerFunc != nil {
		extra := cfg.headerFunc()
		if err := checkHeader(extra); err != nil {
			return f.notSent(err)
		}
		f.header = append(slices.Clip(f.header), extra...)
	}
	f.entries.add("id", sub.id)
	f.entries.add("destination", sub.destination)
	f.entries.add("ack", cfg.ack.String())
	f.entries.addIfSet("selector", cfg.selector)
	f.admit = sub.admitSubscribe
	f.refused = func(e *Error) { sub.end(e, false) }

	r := &route{session: s, id: sub.id, destination: sub.destination, ack: cfg.ack, to: sub}
	if !sub.enter(r) {
		return f.notSent(errSessionOver)
	}
	if !s.routes.add(r) {
		return f.notSent(fmt.Errorf("%w: %q", ErrDuplicateID, sub.id))
	}
	confirm, _, err := s.submit(ctx, f)
	if err != nil {
		s.routes.remove(sub.id)
		return err
	}
	sub.setConfirm(r, confirm)
	return nil
}

// admitSubscribe is asked as SUBSCRIBE gets its place, so that UNSUBSCRIBE can only come behind it: a Drain may end the
// subscription while it waits for room.
func (sub *subscription) admitSubscribe() error {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.unsubscribing || sub.ending {
		return errEnded
	}
	sub.subscribeSent = true
	return nil
}
