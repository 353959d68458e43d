package stomp

import (
	"context"
	"fmt"
)

// Receipt is the answer to one frame that asked for a RECEIPT (clause M5):
// made by [Client.SendAsync], it is pending until the broker confirms or
// refuses the frame or the session ends. Its methods may be called from any
// goroutine.
type Receipt struct {
	done   chan struct{} // closed by settle, once
	err    error         // set before done is closed
	op     opError       // what was sent: the text of errors
	number uint64        // of the receipt
}

// Done returns a channel that is closed when the answer has come.
func (r *Receipt) Done() <-chan struct{} { return r.done }

// Err returns nil while the answer is pending and when the broker has confirmed
// the frame. Otherwise it says why not: an [*Error] when the broker refused it,
// [ErrConnectionLost] when the session ended first (outcome unknown, unless
// [Unsent] says that nothing was written), [ErrClosed] when the Client did.
func (r *Receipt) Err() error {
	select {
	case <-r.done:
		return r.err
	default:
		return nil
	}
}

// Wait waits for the answer, within ctx, and returns what Err does. When ctx
// ends first it returns ctx's error; the receipt stays pending.
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
		return r.fail(ctxError(ctx), hintMayHave, false)
	}
}

// hintMayHave is what to think of a frame that was handed over.
const hintMayHave = "the broker may have the message"

// fail makes the error of this frame.
func (r *Receipt) fail(err error, hint string, unsent bool) error {
	op := r.op
	op.step = fmt.Sprintf("waiting for receipt %q", receiptID(r.number))
	op.err, op.hint, op.unsent = err, hint, unsent
	return &op
}
