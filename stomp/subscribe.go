package stomp

import (
	"context"
	"errors"
	"fmt"

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
	return &Subscription[Frame]{C: sub.inbox.ch, sub: sub}, nil
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
	b := c.cfg.buffer
	if cfg.buffer != nil {
		b = cfg.buffer.withDefaults(buffer{defaultFrames, defaultBytes, OverflowBlock})
	}
	sub := &subscription{
		client:      c,
		id:          cfg.id,
		destination: destination,
		ack:         cfg.ack,
		cfg:         cfg,
		sessionOnly: cfg.sessionOnly,
		inbox:       newInbox(b, c.wg.Go, &c.dropped),
		over:        make(chan struct{}),
		delivered:   converted,
	}
	if converted == nil {
		sub.delivered = sub.inbox.idle
	}
	s, err := c.register(sub)
	if err != nil {
		return fail(err)
	}
	if s != nil {
		// Where this session ends first, the next one restores it.
		err := s.subscribe(ctx, sub, false)
		if errors.Is(err, errEnded) { // by Drain, Disconnect or Close
			err = s.notSent(op, ErrClosed)
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
	sub.watch(ctx)
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

// nextIDLocked makes a subscription id that nobody has.
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

// subscribe makes the route and sends SUBSCRIBE, with a receipt by which an
// ERROR can be laid at its door (promise 5).
func (s *session) subscribe(ctx context.Context, sub *subscription, forced bool) error {
	cfg := sub.cfg
	header := [][2]string{{"id", sub.id}, {"destination", sub.destination}, {"ack", sub.ack.String()}}
	if cfg.selector != "" {
		header = append(header, [2]string{"selector", cfg.selector})
	}
	header = append(header, cfg.header...)
	r := &route{session: s, sub: sub}
	p := posting{op: opError{op: "subscribe", target: sub.destination}, receipt: ownReceipt, forced: forced,
		refused: func(e *Error) { sub.end(e, false) },
		// Asked as SUBSCRIBE gets its place, so that UNSUBSCRIBE can only come
		// behind it: a Drain may end the subscription while it waits for room.
		late: func() error {
			sub.mu.Lock()
			defer sub.mu.Unlock()
			if sub.gentle || sub.ended {
				return errEnded
			}
			return nil
		},
		placed: func() { r.posted = true }}
	if s.info.Version == V10 && sub.ack == AckClientIndividual {
		return s.notSent(p.op, &ProtocolError{Reason: "ack mode client-individual needs STOMP 1.1; the session speaks 1.0", Clause: "M2"})
	}
	if cfg.headerFunc != nil {
		extra := cfg.headerFunc()
		if err := checkHeader(extra); err != nil {
			return s.notSent(p.op, err)
		}
		header = append(header, extra...)
	}
	if !sub.enter(r) {
		return s.notSent(p.op, errSessionOver)
	}
	if !s.routes.add(sub.id, r) {
		return s.notSent(p.op, fmt.Errorf("%w: %q", ErrDuplicateID, sub.id))
	}
	confirm, _, err := s.post(ctx, wire.Frame{Command: wire.Subscribe, Header: header}, p)
	if err != nil {
		s.routes.remove(sub.id)
		return err
	}
	sub.await(r, confirm)
	return nil
}
