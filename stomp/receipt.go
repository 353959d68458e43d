package stomp

import (
	"context"
	"fmt"
	"sync/atomic"
)

// Receipt is the answer to one frame that asked for a RECEIPT (clause M5). [Client.SendAsync] returns it pending; it
// is done when the broker confirms or refuses the frame, or the session ends. A frame that goes out on the next
// session ([WithRetry], or nothing of it was written yet) is pending still. Its methods may be called from any
// goroutine.
type Receipt struct {
	done       chan struct{} // closed by resolve, once
	err        error         // set before done is closed
	op, target string        // for error texts: what was sent, and where
	number     uint64        // of the receipt
	hidden     bool          // the server does not tell when it rejects the frame

	interrupted atomic.Pointer[error] // why the last session ended that the frame has outlived
}

// Done returns a channel that is closed when the receipt is done.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err returns nil while the receipt is pending (see Done) and when the broker has confirmed the frame. Otherwise it
// returns an [*Error] if the broker refused the frame, [ErrConnectionLost] if the session ended first (the outcome is
// unknown unless [Unsent] reports true), [ErrClosed] if the Client ended first, or with [WithRetry] the error of a
// ctx that ended first.
func (r *Receipt) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Wait waits until the receipt is done, within ctx, and returns Err. If ctx ends first, it returns ctx's error and
// the receipt stays pending.
func (r *Receipt) Wait(ctx context.Context) error {
	select {
	case <-r.done:
		return r.err
	default:
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return r.lost(ctxError(ctx), false)
	}
}

// lost returns the error for a frame whose answer will not come. unsent: nothing of it was written; otherwise the
// broker may have it.
func (r *Receipt) lost(err error, unsent bool) error {
	if isContextError(err) {
		err = r.interruptedBy(err)
	}
	hint := "the broker may have the message"
	switch {
	case unsent:
		hint = "nothing was written"
	case r.hidden:
		hint += ", or has rejected it: RabbitMQ's STOMP does not tell"
	}
	return r.failed(err, hint, unsent)
}

// interruptedBy returns err, which ends the wait, with why the last session ended that the frame has outlived.
func (r *Receipt) interruptedBy(err error) error {
	if why := r.interrupted.Load(); why != nil {
		return fmt.Errorf("%w (the session before: %w)", err, *why)
	}
	return err
}

// failed returns err as the error of waiting for the receipt.
func (r *Receipt) failed(err error, hint string, unsent bool) error {
	step := fmt.Sprintf("waiting for receipt %q", receiptID(r.number))
	return &opError{op: r.op, target: r.target, step: step, err: err, hint: hint, unsent: unsent}
}
