package stomp

import (
	"context"
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
	s, err := c.session()
	if err != nil {
		return fail(err)
	}
	if s.info.Version == V10 && cfg.ack == AckClientIndividual {
		return fail(&ProtocolError{Reason: "ack mode client-individual needs STOMP 1.1; the session speaks 1.0", Clause: "M2"})
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
		inbox:       newInbox(b, c.wg.Go, &c.dropped),
		over:        make(chan struct{}),
		delivered:   converted,
	}
	if converted == nil {
		sub.delivered = sub.inbox.idle
	}
	if err := c.register(sub); err != nil {
		return fail(err)
	}
	if err := s.subscribe(ctx, sub, cfg); err != nil {
		sub.end(err, false)
		return nil, err
	}
	if cfg.receipt {
		if err := s.await(ctx, sub.confirm); err != nil {
			sub.end(err, !Unsent(err)) // a SUBSCRIBE that was withdrawn must not be unsubscribed from
			return nil, err
		}
	}
	sub.watch(ctx) // from here on, or its UNSUBSCRIBE could come before SUBSCRIBE
	return sub, nil
}

// register enters a subscription into the Client's registry, and gives it an
// id if it has none.
func (c *Client) register(sub *subscription) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.endingLocked(); err != nil {
		return err
	}
	if c.draining {
		return fmt.Errorf("%w: Drain is at work", ErrClosed)
	}
	if sub.id != "" && c.subs[sub.id] != nil {
		return fmt.Errorf("%w: %q", ErrDuplicateID, sub.id)
	}
	if sub.id == "" {
		sub.id = c.nextIDLocked()
	}
	c.subs[sub.id] = sub
	return nil
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
func (s *session) subscribe(ctx context.Context, sub *subscription, cfg *subscribeConfig) error {
	header := [][2]string{{"id", sub.id}, {"destination", sub.destination}, {"ack", sub.ack.String()}}
	if cfg.selector != "" {
		header = append(header, [2]string{"selector", cfg.selector})
	}
	header = append(header, cfg.header...)
	p := posting{op: opError{op: "subscribe", target: sub.destination}, receipt: ownReceipt,
		refused: func(e *Error) { sub.end(e, false) }}
	if cfg.headerFunc != nil {
		extra := cfg.headerFunc()
		if err := checkHeader(extra); err != nil {
			return s.notSent(p.op, err)
		}
		header = append(header, extra...)
	}
	if cfg.receipt {
		p.receipt = askedReceipt
	}
	r := &route{session: s, sub: sub}
	// Set as SUBSCRIBE gets its place, so that UNSUBSCRIBE can only come behind
	// it: a Drain may end the subscription while SUBSCRIBE waits for room.
	p.late = func() error {
		sub.mu.Lock()
		defer sub.mu.Unlock()
		if sub.gentle || sub.ended {
			return ErrClosed
		}
		sub.route = r
		return nil
	}
	if !s.routes.add(sub.id, r) {
		return s.notSent(p.op, fmt.Errorf("%w: %q", ErrDuplicateID, sub.id))
	}
	confirm, _, err := s.post(ctx, wire.Frame{Command: wire.Subscribe, Header: header}, p)
	if err != nil {
		s.routes.remove(sub.id)
		return err
	}
	sub.mu.Lock()
	sub.confirm = confirm
	sub.mu.Unlock()
	return nil
}
