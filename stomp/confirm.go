package stomp

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/webstomp/webstomp/internal/notify"
)

// confirmed waits for the answer to SUBSCRIBE, on this session or, if that ends first, on the next.
func (sub *subscription) confirmed(ctx context.Context) error {
	op := opError{op: "subscribe", target: sub.destination, step: "waiting for the broker's confirmation"}
	receipts := sub.client.receipts
	receipts.beginWait()
	defer receipts.endWait()
	for {
		if ctx.Err() != nil {
			op.err = ctxError(ctx)
			return &op
		}
		sub.mu.Lock()
		r := sub.confirm
		renewed := sub.renewed.Wait()
		sub.mu.Unlock()
		var done <-chan struct{}
		if r != nil {
			select {
			case <-r.done:
				if r.err == nil {
					sub.accept(r)
					return nil
				}
				if sub.isAskedAgain(r) {
					continue
				}
				if !errors.Is(r.err, ErrConnectionLost) {
					return r.err
				}
				// the session ended: the next one sends SUBSCRIBE again
			default:
				done = r.done
			}
		}
		select {
		case <-done:
		case <-renewed:
		case <-sub.done:
			if r != nil && r.Err() != nil && !errors.Is(r.err, ErrConnectionLost) {
				return r.err
			}
			op.err = cmp.Or(sub.failure(), sub.client.endingOrDraining(), errEnded)
			return &op
		case <-ctx.Done():
			op.err = ctxError(ctx)
			if why := sub.whyUnconfirmed(); why != nil {
				op.err = fmt.Errorf("%w (%w)", op.err, why)
			}
			return &op
		}
	}
}

// whyUnconfirmed returns what keeps the broker from having a say, nil if it only takes its time.
func (sub *subscription) whyUnconfirmed() error {
	sub.mu.Lock()
	why := sub.waitsFor
	if sub.again.waitsLocked() {
		why = sub.again.refusal
	}
	sub.mu.Unlock()
	if why == nil {
		if st := sub.client.Status(); st.State == StateReconnecting {
			why = notConnected(st.Err)
		}
	}
	return why
}

// confirmation returns the receipt of the latest SUBSCRIBE, and its session; nil if that is retired.
func (sub *subscription) confirmation() (*pendingReceipt, *session) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.route == nil {
		return nil, nil
	}
	return sub.confirm, sub.route.session.get()
}

// accepted replaces every receipt that has come: a subscription may last long, and should not keep its own.
var accepted = func() *pendingReceipt {
	p := &pendingReceipt{Receipt: Receipt{done: make(chan struct{})}}
	close(p.done)
	return p
}()

// accept replaces a receipt that has come by accepted.
func (sub *subscription) accept(r *pendingReceipt) {
	sub.mu.Lock()
	var renewed notify.Waiters
	if sub.confirm == r {
		sub.confirm = accepted
		renewed = sub.renewed.Take()
	}
	sub.mu.Unlock()
	renewed.Wake()
}

// withdraw takes SUBSCRIBE back. It reports whether that happened before a single byte was written. Where UNSUBSCRIBE
// is on its way it does nothing: that must not go out alone. Meanwhile nobody else sends UNSUBSCRIBE: the caller does
// when it returns false.
func (sub *subscription) withdraw() bool {
	r, _ := sub.confirmation()
	sub.mu.Lock()
	free := r != nil && sub.farewell == notBegun
	if free {
		sub.farewell = underWay
	}
	sub.mu.Unlock()
	if !free {
		return false
	}
	receipts := sub.client.receipts
	// A written one keeps its entry: its answer may still come, and must not be taken for another's (see
	// awaitConfirmation).
	withdrawn := receipts.isPending(r) && r.ticket.Withdraw() && receipts.remove(r.number) != nil
	sub.mu.Lock()
	sub.farewell = notBegun
	if withdrawn {
		sub.farewell, sub.subscribeSent = settled, false
	}
	sub.mu.Unlock()
	return withdrawn
}

// setConfirm makes p, of the SUBSCRIBE on r, the receipt that confirmed waits for.
func (sub *subscription) setConfirm(r *route, p *pendingReceipt) {
	sub.mu.Lock()
	if sub.route != r {
		sub.mu.Unlock()
		return
	}
	sub.confirm = p
	renewed, ending := sub.renewed.Take(), sub.ending
	sub.mu.Unlock()
	renewed.Wake()
	if ending {
		sub.forgetConfirm()
	}
}

// forgetConfirm drops the receipt of a subscription that has ended if this server is not known to answer SUBSCRIBE:
// it would be kept until the session ends. A session that restores its subscriptions one by one keeps it (see
// awaitConfirmation), as do those of servers that answer, but not any number of them.
func (sub *subscription) forgetConfirm() {
	confirm, s := sub.confirmation()
	receipts := sub.client.receipts
	sub.mu.Lock()
	withheld := sub.withheld != nil
	sub.mu.Unlock()
	switch {
	case confirm == nil, s == nil, withheld:
	case s.restore == nil && !receipts.areAnsweredTo(subscribes):
		receipts.remove(confirm.number) // not resolved: who waits for it is woken by the end
	default:
		s.leaveOver(confirm)
	}
}
