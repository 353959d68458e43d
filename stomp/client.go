package stomp

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/webstomp/webstomp/internal/wire"
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
	cfg *connectConfig
	log *slog.Logger

	receiptIDs     atomic.Uint64
	transactionIDs atomic.Uint64
	unmatched      atomic.Uint64
	strayErrors    atomic.Uint64
	stalls         atomic.Uint64
	dropped        atomic.Uint64

	life      context.Context // ends when the Client begins to: attempts and back-off; values of Connect's ctx
	quit      func()          // ends life
	receipts  *receipts
	listeners listeners      // of Unmatched
	wg        sync.WaitGroup // feeders, converters, watchers, connections that close: all but the supervisor

	mu              sync.Mutex // guards what follows
	status          Status
	changed         chan struct{} // closed when status changes; nil while nobody waits
	sess            *session
	past            Stats // of sessions that are over
	subs            map[string]*subscription
	subscriptionIDs uint64
	subsMade        uint64
	reason          error  // why the Client is ending, by its user's wish; nil: it is not
	err             error  // why it has ended; set before any channel is closed
	unwatch         func() // stops watching WithLifetime's ctx; nil: there is none
	draining        bool   // no new subscriptions
	finished        bool   // nothing joins wg any more
	abandoned       bool   // frames that were accepted had to be dropped at the end

	gone chan struct{} // closed by finish: converters give up
	done chan struct{} // closed by the supervisor, last of all
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
		cfg:      cfg,
		log:      cfg.logger,
		subs:     make(map[string]*subscription),
		gone:     make(chan struct{}),
		done:     make(chan struct{}),
		receipts: newReceipts(),
		status:   Status{State: StateConnecting, Attempt: 1},
	}
	c.life, c.quit = context.WithCancel(context.WithoutCancel(ctx))
	s, endpoint, err := c.first(ctx)
	if err != nil {
		c.quit()
		return nil, err
	}
	v := &supervisor{client: c, endpoint: endpoint}
	v.begin(s)
	v.serve(s)
	if cfg.lifetime != nil {
		c.watchLifetime(cfg.lifetime)
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
			changed = c.changedLocked()
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
	case c.reason != nil:
		return errClosedBy(c.reason)
	}
	return nil
}

// whenDone calls f when ctx ends, unless the returned function is called
// before. The Client joins f.
func (c *Client) whenDone(ctx context.Context, f func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished || ctx.Done() == nil {
		return func() {}
	}
	c.wg.Add(1)
	unwatch := context.AfterFunc(ctx, func() {
		defer c.wg.Done()
		f()
	})
	return func() {
		if unwatch() {
			c.wg.Done()
		}
	}
}

// goJoined runs f in a goroutine that finish joins; false when it is too late
// for that.
func (c *Client) goJoined(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished {
		return false
	}
	c.wg.Go(f)
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

// traces reports whether frames are logged.
func (c *Client) traces() bool { return c.log.Enabled(context.Background(), slog.LevelDebug) }

// trace logs a frame at debug level.
func (c *Client) trace(what string, f wire.Frame) {
	if c.traces() {
		// Resolved here: the frame may be its receiver's, or its body a
		// caller's, by the time that a handler looks at it.
		c.log.Debug("stomp: "+what, "frame", frameOf(f).LogValue())
	}
}
