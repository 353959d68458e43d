package stomp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// lifetimeGrace bounds the Disconnect that the end of WithLifetime's ctx
// brings: long enough for a broker that lives, short enough for an
// orchestrator that waits 10 s or more before it kills.
const lifetimeGrace = 5 * time.Second

// Drain ends the Client gently, within ctx: every subscription is
// unsubscribed from as [Subscription.Unsubscribe] does, at the same time, while
// consumers finish and acks and sends go on working; then it disconnects. When
// ctx ends first, the connection is cut and ctx's error returned. The Client is
// closed when Drain returns.
func (c *Client) Drain(ctx context.Context) error {
	c.mu.Lock()
	subs := make([]*subscription, 0, len(c.subs))
	for _, sub := range c.subs {
		subs = append(subs, sub)
	}
	c.draining = true
	c.mu.Unlock()
	var all sync.WaitGroup // joined below
	for _, sub := range subs {
		all.Go(func() { sub.unsubscribe(ctx, nil) }) // an error is ctx's, which Disconnect returns
	}
	all.Wait()
	return c.Disconnect(ctx)
}

// Disconnect ends the Client, within ctx: what was accepted is written,
// receipts that callers asked for are awaited, then DISCONNECT goes out with a
// receipt of its own, then the WebSocket's close handshake, and every goroutine
// is joined (clause M6). What waits for consumers beyond their channels' own
// buffers is dropped; Drain is gentler.
//
// When ctx ends first, the connection is cut, and ctx's error returned. When
// the session ended before all that was accepted could be written, the error
// matches [ErrConnectionLost]. The Client is closed when Disconnect returns; on
// one that is closed it returns nil.
func (c *Client) Disconnect(ctx context.Context) error { return c.disconnect(ctx, ErrClosed) }

// Close ends the Client at once: it cuts the connection, without a word to the
// broker, and joins every goroutine. What waits to be written is lost, and so are
// messages in mode AckAuto that the broker sends until it notices; [Client.Drain]
// ends the subscriptions first. Close may be called at any time and more than
// once, but not from a function that was given to an option or to SubscribeAs,
// which it would wait for. The error is always nil.
func (c *Client) Close() error {
	if s := c.beginEnd(ErrClosed); s != nil {
		s.abort(ErrClosed)
	}
	<-c.done
	return nil
}

// beginEnd notes why the user ends the Client: the first reason counts. From then on no call is accepted, and nothing is
// dialled. It returns the session to end, nil when there is none.
func (c *Client) beginEnd(reason error) *session {
	c.mu.Lock()
	if c.endReason == nil && c.err == nil {
		c.endReason = reason
	}
	s := c.sess
	c.mu.Unlock()
	c.quit()
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
	if c.framesDropped && !late && err == nil { // written before done was closed
		err = fmt.Errorf("%w: frames that had been accepted are dropped", ErrConnectionLost)
	}
	if err != nil {
		return &opError{op: "disconnect", err: err}
	}
	return nil
}

// disconnectWith makes the end of ctx the end of the Client (WithLifetime).
func (c *Client) disconnectWith(ctx context.Context) {
	unwatch := context.AfterFunc(ctx, func() { // joined by nobody: it waits for done itself
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), lifetimeGrace)
		defer cancel()
		c.disconnect(grace, &closedError{context.Cause(ctx)})
	})
	c.mu.Lock()
	c.unwatch = func() { unwatch() }
	joining := c.joining
	c.mu.Unlock()
	if joining {
		unwatch()
	}
}

// disconnect leaves the server by the protocol, within ctx (clause M6). Several calls may run at the same time: the first to
// come so far sends DISCONNECT, the others wait with it. The error is ctx's, or why the session ended before everything that
// was outstanding had been answered.
func (s *session) disconnect(ctx context.Context) error {
	s.env.receipts.beginWait()
	defer s.env.receipts.endWait()
	if ctx.Err() != nil {
		return ctxError(ctx)
	}
	if err := s.awaitOutstanding(ctx); err != nil {
		return err
	}
	if s.disconnecting.CompareAndSwap(false, true) {
		r, _, err := s.submit(ctx, &outgoing{op: "disconnect", command: wire.Disconnect, receipt: ownReceipt, forced: true, last: true})
		if err == nil {
			err = s.awaitDisconnectReceipt(ctx, r)
		}
		if err == nil {
			s.closeWithin.Store(&ctx)
			s.writer.Finish()
		}
	}
	select { // where the session ended of itself after DISCONNECT, likewise
	case <-s.retired:
		return nil
	case <-ctx.Done():
		return ctxError(ctx)
	}
}

// awaitOutstanding waits until all that was accepted is written and every receipt has come: RabbitMQ drops those that are
// pending at DISCONNECT.
func (s *session) awaitOutstanding(ctx context.Context) error {
	if err := s.awaitFlush(ctx, s.out.Last()); err != nil {
		return err
	}
	for r := s.env.receipts.outstanding(); r != nil; r = s.env.receipts.outstanding() {
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("receipts are still outstanding: %w", ctxError(ctx))
		}
	}
	return nil
}

// disconnectGrace bounds the wait for a RECEIPT to DISCONNECT from a server that has sent none so far: as long as a close
// handshake may take.
const disconnectGrace = 5 * time.Second

// awaitDisconnectReceipt waits for the answer to DISCONNECT: RECEIPT, ERROR, or the end of the connection. Even servers that
// answer no other receipt answer this one, and what they have not handled by then may be lost when the connection closes: a
// Spring relay drops what it has not passed on. So it is not enough that DISCONNECT is written, as it is for the library's
// other receipts.
func (s *session) awaitDisconnectReceipt(ctx context.Context, r *pendingReceipt) error {
	wait, cancel := ctx, func() {}
	if !s.env.receipts.areAnswered() && !s.conn.IsStream() { // a bare stream has no close handshake to fall back on
		wait, cancel = context.WithTimeout(ctx, disconnectGrace)
	}
	defer cancel()
	err := r.Wait(wait)
	var refused *Error
	switch {
	case errors.As(err, &refused):
		return nil // an answer as good as any: we leave
	case err != nil && wait.Err() != nil && ctx.Err() == nil:
		return nil // the close handshake has to do
	}
	return err
}
