package stomp

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
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

// receipts are the RECEIPTs that the broker owes us, by number: the receipt
// header is "r" and the number. Whoever removes an entry answers it, once; an
// entry is added before its frame is accepted. Subscriptions live elsewhere.
//
// Entries end with the session on which their frame was written, but for those
// whose frame goes out again on the next (see endSession).
type receipts struct {
	lift chan struct{} // capacity 1: lifted has become true

	mu      sync.Mutex // guards what follows
	pending map[uint64]*pendingReceipt
	err     error // set when the Client has ended: nothing is added any more
	asked   int   // entries that callers asked for
	waiters int   // who waits for another answer: see await
	known   bool  // a RECEIPT has come in this session: this server answers
}

// pendingReceipt is one entry.
type pendingReceipt struct {
	*Receipt
	asked   bool         // by a caller, not by us of our own accord
	forced  bool         // its frame has to be written, whoever leaves
	refused func(*Error) // what else to do when an ERROR answers it; nil: nothing

	place place
}

// place is where the frame of a receipt is. Whoever waits leaves with its ctx
// at any time, also while the supervisor carries the frame from one session to
// the next.
type place struct {
	mu     sync.Mutex // guards what follows; a leaf
	out    *outbox    // nil: between two sessions, or not accepted yet
	frame  uint64     // its number there
	begun  bool       // its writing began in an earlier session
	left   bool       // nobody waits any more: it is not carried on
	resend *carried   // WithRetry: what to send again; nil: nothing

	answered bool
	unwatch  func() // stops watching the ctx of SendAsync; nil: it is not watched
}

// set notes where the frame is now; false when it is not wanted any more.
func (p *place) set(out *outbox, frame uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return false
	}
	p.out, p.frame = out, frame
	return true
}

// keep notes what to send again.
func (p *place) keep(f *carried) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resend = f
}

// reencode notes how the frame reads in another version, if it is kept at all.
func (p *place) reencode(frame []byte, version Version) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resend != nil {
		again := *p.resend
		again.frame, again.version = frame, version
		p.resend = &again
	}
}

// leave says that nobody waits any more, and reports whether that came before
// a single octet was written: the frame never will be.
func (p *place) leave(forced bool) (unsent bool) {
	p.mu.Lock()
	p.left = true
	out, frame, begun := p.out, p.frame, p.begun
	p.mu.Unlock()
	// What was written before is not written again, if that can be helped.
	withdrawn := !forced && (out == nil || out.withdraw(frame))
	return withdrawn && !begun
}

// receiptID is the receipt header: "r" and the number (clause M8).
func receiptID(number uint64) string { return "r" + strconv.FormatUint(number, 10) }

// receiptNumber is the inverse of receiptID.
func receiptNumber(id string) (uint64, bool) {
	digits, ok := strings.CutPrefix(id, "r")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil
}

func newReceipts() *receipts {
	return &receipts{lift: make(chan struct{}, 1), pending: make(map[uint64]*pendingReceipt)}
}

// add registers an entry.
func (t *receipts) add(p *pendingReceipt) error {
	t.mu.Lock()
	if t.err != nil {
		err := t.err
		t.mu.Unlock()
		return err
	}
	t.pending[p.number] = p
	lift := false
	if p.asked {
		t.asked++
		lift = t.asked == 1
	}
	t.mu.Unlock()
	if lift {
		t.signalLift()
	}
	return nil
}

func (t *receipts) signalLift() {
	select {
	case t.lift <- struct{}{}:
	default:
	}
}

// await counts somebody who waits for an answer that is not a RECEIPT (a reply)
// or for one that nobody had asked for; unawait takes that back.
func (t *receipts) await() {
	t.mu.Lock()
	t.waiters++
	t.mu.Unlock()
	t.signalLift()
}

func (t *receipts) unawait() {
	t.mu.Lock()
	t.waiters--
	t.mu.Unlock()
}

// lifted reports whether anybody awaits an answer, so that reading must go on
// whatever queue is full.
func (t *receipts) lifted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked > 0 || t.waiters > 0
}

// remove takes an entry out, nil when there is none. The caller answers it.
func (t *receipts) remove(number uint64) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending[number]
	if p != nil {
		delete(t.pending, number)
		if p.asked {
			t.asked--
		}
	}
	return p
}

// settle answers an entry that was removed.
func (p *pendingReceipt) settle(err error) {
	p.err = err
	p.place.mu.Lock()
	p.place.answered = true
	unwatch := p.place.unwatch
	p.place.mu.Unlock()
	close(p.done)
	if unwatch != nil {
		unwatch()
	}
}

// watch makes the end of ctx the end of an entry that nobody waits for.
func (c *Client) watch(ctx context.Context, p *pendingReceipt) {
	unwatch := c.whenDone(ctx, func() {
		if c.receipts.remove(p.number) != nil {
			p.end(ctxError(ctx), p.place.leave(false))
		}
	})
	p.place.mu.Lock()
	answered := p.place.answered
	p.place.unwatch = unwatch
	p.place.mu.Unlock()
	if answered {
		unwatch()
	}
}

// answered notes that this server answers receipts.
func (t *receipts) answered() {
	t.mu.Lock()
	t.known = true
	t.mu.Unlock()
}

// answers reports whether a RECEIPT has come in this session.
func (t *receipts) answers() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.known
}

// asked counts the entries that callers asked for.
func (t *receipts) askedFor() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// outstanding returns an entry that is worth waiting for before DISCONNECT:
// one that a caller asked for, or any where this server is known to answer.
func (t *receipts) outstanding() *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == 0 && !t.known {
		return nil
	}
	for _, p := range t.pending {
		if p.asked || t.known {
			return p
		}
	}
	return nil
}

// beginSession forgets what was learnt of the server before.
func (t *receipts) beginSession() {
	t.mu.Lock()
	t.known = false
	t.mu.Unlock()
}

// endSession ends the entries whose frames were accepted by out, with why their
// session ended. begun is the number of the last frame whose writing had begun.
// Those to be written on the next session stay: the frames that had not begun
// and are in leftover, and those WithRetry, which it returns.
func (t *receipts) endSession(err error, out *outbox, begun uint64, leftover []carried) (again []carried) {
	stays := make(map[*pendingReceipt]bool)
	for _, f := range leftover {
		if f.receipt != nil {
			stays[f.receipt] = true
		}
	}
	var ended []*pendingReceipt
	var unsent []bool
	t.mu.Lock()
	for number, p := range t.pending {
		p.place.mu.Lock()
		here := p.place.out == out
		written := p.place.frame <= begun
		if here {
			p.place.out = nil
			p.place.begun = p.place.begun || written
		}
		if p.place.resend != nil && here && written {
			f := *p.place.resend
			f.order, f.receipt = p.place.frame, p
			again = append(again, f)
			stays[p] = true
		}
		p.place.mu.Unlock()
		if !here || stays[p] {
			continue
		}
		delete(t.pending, number)
		if p.asked {
			t.asked--
		}
		ended, unsent = append(ended, p), append(unsent, !written)
	}
	t.mu.Unlock()
	for i, p := range ended {
		p.end(err, unsent[i])
	}
	return again
}

// end answers an entry that was removed: its session or the Client ended.
func (p *pendingReceipt) end(err error, unsent bool) {
	hint := hintMayHave
	if unsent {
		hint = "nothing was written"
	}
	p.settle(p.fail(err, hint, unsent))
}

// fail answers every entry with why the Client ended; nothing is added any
// more.
func (t *receipts) fail(err error) {
	t.mu.Lock()
	t.err = err
	pending := t.pending
	t.pending = nil
	t.asked = 0
	t.mu.Unlock()
	for _, p := range pending {
		p.end(err, p.place.leave(false))
	}
}
