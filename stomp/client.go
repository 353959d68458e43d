package stomp

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/webstomp/webstomp/internal/notify"
)

// Client is a connection to a STOMP broker, made anew when it is lost (see
// [WithReconnect]). Its methods may be called from any
// goroutine. A Client that is no longer needed must be ended, by Drain,
// Disconnect or Close.
//
// A session has one goroutine that reads and one that writes (and one that
// pings, with [WithPing]); between two sessions one supervises. A subscription
// has a goroutine only while more waits for its consumer than its channel holds.
// All of them are joined before Done is closed.
type Client struct {
	env
	quit func() // ends life

	mu              sync.Mutex // guards what follows. Locked before a subscription's
	status          Status
	changed         notify.Event // of status
	sess            *session     // the one that calls use; nil: none
	past            Stats        // of sessions that are over
	subs            map[string]*subscription
	subscriptionIDs uint64
	subsMade        uint64
	endReason       error  // set when its user ends it; nil: nobody does
	err             error  // why it has ended; set before any channel is closed
	unwatch         func() // stops watching WithLifetime's ctx; nil: there is none
	draining        bool   // takes no new subscriptions
	joining         bool   // nothing is added to running any more
	framesDropped   bool   // frames that were accepted had to be dropped at the end

	closing chan struct{} // closed by closeAll: those who hand on what they took from an inbox give up
	done    chan struct{} // closed by the supervisor, last of all
}

// Connect dials url, shakes hands and returns a Client that is connected.
//
// URLs are ws: and wss: (http: and https: mean the same), and for STOMP on a
// bare socket tcp: (or stomp:) and tls: (or stomp+ssl:), port 61613 unless they
// say otherwise. RabbitMQ listens on ws://host:15674/ws, ActiveMQ Classic on
// ws://host:61614, Artemis on ws://host:61613, Spring where the application
// says.
//
// ctx bounds this call alone, from the first look-up to CONNECTED, and is
// honoured at each step. Its end after Connect has returned does not touch the
// Client; see [WithLifetime] for that.
//
// Every failure past the options is a [*ConnectError] around its cause; nothing
// is left behind then.
func Connect(ctx context.Context, url string, opts ...ConnectOption) (*Client, error) {
	cfg, err := newConnectConfig(url, opts)
	if err != nil {
		return nil, err
	}
	c := &Client{
		subs:    make(map[string]*subscription),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
		status:  Status{State: StateConnecting, Attempt: 1},
	}
	c.cfg, c.log = cfg, cfg.logger
	c.receipts, c.newSubscriptionID = newReceipts(), c.newID
	c.life, c.quit = context.WithCancel(context.WithoutCancel(ctx))
	s, endpoint, err := c.first(ctx)
	if err != nil {
		c.quit()
		return nil, err
	}
	v := &supervisor{client: c, endpoint: endpoint}
	v.begin(s)
	v.run(s)
	if cfg.lifetime != nil {
		c.disconnectWith(cfg.lifetime)
	}
	return c, nil
}

// session returns the session that stands, or waits for one, within ctx. noWait:
// ErrNotConnected where there is none. One that is cut does not stand any more.
func (c *Client) session(ctx context.Context, noWait bool) (*session, error) {
	for {
		if ctx.Err() != nil {
			return nil, ctxError(ctx)
		}
		c.mu.Lock()
		s, err := c.sess, c.endingLocked()
		why := c.status.Err
		if s != nil && s.isCut() {
			s, why = nil, s.cutErr
		}
		var changed <-chan struct{}
		if s == nil {
			changed = c.changed.Wait()
		}
		c.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case s != nil:
			return s, nil
		case noWait:
			return nil, notConnected(why)
		}
		select {
		case <-changed:
		case <-c.life.Done():
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for a connection: %w (%w)", ctxError(ctx), notConnected(c.Status().Err))
		}
	}
}

// onSession calls f with the session that stands, or the next one, within ctx. Where that turns out to be over, f is called
// again with its successor. noWait: ErrNotConnected at once where there is none.
func (c *Client) onSession(ctx context.Context, noWait bool, f func(*session) error) error {
	for {
		s, err := c.session(ctx, noWait)
		if err != nil {
			return err
		}
		if err = f(s); !errors.Is(err, errSessionOver) {
			return err
		}
	}
}

// notConnected is ErrNotConnected with why.
func notConnected(why error) error {
	if why == nil {
		return ErrNotConnected
	}
	return fmt.Errorf("%w: %w", ErrNotConnected, why)
}

// ending is the error of a call that comes too late; nil: it does not.
func (c *Client) ending() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.endingLocked()
}

func (c *Client) endingLocked() error {
	switch {
	case c.err != nil:
		return errClosedBy(c.err)
	case c.endReason != nil:
		return errClosedBy(c.endReason)
	}
	return nil
}

// whenDone calls f when ctx ends, unless the returned function is called
// before. The Client joins f.
func (c *Client) whenDone(ctx context.Context, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joining || ctx.Done() == nil {
		return func() {}
	}
	c.running.Add(1)
	unwatch := context.AfterFunc(ctx, func() {
		defer c.running.Done()
		f()
	})
	return func() {
		if unwatch() {
			c.running.Done()
		}
	}
}

// goJoined runs f in a goroutine that closeAll joins; false when it is too late for that.
func (c *Client) goJoined(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joining {
		return false
	}
	c.running.Go(f)
	return true
}

// Done returns a channel that is closed when the Client has ended: every
// channel of it is closed then, and every goroutine has returned.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the Client lives. Then it says what ended it: [ErrClosed]
// when its user did (after [WithLifetime], with that ctx's cause), else what was
// fatal. It is set before any channel is closed on its account.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Status says what the Client is doing now. It may be called at any time, also
// after Close.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Watch returns a channel of the Client's status: the present one at once, then
// each change. It has room for one; when nobody reads, the newest replaces it.
// It is closed when ctx ends, and after StateClosed when the Client has ended.
func (c *Client) Watch(ctx context.Context) <-chan Status {
	out := make(chan Status, 1)
	if !c.goJoined(func() { c.report(ctx, out) }) {
		out <- c.Status() // StateClosed, or about to be; has room
		close(out)
	}
	return out
}

// report alone sends to out and closes it.
func (c *Client) report(ctx context.Context, out chan Status) {
	defer close(out)
	for {
		c.mu.Lock()
		now, changed := c.status, c.changed.Wait()
		c.mu.Unlock()
		select {
		case <-out: // nobody has read it, and it is old
		default:
		}
		out <- now // has room: nobody else sends
		if now.State == StateClosed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// setStatus changes the status and wakes the watchers. Only Connect and, after it, the supervisor call it.
func (c *Client) setStatus(change func(*Status)) {
	c.mu.Lock()
	change(&c.status)
	changed := c.changed.Take()
	c.mu.Unlock()
	changed.Wake()
}
