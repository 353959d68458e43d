package stomp

import (
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/ws"
)

// receipts are the RECEIPTs that the broker owes a Client, by number. Whoever removes an entry resolves it, once; an entry
// is added before its frame is accepted. Subscriptions are kept elsewhere.
//
// Entries end with the session on which their frame was written, except those whose frame goes out again on the next one
// (see endSession).
type receipts struct {
	mu       sync.Mutex // guards what follows, and the fields of entries that say so. Locked before a Ticket's
	pending  map[uint64]*pendingReceipt
	closed   error         // set when the Client has ended: nothing is added any more
	asked    int           // entries that callers asked for
	waiting  int           // calls between beginWait and endWait
	answered bool          // a RECEIPT has come in this session: the server answers
	awaited  chan struct{} // capacity 1: isAwaited has become true; nil until somebody wants to hear of that
}

// pendingReceipt is one entry. What receipts.mu guards belongs, once the entry is removed, to who removed it.
type pendingReceipt struct {
	Receipt
	asked   bool         // by a caller, not by the library of its own accord
	forced  bool         // its frame has to be written, whoever gives up
	refused func(*Error) // what else to do when an ERROR answers it; nil: nothing
	ticket  outbox.Ticket

	abandoned bool     // nobody waits for it, DISCONNECT neither; guarded by receipts.mu
	resend    *carried // WithRetry: what to send again; nil: nothing. Set before the entry is added, guarded by receipts.mu
	unwatch   func()   // stops watching the ctx of SendAsync; nil: it is not watched. Guarded by receipts.mu
}

// carried is a frame that goes out on the next session (promise 7): one that was accepted and not written, or one WithRetry.
type carried struct {
	frame   []byte
	typ     ws.MessageType
	version Version // in which it is encoded
	order   uint64  // among those of the same session
	ticket  *outbox.Ticket
	receipt *pendingReceipt // nil: none, or nobody waits for it any more
}

func newReceipts() *receipts {
	return &receipts{pending: make(map[uint64]*pendingReceipt)}
}

// receiptID is the receipt header: "r" and the number (clause M8).
func receiptID(number uint64) string { return "r" + strconv.FormatUint(number, 10) }

// appendReceipt appends the header line of a receipt, which needs no escapes.
func appendReceipt(dst []byte, number uint64) []byte {
	return append(strconv.AppendUint(append(dst, "receipt:r"...), number, 10), '\n')
}

// receiptNumber is the inverse of receiptID; 0, which no receipt has, for an id that is not one of ours.
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

// add registers an entry.
func (t *receipts) add(p *pendingReceipt) error {
	t.mu.Lock()
	if t.closed != nil {
		err := t.closed
		t.mu.Unlock()
		return err
	}
	t.pending[p.number] = p
	var awaited chan<- struct{}
	if p.asked {
		if t.asked++; t.asked == 1 {
			awaited = t.awaited
		}
	}
	t.mu.Unlock()
	notify.Signal(awaited)
	return nil
}

// remove takes an entry out; nil when there is none. The caller resolves it.
func (t *receipts) remove(number uint64) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.removeLocked(number)
}

// answer is remove for a RECEIPT that has come: this server answers.
func (t *receipts) answer(number uint64) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.answered = true
	return t.removeLocked(number)
}

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

// resolve answers an entry that was removed, once.
func (p *pendingReceipt) resolve(err error) {
	p.err = err
	p.resend = nil // whoever keeps the Receipt need not keep the frame
	close(p.done)
	if p.unwatch != nil {
		p.unwatch()
	}
}

// resolveLost is resolve where a session, the Client or a ctx has ended first.
func (p *pendingReceipt) resolveLost(err error, unsent bool) { p.resolve(p.lost(err, unsent)) }

// wait waits, within ctx, for a receipt that a call asked for. When ctx ends first the receipt is no longer pending, and
// a frame that was not taken for writing by then is withdrawn, unless it was forced.
func (t *receipts) wait(ctx context.Context, r *pendingReceipt) error {
	over := ctx.Done()
	if over == nil { // half the price of a select
		<-r.done
		return r.err
	}
	select {
	case <-r.done:
		return r.err
	case <-over:
	}
	if t.remove(r.number) == nil {
		<-r.done // resolved at this very moment, by whoever removed it
		return r.err
	}
	return r.lost(ctxError(ctx), !r.forced && r.ticket.Withdraw())
}

// endWith makes the end of ctx the end of an entry that no call waits for.
func (t *receipts) endWith(ctx context.Context, p *pendingReceipt, whenDone func(context.Context, func()) (stop func())) {
	unwatch := whenDone(ctx, func() {
		if t.remove(p.number) != nil {
			p.resolveLost(ctxError(ctx), p.ticket.Withdraw())
		}
	})
	t.mu.Lock()
	pending := t.pending[p.number] == p
	if pending {
		p.unwatch = unwatch
	}
	t.mu.Unlock()
	if !pending { // resolved already, by somebody who did not know of unwatch
		unwatch()
	}
}

// isPending reports whether p still waits for its answer.
func (t *receipts) isPending(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending[p.number] == p
}

// abandon says that nobody waits for p any more, and reports whether it was pending.
func (t *receipts) abandon(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] != p {
		return false
	}
	p.abandoned = true
	return true
}

// reencoded notes how a frame that is kept for WithRetry reads in another version.
func (t *receipts) reencoded(p *pendingReceipt, frame []byte, version Version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] == p && p.resend != nil {
		again := *p.resend
		again.frame, again.version = frame, version
		p.resend = &again
	}
}

// awaitedSignal is signalled when isAwaited has become true.
func (t *receipts) awaitedSignal() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.awaited == nil {
		t.awaited = make(chan struct{}, 1)
	}
	return t.awaited
}

// beginWait counts a call that waits for an answer which is not a RECEIPT (a reply), or for a RECEIPT that no caller asked
// for. endWait takes that back.
func (t *receipts) beginWait() {
	t.mu.Lock()
	t.waiting++
	awaited := t.awaited
	t.mu.Unlock()
	notify.Signal(awaited)
}

func (t *receipts) endWait() {
	t.mu.Lock()
	t.waiting--
	t.mu.Unlock()
}

// isAwaited reports whether any call waits for an answer, so that reading must go on whatever queue is full.
func (t *receipts) isAwaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked > 0 || t.waiting > 0
}

// areAnswered reports whether a RECEIPT has come in this session.
func (t *receipts) areAnswered() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answered
}

// countAsked returns how many callers asked for and are pending.
func (t *receipts) countAsked() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// outstanding returns an entry that is worth waiting for before DISCONNECT: one that a caller asked for, or any where this
// server is known to answer.
func (t *receipts) outstanding() *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == 0 && !t.answered {
		return nil
	}
	for _, p := range t.pending {
		if (p.asked || t.answered) && !p.abandoned {
			return p
		}
	}
	return nil
}

// beginSession forgets what was learnt of the server before.
func (t *receipts) beginSession() {
	t.mu.Lock()
	t.answered = false
	t.mu.Unlock()
}

// endSession resolves the entries whose frames w had to write, with why their session ended. Those to be written on the
// next session stay: those of left, which get their receipt, and those WithRetry whose writing had begun, which it returns.
func (t *receipts) endSession(err error, w *outbox.Writer, left []carried) (again []carried) {
	byTicket := make(map[*outbox.Ticket]*carried, len(left))
	for i := range left {
		byTicket[left[i].ticket] = &left[i] // nil, for those without a receipt, is no entry's
	}
	type lost struct {
		p      *pendingReceipt
		unsent bool
	}
	var ended []lost
	t.mu.Lock()
	for number, p := range t.pending {
		frame, here, begun := p.ticket.Leave(w)
		stays := byTicket[&p.ticket]
		switch {
		case !here:
		case begun && p.resend != nil:
			f := *p.resend
			f.order, f.receipt = frame, p
			again = append(again, f)
		case stays != nil:
			stays.receipt = p
		default:
			t.removeLocked(number)
			ended = append(ended, lost{p, !begun})
		}
	}
	t.mu.Unlock()
	for _, e := range ended {
		e.p.resolveLost(err, e.unsent)
	}
	return again
}

// close resolves every entry with why the Client ended; nothing is added any more.
func (t *receipts) close(err error) {
	t.mu.Lock()
	t.closed = err
	pending := t.pending
	t.pending = nil
	t.asked = 0
	t.mu.Unlock()
	for _, p := range pending {
		p.resolveLost(err, p.ticket.Withdraw())
	}
}
