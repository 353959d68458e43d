package stomp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

// disconnect ends the session with DISCONNECT and the close handshake, within ctx (clause M6). Of concurrent calls,
// the first to get that far sends DISCONNECT, and each waits for the answer by its own ctx: a Disconnect goes on
// where the ctx of a Reconnect ends. The error is ctx's, and then the caller cuts the session; or why the session
// ended before everything outstanding was answered.
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
		sent := func() error { s.disconnectSent.Store(true); return nil } // no answer can come before
		f := &outgoing{op: "disconnect", command: wire.Disconnect, receipt: ownReceipt, forced: true, last: true, admit: sent}
		if r, _, err := s.submit(ctx, f); err == nil { // else the session is over
			s.disconnectReceipt = r
			close(s.disconnectAwaited)
		}
	}
	select {
	case <-s.disconnectAwaited:
		if s.awaitDisconnectReceipt(ctx, s.disconnectReceipt) == nil {
			s.writer.Finish()
		}
	case <-s.retired:
	case <-ctx.Done():
	}
	select { // also after the session ended by itself
	case <-s.retired:
		return nil
	case <-ctx.Done():
		return ctxError(ctx)
	}
}

// awaitOutstanding waits until everything accepted is written and every receipt has come: RabbitMQ drops those
// pending at DISCONNECT.
func (s *session) awaitOutstanding(ctx context.Context) error {
	if err := s.awaitFlush(ctx, s.out.Last()); err != nil {
		return err
	}
	for {
		r := s.env.receipts.outstanding(s.renewing.Load()) // the next session takes what is held back
		if r == nil {
			return nil
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return fmt.Errorf("receipts are still outstanding: %w", r.interruptedBy(ctxError(ctx)))
		}
	}
}

// disconnectGrace bounds the wait for a RECEIPT to DISCONNECT from a server that has sent none so far: as long as a
// close handshake may take.
const disconnectGrace = 5 * time.Second

// awaitDisconnectReceipt waits for the answer to DISCONNECT: RECEIPT, ERROR, or the end of the connection. It is not
// enough that DISCONNECT is written, as it is for the library's other receipts. Even servers that answer no other
// receipt answer this one, and what they have not handled by then may be lost when the connection closes: a Spring
// relay drops what it has not passed on.
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
		return nil // any answer will do: we disconnect
	case err != nil && wait.Err() != nil && ctx.Err() == nil:
		return nil // the close handshake is enough
	}
	return err
}
