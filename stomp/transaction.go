package stomp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/ackset"
	"github.com/webstomp/webstomp/internal/wire"
)

// Transaction groups SENDs, ACKs and NACKs that take effect together at Commit, or not at all (STOMP 1.2, BEGIN;
// clause M4). It is bound to the session on which it began and ends with it. Its methods may be called from any
// goroutine. Spring's simple broker has no transactions and delivers at once.
type Transaction struct {
	client  *Client
	session *sessionRef
	id      string

	mu      sync.Mutex // guards what follows; a leaf: nothing is locked below it
	done    bool       // Commit or Abort was called
	aborted bool       // by Abort
	acked   []ackedSpans
}

// ackedSpans is what one ACK took from an ack set. Commit settles it, Abort puts it back.
type ackedSpans struct {
	acks  *ackset.Set
	spans []ackset.Span
}

// Begin begins a transaction. It returns when BEGIN is accepted for sending, and with [WithReceipt] when the broker
// has confirmed it. ctx bounds either wait. During an outage it waits for the next session, unless [WithoutWaiting]
// is used. The errors are [ErrClosed], ctx's own, with WithoutWaiting [ErrNotConnected], and with WithReceipt an
// [*Error] or [ErrConnectionLost].
func (c *Client) Begin(ctx context.Context, opts ...FrameOption) (*Transaction, error) {
	op := opError{op: "begin", unsent: true}
	cfg, err := newFrameConfig(opts)
	var tx *Transaction
	if err == nil {
		err = c.onSession(ctx, cfg.noWait, func(s *session) error {
			tx = &Transaction{client: c, session: s.ref, id: "t" + strconv.FormatUint(c.counters.transactionIDs.Add(1), 10)}
			return tx.begin(ctx, s, &cfg)
		})
	}
	if failed, ok := err.(*opError); ok { // from sending BEGIN
		return nil, failed
	}
	if err != nil {
		op.err = err
		return nil, &op
	}
	return tx, nil
}

func (tx *Transaction) begin(ctx context.Context, s *session, cfg *frameConfig) error {
	err := tx.send(ctx, wire.Begin, cfg)
	if err != nil && !Unsent(err) { // the broker may have it: abort it there
		f := tx.frame(wire.Abort)
		f.forced = true
		s.submit(ctx, &f)
	}
	return err
}

// Send is [Client.Send] within the transaction. It waits for no other session: where that of the transaction has
// ended, or after Commit or Abort, the error is [ErrTransactionDone], in the first case [ErrConnectionLost] as well;
// where it ends meanwhile, ErrConnectionLost. [WithRetry] is an error. On RabbitMQ a receipt does not come before
// Commit: use [WithReceipt] on Commit instead.
func (tx *Transaction) Send(ctx context.Context, destination string, body []byte, opts ...SendOption) error {
	return tx.client.send(ctx, destination, body, opts, tx)
}

// submit has the transaction's session accept a SEND.
func (tx *Transaction) submit(ctx context.Context, f *outgoing) (*pendingReceipt, error) {
	if f.retry {
		return nil, errors.New("WithRetry excludes transactions: they end with their session")
	}
	if err := tx.client.ending(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	s := tx.session.get()
	if err := tx.enter(f, s); err != nil {
		return nil, err
	}
	f.admit, f.carry = tx.admit, false
	r, _, err := s.submit(ctx, f)
	return r, err
}

// Ack is [Frame.Ack] within the transaction, with the errors of Send for its end. Artemis acknowledges at once,
// without waiting for Commit.
func (tx *Transaction) Ack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Ack, opts, tx.client.mark, tx)
}

// Nack is [Frame.Nack] within the transaction, as Ack.
func (tx *Transaction) Nack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return f.acknowledge(ctx, wire.Nack, opts, tx.client.mark, tx)
}

// Commit makes the transaction take effect. It returns when COMMIT is accepted for sending; use [WithReceipt] to know
// that the broker has done it. ctx bounds either wait; when it ends during the second, the outcome is unknown. After
// Commit or Abort, every method but Abort returns [ErrTransactionDone]. If the session has ended, so has the
// transaction, without effect: Commit returns [ErrConnectionLost], and brokers deliver again what was acknowledged in
// it (Artemis does not: there an ACK counts at once).
//
// RabbitMQ confirms COMMIT, and takes the ACKs, also where a queue has rejected a SEND (x-overflow:reject-publish).
//
// An error for which [Unsent] is true leaves the transaction open, unless its session has ended.
func (tx *Transaction) Commit(ctx context.Context, opts ...FrameOption) error {
	if !tx.beginEnd(false) {
		return &opError{op: "commit", target: tx.id, err: ErrTransactionDone, unsent: true}
	}
	err := tx.end(ctx, wire.Commit, opts)
	if Unsent(err) && !tx.session.isOver() {
		tx.reopen()
		return err
	}
	tx.settleAcks(true)
	return err
}

// Abort undoes the transaction, within ctx. It does nothing and returns nil after Commit or Abort, so that it can be
// deferred, and when the session has ended. Frames that were acknowledged in the transaction can be acknowledged
// again, except on Artemis, where their acknowledgement has counted.
func (tx *Transaction) Abort(ctx context.Context, opts ...FrameOption) error {
	if !tx.beginEnd(true) {
		return nil
	}
	err := tx.end(ctx, wire.Abort, opts)
	if Unsent(err) && !tx.session.isOver() {
		tx.reopen()
		return err
	}
	tx.settleAcks(false)
	if tx.session.isOver() {
		return nil
	}
	return err
}

// beginEnd returns true to the first of Commit and Abort.
func (tx *Transaction) beginEnd(abort bool) bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return false
	}
	tx.done, tx.aborted = true, abort
	return true
}

func (tx *Transaction) reopen() {
	tx.mu.Lock()
	tx.done = false
	tx.mu.Unlock()
}

// enter makes f, which goes out on s, a frame of the transaction. It does not return nil if s is.
func (tx *Transaction) enter(f *outgoing, s *session) error {
	tx.mu.Lock()
	done := tx.done
	tx.mu.Unlock()
	switch {
	case done:
		return ErrTransactionDone
	case tx.session.isOver():
		return fmt.Errorf("%w: its session is over: %w", ErrTransactionDone, ErrConnectionLost)
	case s == nil || s.ref != tx.session:
		return ErrStale
	}
	f.entries.add("transaction", tx.id)
	return nil
}

// admit is called as a frame gets its place in the outbox. It refuses a frame that would be written after COMMIT or
// ABORT, which the broker would refuse. tx is nil for a frame of no transaction.
func (tx *Transaction) admit() error {
	if tx == nil {
		return nil
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.done {
		return ErrTransactionDone
	}
	return nil
}

// keep stores what an ACK took until the transaction ends.
func (tx *Transaction) keep(acks *ackset.Set, taken []ackset.Span) {
	tx.mu.Lock()
	done, aborted := tx.done, tx.aborted
	if !done {
		tx.acked = append(tx.acked, ackedSpans{acks, taken})
	}
	tx.mu.Unlock()
	if done {
		acks.Settle(taken, !aborted)
	}
}

// settleAcks settles what was acknowledged, or puts it back if the transaction was not committed.
func (tx *Transaction) settleAcks(committed bool) {
	tx.mu.Lock()
	acked := tx.acked
	tx.acked = nil
	tx.mu.Unlock()
	for _, a := range acked {
		a.acks.Settle(a.spans, committed)
	}
}

func (tx *Transaction) frame(command string) outgoing {
	f := outgoing{op: strings.ToLower(command), target: tx.id, command: command}
	f.entries.add("transaction", tx.id)
	return f
}

func (tx *Transaction) end(ctx context.Context, command string, opts []FrameOption) error {
	cfg, err := newFrameConfig(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		f := tx.frame(command)
		return f.notSent(err)
	}
	return tx.send(ctx, command, &cfg)
}

// send sends BEGIN, COMMIT or ABORT, and waits for its receipt if cfg asks for one.
func (tx *Transaction) send(ctx context.Context, command string, cfg *frameConfig) error {
	f := tx.frame(command)
	f.header, f.receipt = cfg.header, receiptIf(cfg.receipt)
	s := tx.session.get()
	if s == nil {
		return f.notSent(tx.session.over)
	}
	receipt, _, err := s.submit(ctx, &f)
	if err != nil || receipt == nil {
		return err
	}
	return tx.client.receipts.wait(ctx, receipt)
}
