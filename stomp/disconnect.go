package stomp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
)

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
