package stomp

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/outbox"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
)

// receipts holds a Client's pending RECEIPTs by number. Whoever removes an entry resolves it, once. An entry is added
// before its frame is accepted.
//
// An entry ends with the session that its frame was written on, unless the frame goes out again on the next one (see
// endSession).
type receipts struct {
	mu         sync.Mutex // guards what follows, and the fields of entries that say so; locked before a Ticket's
	pending    map[uint64]*pendingReceipt
	closed     error         // set when the Client has ended; nothing is added from then on
	asked      int           // entries that callers asked for
	held       int           // of these, those held back: nothing can bring their answer now
	waiting    int           // calls between beginWait and endWait
	answered   bool          // a RECEIPT has come in this session: the server sends them
	ever       bool          // a RECEIPT has come in any session, but to DISCONNECT
	everTo     commands      // to which one has come in any session
	answeredTo commands      // to which one has come in this session
	unanswered commands      // to which none came in this session although it was waited for
	newest     uint64        // the highest number that was answered in this session
	awaited    chan struct{} // capacity 1, signalled when isAwaited becomes true; nil until awaitedSignal is called
	lookout    lookout       // for frames WithRetry whose RECEIPT is overdue
}

// commands is a set of the commands of which it matters whether a server answers them. Some answer SEND and not
// SUBSCRIBE.
type commands uint8

const (
	subscribes commands = 1 << iota
	unsubscribes
)

func commandOf(command string) commands {
	switch command {
	case wire.Subscribe:
		return subscribes
	case wire.Unsubscribe:
		return unsubscribes
	}
	return 0
}

// pendingReceipt is one entry. Once it is removed, the fields guarded by receipts.mu are owned by whoever removed it.
type pendingReceipt struct {
	Receipt
	asked    bool         // a caller asked for it, not the library itself
	command  commands     // of its frame
	forced   bool         // its frame is written even if its sender gives up
	last     bool         // it is that of DISCONNECT
	answered func(*Error) // called when it is answered, with the ERROR or with nil; nil: nothing more to do
	ticket   outbox.Ticket

	suspicion *suspicion // WithRetry: nil until a session has ended while it was unanswered; owned by the supervisor

	held    bool        // its frame waits for a trial, see suspect.go; guarded by receipts.mu
	overdue overdue     // of a frame WithRetry; guarded by receipts.mu
	resend  *carried    // what to send again WithRetry; nil: nothing. Set before the entry is added, then guarded by receipts.mu
	unwatch func()      // stops watching the ctx of SendAsync; nil: not watched. Guarded by receipts.mu
	told    func(error) // of the hooks of SendAsync, called with the outcome; nil: there are none. Guarded by receipts.mu
}

// carried is a frame that goes out on the next session (promise 7): one that was accepted but not written, or one
// WithRetry.
type carried struct {
	frame   []byte
	typ     ws.MessageType
	version Version // that it is encoded in
	order   uint64  // among the frames of its session
	begun   bool    // its writing had begun on the session that has ended
	ticket  *outbox.Ticket
	receipt *pendingReceipt // nil: none, or no longer waited for
}

func newReceipts() *receipts {
	return &receipts{pending: make(map[uint64]*pendingReceipt)}
}

// receiptID returns the receipt header for a number: "r" and the number (clause M8).
func receiptID(number uint64) string { return "r" + strconv.FormatUint(number, 10) }

// appendReceipt appends the receipt header line, which needs no escapes.
func appendReceipt(dst []byte, number uint64) []byte {
	return append(strconv.AppendUint(append(dst, "receipt:r"...), number, 10), '\n')
}

// receiptNumber is the inverse of receiptID. It returns 0, the number of no receipt, for an id that is not ours.
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

func (t *receipts) add(p *pendingReceipt) error {
	t.mu.Lock()
	if t.closed != nil {
		err := t.closed
		t.mu.Unlock()
		return err
	}
	t.pending[p.number] = p
	if p.resend != nil {
		t.dueLocked(p, time.Now(), overdueAfter)
	}
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

// answer is remove for a RECEIPT that has come, which shows that this server sends them.
func (t *receipts) answer(number uint64) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.removeLocked(number)
	t.answered = true
	t.ever = t.ever || p != nil && !p.last // every server answers DISCONNECT
	if p != nil {
		t.newest = max(t.newest, number)
		t.answeredTo |= p.command
		t.everTo |= p.command
	}
	return p
}

func (t *receipts) removeLocked(number uint64) *pendingReceipt {
	p := t.pending[number]
	if p != nil {
		delete(t.pending, number)
		if p.asked {
			t.asked--
		}
		if p.held {
			t.held--
		}
	}
	return p
}

// resolve sets the outcome of an entry that was removed, once.
func (p *pendingReceipt) resolve(err error) {
	p.err = err
	p.resend = nil // a Receipt that is kept must not keep the frame, nor the session
	p.ticket.Release()
	unwatch, told := p.unwatch, p.told
	p.unwatch, p.told = nil, nil
	close(p.done)
	if unwatch != nil {
		unwatch()
	}
	if told != nil {
		told(err)
	}
}

// resolveLost is resolve when the session, the Client or a ctx has ended first.
func (p *pendingReceipt) resolveLost(err error, unsent bool) { p.resolve(p.lost(err, unsent)) }

// wait waits, within ctx, for a receipt that a call asked for. If ctx ends first, the entry is removed and resolved,
// and a frame whose writing has not begun is withdrawn unless it was forced.
func (t *receipts) wait(ctx context.Context, r *pendingReceipt) error {
	over := ctx.Done()
	if over == nil { // a plain receive costs half of a select
		<-r.done
		return r.err
	}
	select {
	case <-r.done:
		return r.err
	case <-over:
	}
	if t.remove(r.number) == nil {
		<-r.done // whoever removed it is about to resolve it
		return r.err
	}
	r.resolveLost(ctxError(ctx), !r.forced && r.ticket.Withdraw())
	return r.err
}

// endWith resolves an entry that no call waits for when ctx ends.
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
	if !pending { // resolved already, before unwatch was set
		unwatch()
	}
}

// tell has told called with the outcome of an entry that no call waits for.
func (t *receipts) tell(p *pendingReceipt, told func(error)) {
	t.mu.Lock()
	pending := t.pending[p.number] == p
	if pending {
		p.told = told
	}
	t.mu.Unlock()
	if !pending { // removed already, before told was set
		<-p.done
		told(p.err)
	}
}

func (t *receipts) isPending(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pending[p.number] == p
}

// reencoded replaces the frame kept for WithRetry by the same in another version.
func (t *receipts) reencoded(p *pendingReceipt, frame []byte, version Version) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] == p && p.resend != nil {
		again := *p.resend
		again.frame, again.version = frame, version
		p.resend = &again
	}
}

// awaitedSignal returns the channel that is signalled when isAwaited becomes true.
func (t *receipts) awaitedSignal() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.awaited == nil {
		t.awaited = make(chan struct{}, 1)
	}
	return t.awaited
}

// beginWait counts a call that waits for a reply, for a RECEIPT that no caller asked for, or until something is
// written. endWait takes that back.
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

// isAwaited reports whether a call waits for an answer, so that reading must go on even if a queue is full. A receipt
// counts whether or not somebody is seen to wait: whether a consumer does in its own loop, on Receipt.Done, nobody
// knows.
func (t *receipts) isAwaited() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked > t.held || t.waiting > 0
}

// areAnswered reports whether a RECEIPT has come in this session.
func (t *receipts) areAnswered() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answered
}

// answers reports whether this server, or the one before, sends RECEIPTs to that command; 0: to any.
func (t *receipts) answers(command commands) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ever && t.everTo&command == command
}

// holdBack notes whether the frame of p is held back.
func (t *receipts) holdBack(p *pendingReceipt, held bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pending[p.number] != p || p.held == held {
		return
	}
	if p.held = held; held {
		t.held++
	} else {
		t.held--
	}
}

// areAnsweredTo reports whether a RECEIPT to that command has come in this session.
func (t *receipts) areAnsweredTo(command commands) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answeredTo&command != 0
}

// isPassedOver reports whether the RECEIPT to a later frame has come in this session.
func (t *receipts) isPassedOver(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.newest > p.number
}

// mayComeTo reports whether it makes sense to wait for a RECEIPT to that command: this server has answered it, or it
// has answered another and was not seen to leave out this one.
func (t *receipts) mayComeTo(command commands) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.answeredTo&command != 0 || t.answered && t.unanswered&command == 0
}

// giveUp removes an entry that was waited for in vain, and notes that for mayComeTo. It returns false if the entry
// was removed already: whoever did so is about to resolve it.
func (t *receipts) giveUp(p *pendingReceipt) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.removeLocked(p.number) == nil {
		return false
	}
	t.unanswered |= p.command
	return true
}

func (t *receipts) countAsked() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked
}

// outstanding returns an entry to wait for before DISCONNECT, one that a caller asked for; nil when there is none.
// What only the library asked for may never be answered, and nobody would know why Disconnect waits. sent: its frame
// was accepted by this session, and is not held back for another.
func (t *receipts) outstanding(sent bool) *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.asked == 0 {
		return nil
	}
	for _, p := range t.pending {
		if p.asked && (!sent || p.ticket.IsEntered()) {
			return p
		}
	}
	return nil
}

// unansweredSend returns the entry of a SEND WithRetry that this session was given, and whose RECEIPT can be expected
// to come; nil when there is none. The caller owns what is suspected.
func (t *receipts) unansweredSend() *pendingReceipt {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range t.pending {
		if p.resend != nil && !p.held && p.ticket.IsEntered() && (p.suspicion == nil || p.suspicion.passed == 0) {
			return p
		}
	}
	return nil
}

// beginSession forgets to what the server of the last session sent RECEIPTs. fire is called when a frame of this one
// is overdue, in a goroutine of its own.
func (t *receipts) beginSession(fire func()) {
	t.mu.Lock()
	t.answered, t.answeredTo, t.unanswered, t.newest = false, 0, 0, 0
	t.lookout = lookout{fire: fire}
	for _, p := range t.pending {
		if !p.overdue.at.IsZero() {
			t.lookAtLocked(p.overdue.at, time.Now())
		}
	}
	t.mu.Unlock()
}

// endSession resolves, with err, the entries whose frames w had to write. Entries whose frames go out on the next
// session stay: those in left, whose receipt is set, and those WithRetry whose writing had begun, which are returned.
// They remember err, for whoever gives up.
func (t *receipts) endSession(err error, w *outbox.Writer, left []carried) (again []carried) {
	byTicket := make(map[*outbox.Ticket]*carried, len(left))
	for i := range left {
		byTicket[left[i].ticket] = &left[i] // the key nil, of those without a receipt, matches no entry
	}
	type lost struct {
		p      *pendingReceipt
		unsent bool
	}
	var ended []lost
	t.mu.Lock()
	if t.lookout.timer != nil {
		t.lookout.timer.Stop() // one that is just firing sees that the session is cut
	}
	t.lookout = lookout{}
	for number, p := range t.pending {
		frame, here, begun := p.ticket.Leave(w)
		stays := byTicket[&p.ticket]
		p.overdue.at = time.Time{} // sentAgain sets it
		switch {
		case !here:
		case begun && p.resend != nil:
			f := *p.resend
			f.order, f.receipt, f.begun = frame, p, true
			again = append(again, f)
			p.interrupted.Store(&err)
		case stays != nil:
			stays.receipt = p
			p.interrupted.Store(&err)
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

// close resolves every entry with err, why the Client ended. Nothing is added from then on.
func (t *receipts) close(err error) {
	t.mu.Lock()
	t.closed = err
	pending := t.pending
	t.pending = nil
	t.asked, t.held = 0, 0
	t.mu.Unlock()
	for _, p := range pending {
		p.resolveLost(err, p.ticket.Withdraw())
	}
}
