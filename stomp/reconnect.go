package stomp

import (
	"context"
	"errors"
	"fmt"

	"github.com/webstomp/webstomp/internal/notify"
)

// Reconnect makes a new session now, within ctx: for a rotated token, a changed load balancer, a node that is
// drained.
//
// Calls wait for the new session from now on. What was accepted is written, receipts that callers asked for are
// awaited, DISCONNECT goes out, and what arrives until the server closes is delivered. When ctx ends first, the
// session is cut. The rest is as after a loss: frames that were handed out become [ErrStale], transactions and
// Requests end with [ErrConnectionLost], and frames WithRetry are sent again. The first endpoint is asked first.
// During an outage the next attempt starts at once, at the first endpoint as well, and the refusals so far are
// forgotten ([Backoff]). Calls at the same time share one session.
//
// It returns nil when the next session is active and every SUBSCRIBE is written. Otherwise the error is [ErrClosed],
// or ctx's with that of the last attempt, and the Client goes on trying. With [WithoutReconnect] it is an error, and
// nothing is done. Reconnect waits for no consumer, so that a consumer may call it.
func (c *Client) Reconnect(ctx context.Context) error {
	err := c.renew(ctx)
	if err != nil {
		return &opError{op: "reconnect", err: err}
	}
	return nil
}

func (c *Client) renew(ctx context.Context) error {
	switch {
	case c.cfg.once:
		return errors.New("WithoutReconnect excludes it: a lost connection is the end of the Client")
	case ctx.Err() != nil:
		return ctxError(ctx)
	}
	c.mu.Lock()
	s, err, epoch := c.sess, c.endingLocked(), c.status.Epoch
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case s == nil:
		notify.Signal(c.hurry)
		c.hurryAsking()
	case s.renewing.CompareAndSwap(false, true):
		c.hurryAsking()
		if err := s.disconnect(ctx); err != nil && c.ending() == nil { // else Disconnect goes on with it
			s.abort(errRenewed)
		}
	}
	return c.awaitEpoch(ctx, epoch+1)
}

// awaitEpoch waits, within ctx, until a session of that epoch or a later one is active, and its SUBSCRIBEs are
// written.
func (c *Client) awaitEpoch(ctx context.Context, epoch uint64) error {
	for {
		c.mu.Lock()
		err, st, s := c.endingLocked(), c.status, c.sess
		changed := c.changed.Wait()
		c.mu.Unlock()
		if err != nil {
			return err
		}
		if s != nil && s.epoch >= epoch && st.Epoch >= epoch && s.awaitFlush(ctx, s.out.Last()) == nil {
			return nil
		}
		select {
		case <-changed: // also where s has ended meanwhile
		case <-c.life.Done():
		case <-ctx.Done():
			if st = c.Status(); st.State == StateReconnecting && st.Err != nil {
				return fmt.Errorf("%w (the last attempt: %w)", ctxError(ctx), st.Err)
			}
			return ctxError(ctx)
		}
	}
}
