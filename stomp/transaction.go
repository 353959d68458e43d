package stomp

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/webstomp/webstomp/internal/wire"
)

// Transaction groups SENDs, ACKs and NACKs that take effect together, at
// Commit, or not at all (STOMP 1.2, BEGIN; clause M4). It is bound to the
// session on which it began and ends with it. Its methods may be called from
// any goroutine. Spring's simple broker has no transactions: it delivers at
// once.
type Transaction struct {
	client  *Client
	session *session
	id      string

	mu      sync.Mutex // guards what follows
	done    bool       // Commit or Abort was called
	aborted bool       // it was Abort
	acked   []ackedSpans
}

// ackedSpans is what one ACK took. It is settled by Commit, and given back by
// Abort.
type ackedSpans struct {
	acks  *ackSet
	spans []span
}

// Begin begins a transaction. It returns when BEGIN is accepted, and with
// [WithReceipt] when the broker has confirmed it.
func (c *Client) Begin(ctx context.Context, opts ...FrameOption) (*Transaction, error) {
	op := opError{op: "begin", unsent: true}
	cfg, err := newFrameConfig(opts)
	for err == nil {
		var s *session
		if s, err = c.session(ctx, cfg.noWait); err != nil {
			break
		}
		tx := &Transaction{client: c, session: s, id: "t" + strconv.FormatUint(c.transactionIDs.Add(1), 10)}
		err := tx.post(ctx, wire.Begin, opts)
		switch {
		case err == nil:
			return tx, nil
		case errors.Is(err, errSessionOver): // it ended just now: the next one will do
			continue
		case !Unsent(err): // the broker may have it: leave nothing open there
			s.post(ctx, wire.Frame{Command: wire.Abort, Header: [][2]string{{"transaction", tx.id}}}, posting{forced: true})
		}
		return nil, err
	}
	op.err = err
	return nil, &op
}

// Send is [Client.Send] within the transaction. A receipt may not come before
// Commit (RabbitMQ): use [WithReceipt] on Commit instead.
func (tx *Transaction) Send(ctx context.Context, destination string, body []byte, opts ...SendOption) error {
	return tx.client.send(ctx, destination, body, opts, tx)
}

// accept has a SEND accepted by the transaction's session.
func (tx *Transaction) accept(ctx context.Context, destination string, body []byte, cfg sendConfig) (*pendingReceipt, error) {
	if cfg.retry {
		return nil, errors.New("WithRetry excludes transactions: they end with their session")
	}
	if err := tx.client.ending(); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctxError(ctx)
	}
	if _, err := tx.on(tx.session); err != nil {
		return nil, err
	}
	return tx.session.acceptSend(ctx, destination, body, cfg, tx)
}

// Ack is [Client.Ack] within the transaction. Artemis acknowledges at once.
func (tx *Transaction) Ack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return tx.client.acknowledge(ctx, wire.Ack, f, opts, tx)
}

// Nack is [Client.Nack] within the transaction.
func (tx *Transaction) Nack(ctx context.Context, f Frame, opts ...FrameOption) error {
	return tx.client.acknowledge(ctx, wire.Nack, f, opts, tx)
}

// Commit makes the transaction take effect. It returns when COMMIT is accepted;
// use [WithReceipt] to know that the broker has done it. After it, or after
// Abort, everything but Abort is [ErrTransactionDone]. When its session has
// ended, so has the transaction, without effect: [ErrConnectionLost].
//
// An error for which [Unsent] is true leaves the transaction open.
func (tx *Transaction) Commit(ctx context.Context, opts ...FrameOption) error {
	if !tx.claim(false) {
		return &opError{op: "commit", target: tx.id, err: ErrTransactionDone, unsent: true}
	}
	err := tx.post(ctx, wire.Commit, opts)
	if Unsent(err) && !tx.over() {
		tx.reopen()
		return err
	}
	tx.settle(true)
	return err
}

// Abort undoes the transaction. After Commit or Abort it does nothing and
// returns nil, so that it can be deferred; likewise when its session has ended,
// and the transaction with it. Frames that were acknowledged in it can be
// acknowledged again.
func (tx *Transaction) Abort(ctx context.Context, opts ...FrameOption) error {
	if !tx.claim(true) {
		return nil
	}
	err := tx.post(ctx, wire.Abort, opts)
	if Unsent(err) && !tx.over() {
		tx.reopen()
		return err
	}
	tx.settle(false)
	if tx.over() {
		return nil
	}
	return err
}

// claim is passed once, by Commit or Abort.
func (tx *Transaction) claim(abort bool) bool {
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

// on returns the transaction's id for a frame that goes out on s.
func (tx *Transaction) on(s *session) (string, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.done:
		return "", ErrTransactionDone
	case tx.over():
		return "", fmt.Errorf("%w: its session is over: %w", ErrTransactionDone, ErrConnectionLost)
	case s != tx.session:
		return "", ErrStale
	}
	return tx.id, nil
}

// name is the transaction's id; "" of none.
func (tx *Transaction) name() string {
	if tx == nil {
		return ""
	}
	return tx.id
}

// late is asked when a frame of the transaction has its place before COMMIT or
// ABORT, or is behind them: the broker would refuse it there.
func (tx *Transaction) late() error {
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

// keep keeps what an ACK took until the transaction ends.
func (tx *Transaction) keep(acks *ackSet, taken []span) {
	tx.mu.Lock()
	done, aborted := tx.done, tx.aborted
	if !done {
		tx.acked = append(tx.acked, ackedSpans{acks, taken})
	}
	tx.mu.Unlock()
	if done {
		acks.settle(taken, !aborted)
	}
}

// settle does with what was acknowledged as the transaction ended.
func (tx *Transaction) settle(committed bool) {
	tx.mu.Lock()
	acked := tx.acked
	tx.acked = nil
	tx.mu.Unlock()
	for _, a := range acked {
		a.acks.settle(a.spans, committed)
	}
}

// over reports whether the transaction's session is.
func (tx *Transaction) over() bool {
	select {
	case <-tx.session.cut:
		return true
	case <-tx.session.ended:
		return true
	default:
		return false
	}
}

// post sends BEGIN, COMMIT or ABORT.
func (tx *Transaction) post(ctx context.Context, command string, opts []FrameOption) error {
	op := opError{op: strings.ToLower(command), target: tx.id}
	cfg, err := newFrameConfig(opts)
	if err == nil && ctx.Err() != nil {
		err = ctxError(ctx)
	}
	if err != nil {
		return tx.session.notSent(op, err)
	}
	header := append([][2]string{{"transaction", tx.id}}, cfg.header...)
	receipt, _, err := tx.session.post(ctx, wire.Frame{Command: command, Header: header}, posting{op: op, receipt: wish(cfg.receipt)})
	if err != nil || receipt == nil {
		return err
	}
	return tx.session.client.await(ctx, receipt)
}
