package stomp

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"
)

// lifetimeGrace bounds the Disconnect that follows the end of WithLifetime's ctx: long enough for a live broker,
// short enough for an orchestrator that waits 10 s or more before it kills.
const lifetimeGrace = 5 * time.Second

// Drain ends the Client gently, within ctx. It unsubscribes every subscription at the same time, as
// [Subscription.Unsubscribe] does, while consumers finish and acks and sends go on working. Then it disconnects. When
// ctx ends first, Drain cuts the connection and returns ctx's error. Otherwise the errors are those of Disconnect,
// and on a Client that has ended it returns nil. The Client is closed when Drain returns.
//
// In auto mode it waits until all that had arrived is taken or lies in the buffers of the channels, where it stays
// readable. In the client modes it waits until every frame that was handed out is acknowledged, those in a buffer
// included. So without a deadline it may wait for ever for a channel that nobody reads, and does so for a frame that
// a consumer has given up without Ack or Nack: no broker delivers that again while its session lives.
func (c *Client) Drain(ctx context.Context) error {
	c.mu.Lock()
	subs := make([]*subscription, 0, len(c.subs))
	for _, sub := range c.subs {
		subs = append(subs, sub)
	}
	subs = append(subs, c.leavingLocked()...)
	c.draining = true
	c.mu.Unlock()
	var all sync.WaitGroup // joined below
	for _, sub := range subs {
		all.Go(func() { sub.unsubscribe(ctx, nil) }) // an error is ctx's, which is looked at below
	}
	all.Wait()
	late := ctx.Err() != nil && len(subs) > 0
	err := c.Disconnect(ctx)
	if err == nil && late { // the Client had ended by itself, and its consumers had not taken what had arrived
		err = &opError{op: "drain", step: "waiting for consumers", err: ctxError(ctx)}
	}
	return err
}

// Disconnect ends the Client, within ctx. It writes what was accepted, waits for the receipts that callers asked for,
// sends DISCONNECT with a receipt of its own, performs the WebSocket close handshake and joins every goroutine
// (clause M6). What waits for consumers beyond the buffers of their channels is dropped; Drain is gentler. Give it a
// ctx with a deadline: nothing else bounds the waits for receipts, nor that for DISCONNECT's, except that over a
// WebSocket from a server that has sent none in this session it takes 5 s at most.
//
// When ctx ends first, Disconnect cuts the connection and returns ctx's error. When the session ended before
// everything accepted could be written, the error matches [ErrConnectionLost]. The Client is closed when Disconnect
// returns. On a Client that has ended it returns nil; where that has failed by itself and consumers are still taking
// what had arrived, Disconnect drops the rest, and Drain waits for them.
func (c *Client) Disconnect(ctx context.Context) error { return c.disconnect(ctx, ErrClosed) }

// Close ends the Client at once: it cuts the connection without telling the broker, and joins every goroutine. What
// waits to be written is lost, as are AckAuto messages that the broker sends until it notices; [Client.Drain] ends
// the subscriptions first. Close may be called at any time and more than once, but not from a function passed to an
// option or to SubscribeAs: Close waits until those return, though no longer than 0.1 s for one that gets a ctx and
// ignores its end (see [Client]). The error is always nil.
func (c *Client) Close() error {
	if s := c.beginEnd(ErrClosed); s != nil {
		s.abort(ErrClosed)
	}
	<-c.done
	return nil
}

// beginEnd records why the user ends the Client; the first reason counts. From then on no call is accepted and
// nothing is dialled. It returns the session to end, nil when there is none.
func (c *Client) beginEnd(reason error) *session {
	c.mu.Lock()
	if c.endReason == nil && c.err == nil {
		c.endReason = reason
	}
	s, over := c.sess, c.err != nil
	c.mu.Unlock()
	c.quit()
	if over { // by itself, and consumers are still taking what had arrived
		c.dropLeaving()
	}
	c.endGoodbyes()
	return s
}

func (c *Client) disconnect(ctx context.Context, reason error) error {
	late := c.ending() != nil
	s := c.beginEnd(reason)
	var err error
	if s != nil {
		if err = s.disconnect(ctx); err != nil {
			s.abort(ErrClosed)
		}
	}
	<-c.done
	if c.framesDropped && !late && err == nil { // set before done was closed
		err = fmt.Errorf("%w: frames that had been accepted are dropped", ErrConnectionLost)
	}
	if err != nil {
		return &opError{op: "disconnect", err: err}
	}
	return nil
}

// disconnectWith disconnects the Client when ctx ends (WithLifetime).
func (c *Client) disconnectWith(ctx context.Context) {
	unwatch := context.AfterFunc(ctx, func() { // not joined: it waits for done itself
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lifetimeGrace)
		defer cancel()
		c.disconnect(grace, &closedError{context.Cause(ctx)})
	})
	c.mu.Lock()
	c.unwatch = func() { unwatch() }
	over := c.err != nil
	c.mu.Unlock()
	if over {
		unwatch()
	}
}

// end ends the Client because of fault, unless its user ended it first.
func (c *Client) end(fault error, dropped bool) {
	c.mu.Lock()
	err := cmp.Or(c.endReason, fault)
	c.err = err
	c.framesDropped = dropped
	// In one step with err: whoever sees that sees StateClosed, a new Watch as well.
	changed := c.setStatusLocked(func(st *Status) {
		*st = Status{State: StateClosed, Epoch: st.Epoch, Err: err, Session: st.Session}
	})
	unwatch := c.unwatch
	c.mu.Unlock()
	c.quit()
	changed.Wake()
	c.closeAll(err)
	if unwatch != nil {
		unwatch() // not before: its end drops what consumers have not taken
	}
	close(c.done)
}

// closeAll resolves every receipt, closes every channel that the Client feeds, and joins its goroutines. If the user
// ended the Client, a subscription's Err is nil, and what waits for its consumer is dropped. Otherwise that is err,
// and the consumer gets what had arrived (see leaving.go).
func (c *Client) closeAll(err error) {
	c.mu.Lock()
	wanted := c.endReason != nil
	c.mu.Unlock()
	c.receipts.close(errClosedBy(err))
	groups := c.endGroups(wanted, err)
	if wanted {
		c.log.Info("stomp: closed", "reason", err)
		c.dropLeaving()
		for _, sub := range c.openSubscriptions() {
			sub.end(nil, false)
		}
	} else {
		what := "stomp: connection lost"
		if !c.cfg.once {
			what = "stomp: no reconnecting any more"
		}
		c.log.Error(what, "error", err)
		for _, sub := range c.openSubscriptions() {
			sub.finish(err)
		}
		c.seeOutUnmatched()
	}
	for _, g := range groups {
		g.close()
	}
	c.mu.Lock()
	c.joining = true
	c.mu.Unlock()
	c.running.Wait()
}
