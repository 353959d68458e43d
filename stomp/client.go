package stomp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
)

// Client is a connection to a STOMP broker that reconnects when it is lost (see [WithReconnect]). Its methods may be
// called from any goroutine. A Client that is no longer needed must be ended, by Drain, Disconnect or Close.
//
// A session has one goroutine that reads and one that writes, and one that pings with [WithPing]; between two
// sessions one supervises. A subscription has a goroutine only while more is waiting than its channel holds. All of
// them have returned before Done is closed, but for what the next paragraph says.
//
// Functions that are given to an option and get a ctx, such as those of [WithCredentials], [WithDialer] and
// [WithSubscribeHeaderFunc], and the transport of [WithHTTPClient], have to return when it ends. For one that does
// not, Connect, Close and whatever else bounds it wait 0.1 s longer, and then leave its goroutine behind. A
// connection that it returns later is closed. The Client does not call it again before it has returned: attempts to
// connect fail meanwhile. A hook of [WithSendHook] is part of its caller, who waits for it.
type Client struct {
	env
	quit        func()        // cancels life
	endGoodbyes func()        // cancels goodbyes
	hurry       chan struct{} // capacity 1: the next attempt to connect is to start at once
	scouting    chan struct{} // capacity 1: full while a connection is in use that asks for a subscription; see scout.go

	mu              sync.Mutex // guards what follows; locked before a subscription's
	status          Status
	changed         notify.Event // of status
	sess            *session     // the current one, used by calls; nil: none
	past            Stats        // of sessions that have ended
	subs            map[string]*subscription
	leaving         map[*subscription]bool // see leaving.go; nil until the first one
	groups          map[*Group]bool        // whose channels are not closed; nil until the first one
	dropping        bool                   // nothing waits for consumers any more
	subscriptionIDs uint64
	subsMade        uint64
	endReason       error  // set when the user ends the Client; nil until then
	err             error  // why the Client has ended; set before any channel is closed
	unwatch         func() // stops watching WithLifetime's ctx; nil without one
	draining        bool   // no new subscriptions are accepted
	joining         bool   // nothing is added to running any more
	framesDropped   bool   // accepted frames were dropped at the end; set before done is closed

	done chan struct{} // closed by end, after everything else
}

// Connect dials url, performs the STOMP handshake and returns a connected Client.
//
// URLs are ws: and wss: (http: and https: mean the same), and for STOMP without WebSocket tcp: (or stomp:) and tls:
// (or stomp+ssl:), with default port 61613, where options that only a WebSocket has, such as [WithPing], are an
// error. RabbitMQ listens on ws://host:15674/ws, ActiveMQ Classic on ws://host:61614, Artemis on ws://host:61613,
// Spring wherever the application says; append /websocket to an endpoint of SockJS. User and password in the URL of a
// WebSocket go into the HTTP request, as basic authentication; STOMP's own are [WithLogin]'s.
//
// ctx bounds this call alone, from the DNS lookup to CONNECTED, at each step. Once connected, its end does not affect
// the Client; see [WithLifetime] for that. Nothing else bounds it, but for a Timeout of [WithHTTPClient]'s client:
// without a deadline a server that accepts the connection and says nothing holds it up. With several endpoints
// ([WithFailover]) the time that ctx has is shared among them, and an attempt takes at most 15 s, as it does with
// [WithInitialRetry].
//
// Connect fails when its endpoint does, or each of WithFailover's, unless WithInitialRetry is used. A failure is a
// [*ConnectError] that wraps its cause, and leaves nothing open. An invalid option is not one: its error has no
// type to ask for, names the option, and comes before anything is dialled. See [Client] for functions that ignore ctx.
func Connect(ctx context.Context, url string, opts ...ConnectOption) (*Client, error) {
	cfg, err := newConnectConfig(url, opts)
	if err != nil {
		return nil, err
	}
	c := &Client{
		subs:   make(map[string]*subscription),
		done:   make(chan struct{}),
		hurry:  make(chan struct{}, 1),
		status: Status{State: StateConnecting, Attempt: 1, Since: time.Now()},
	}
	c.mark, c.cfg, c.log = new(clientMark), cfg, cfg.logger
	c.receipts, c.newSubscriptionID = newReceipts(), c.newID
	c.attempting = make(chan struct{}, 1)
	c.scouting = make(chan struct{}, 1)
	c.life, c.quit = context.WithCancel(context.WithoutCancel(ctx))
	c.goodbyes, c.endGoodbyes = context.WithCancel(context.Background())
	v := &supervisor{client: c, endpoints: newEndpoints(cfg.backoff, len(cfg.urls)), trialSize: 1}
	s, err := v.connect(ctx)
	if err != nil {
		c.quit()
		stop := context.AfterFunc(ctx, c.endGoodbyes)
		c.running.Wait() // for the last words to servers that broke a rule
		stop()
		return nil, err
	}
	v.begin(s)
	v.run(s)
	if cfg.lifetime != nil {
		c.disconnectWith(cfg.lifetime)
	}
	return c, nil
}

// session returns the current session, or waits for one, within ctx. A session that is cut is no longer current.
// noWait: it returns ErrNotConnected instead of waiting.
func (c *Client) session(ctx context.Context, noWait bool) (*session, error) {
	for {
		if ctx.Err() != nil {
			return nil, ctxError(ctx)
		}
		c.mu.Lock()
		s, err := c.sess, c.endingLocked()
		why := c.status.Err
		switch {
		case s == nil:
		case s.isCut():
			s, why = nil, s.cutErr
		case s.renewing.Load(): // it takes nothing new: the next one does
			s, why = nil, errRenewed
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

// onSession calls f with the current session, or waits for one, within ctx. When f finds that session ended, it is
// called again with the next. noWait: ErrNotConnected instead of waiting.
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

// notConnected returns ErrNotConnected with the reason, if there is one.
func notConnected(why error) error {
	if why == nil {
		return ErrNotConnected
	}
	return fmt.Errorf("%w: %w", ErrNotConnected, why)
}

// ending returns the error for calls on a Client that has ended or is ending, and nil otherwise.
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

// endingOrDraining is ending, and as well for what Drain has ended.
func (c *Client) endingOrDraining() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.endingLocked(); err != nil || !c.draining {
		return err
	}
	return errDraining
}

// whenDone calls f when ctx ends, unless stop is called first. The Client joins f.
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

// delayEnd makes closeAll wait until proceed is called. ok is false when closeAll is waiting already.
func (c *Client) delayEnd() (proceed func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joining {
		return nil, false
	}
	c.running.Add(1)
	return c.running.Done, true
}

// goJoined runs f in a goroutine that closeAll joins. It returns false when closeAll is joining already.
func (c *Client) goJoined(f func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.joining {
		return false
	}
	c.running.Go(f)
	return true
}

// Done returns a channel that is closed when the Client has ended: all its channels are closed and all its goroutines
// have returned, except for functions that ignore their ctx (see [Client]). Where the Client fails by itself,
// consumers first get what had arrived for them in auto mode and in [Client.Unmatched], as long as they go on
// reading: one that takes nothing for 15 s gets no more, and Close, Disconnect and the end of WithLifetime's ctx or a
// channel's own drop the rest at once. Err and Status do not wait for that.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil while the Client lives, and then why it ended: [ErrClosed] if its user ended it (after
// [WithLifetime] together with the cause of that ctx), otherwise the fatal error. It is set before the Client's end
// closes any channel.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Status returns what the Client is doing now, also after Close.
func (c *Client) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Watch returns a channel of the Client's status: the current one at once, then each change. It holds one value,
// which a newer one replaces, so that a slow reader misses those between. ctx is the channel's lifetime: it is closed
// when ctx ends, and after StateClosed when the Client has ended.
func (c *Client) Watch(ctx context.Context) <-chan Status {
	out := make(chan Status, 1)
	if !c.goJoined(func() { c.report(ctx, out) }) {
		out <- c.Status() // StateClosed; there is room
		close(out)
	}
	return out
}

// report feeds the channel of Watch. It is the only sender to out, and closes it.
func (c *Client) report(ctx context.Context, out chan Status) {
	defer close(out)
	for {
		c.mu.Lock()
		now, changed := c.status, c.changed.Wait()
		c.mu.Unlock()
		select {
		case <-out: // an older value that was not read
		default:
		}
		out <- now // there is room: nobody else sends
		if now.State == StateClosed {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			c.logDeadline(ctx, "a channel of Watch")
			return
		}
	}
}

// setStatus changes the status and wakes the watchers. It is called by Connect and then by the supervisor alone.
func (c *Client) setStatus(change func(*Status)) {
	c.mu.Lock()
	changed := c.setStatusLocked(change)
	c.mu.Unlock()
	changed.Wake()
}

// setStatusLocked is setStatus, but for waking the watchers.
func (c *Client) setStatusLocked(change func(*Status)) notify.Waiters {
	before := c.status
	change(&c.status)
	if c.status.Since = before.Since; c.status.State != before.State {
		c.status.Since = time.Now()
	}
	return c.changed.Take()
}
