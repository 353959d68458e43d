package stomp

import (
	"context"
	"fmt"
)

// Receipt is the answer to one frame that asked for a RECEIPT (clause M5): made by [Client.SendAsync], it is pending until
// the broker confirms or refuses the frame or the session ends. Its methods may be called from any goroutine.
type Receipt struct {
	done       chan struct{} // closed by resolve, once
	err        error         // set before done is closed
	op, target string        // what was sent and where to: the text of errors
	number     uint64        // of the receipt
}

// Done returns a channel that is closed when the answer has come.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err returns nil while the answer is pending and when the broker has confirmed the frame. Otherwise it says why not: an
// [*Error] when the broker refused it, [ErrConnectionLost] when the session ended first (outcome unknown, unless [Unsent]
// says that nothing was written), [ErrClosed] when the Client did.
func (r *Receipt) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Wait waits for the answer, within ctx, and returns what Err does. When ctx ends first it returns ctx's error; the
// receipt stays pending.
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

// lost is the error of a frame whose answer will not come. unsent: nothing of it was written; else the broker may have it.
func (r *Receipt) lost(err error, unsent bool) error {
	hint := "the broker may have the message"
	if unsent {
		hint = "nothing was written"
	}
	return r.failed(err, hint, unsent)
}

// failed is the error of a frame whose answer was awaited.
func (r *Receipt) failed(err error, hint string, unsent bool) error {
	step := fmt.Sprintf("waiting for receipt %q", receiptID(r.number))
	return &opError{op: r.op, target: r.target, step: step, err: err, hint: hint, unsent: unsent}
}
