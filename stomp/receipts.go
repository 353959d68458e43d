package stomp

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

// receipts are the RECEIPTs that the broker owes us, by number: the receipt
// header is "r" and the number. Whoever removes an entry answers it, once; an
// entry is added before its frame is accepted. Subscriptions live elsewhere.
//
// Entries end with the session on which their frame was written, but for those
// whose frame goes out again on the next (see endSession).
type receipts struct {
	mu      sync.Mutex // guards what follows
	pending map[uint64]*pendingReceipt
	err     error         // set when the Client has ended: nothing is added any more
	asked   int           // entries that callers asked for
	waiters int           // who waits for another answer: see await
	known   bool          // a RECEIPT has come in this session: this server answers
	lift    chan struct{} // capacity 1: lifted has become true; nil until somebody wants to hear of that
}

// pendingReceipt is one entry.
type pendingReceipt struct {
	Receipt
	asked   bool         // by a caller, not by us of our own accord
	forced  bool         // its frame has to be written, whoever leaves
	givenUp bool         // nobody waits for it, DISCONNECT neither; guarded by the lock of receipts
	refused func(*Error) // what else to do when an ERROR answers it; nil: nothing

	place place
}

// receiptID is the receipt header: "r" and the number (clause M8).
func receiptID(number uint64) string { return "r" + strconv.FormatUint(number, 10) }

// appendReceipt appends the header line of a receipt, which needs no escapes.
func appendReceipt(dst []byte, number uint64) []byte {
	return append(strconv.AppendUint(append(dst, "receipt:r"...), number, 10), '\n')
}

// receiptNumber is the inverse of receiptID; 0, which no receipt has, for an id
// that is none of ours.
func receiptNumber(id string) uint64 {
	digits, ok := strings.CutPrefix(id, "r")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func newReceipts() *receipts {
	return &receipts{pending: make(map[uint64]*pendingReceipt)}
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
	var lift chan<- struct{}
	if p.asked {
		if t.asked++; t.asked == 1 {
			lift = t.lift
		}
	}
	t.mu.Unlock()
	signal(lift)
	return nil
}

// lifting is signalled when lifted has become true.
func (t *receipts) lifting() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lift == nil {
		t.lift = make(chan struct{}, 1)
	}
	return t.lift
}

// signal leaves word in a channel of capacity 1, or in none, nil.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is word already
	}
}

// await counts somebody who waits for an answer that is not a RECEIPT (a reply)
// or for one that nobody had asked for; unawait takes that back.
func (t *receipts) await() {
	t.mu.Lock()
	t.waiters++
	lift := t.lift
	t.mu.Unlock()
	signal(lift)
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
	return t.removeLocked(number)
}

// answer is remove for a RECEIPT that has come: this server answers receipts.
func (t *receipts) answer(number uint64) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.known = true
	return t.removeLocked(number)
}

// removeLocked is remove with mu held.
func (t *receipts) removeLocked(number uint64) *pendingReceipt {
	p := t.pending[number]
	if p != nil {
		delete(t.pending, number)
		if p.asked {
			t.asked--
		}
	}
	return p
}

// holds reports whether p still waits for its answer.
func (t *receipts) holds(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending[p.number] == p
}

// giveUp says that nobody waits for p any more, and reports whether it was
// unanswered.
func (t *receipts) giveUp(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] != p {
		return false
	}
	p.givenUp = true
	return true
}

// settle answers an entry that was removed.
func (p *pendingReceipt) settle(err error) {
	p.err = err
	p.place.mu.Lock()
	p.place.answered = true
	p.place.resend = nil // whoever keeps the Receipt need not keep the frame
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
		if (p.asked || t.known) && !p.givenUp {
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
