package command

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// window is how many receipts may be under way.
const window = 4096

// ledger counts what has become of the SENDs of a publisher. While confirm runs it is confirm's.
type ledger struct {
	acknowledged, refused, unknown int64
	failure                        error // the first one
}

// confirmed sends with a receipt each, until source is empty, a SEND fails or ctx ends.
func (p *publisher) confirmed(ctx context.Context, source source) error {
	sending, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	life, end := lingering(sending)
	defer end()
	receipts := make(chan *stomp.Receipt, window)
	var confirming sync.WaitGroup
	confirming.Go(func() { p.confirm(life, end, stop, receipts) }) // joined below
	err := p.sendAll(sending, life, source, receipts)
	close(receipts)
	confirming.Wait()
	if p.failure != nil {
		err = p.failure
	}
	if err != nil && p.acknowledged < p.sent {
		err = fmt.Errorf("%w (%s)", err, p.told())
	}
	return p.finish(ctx, err)
}

// lingering returns a context that outlives ctx by grace: the time for receipts that are under way.
func lingering(ctx context.Context) (life context.Context, end func()) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { // ends with life
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-life.Done():
		}
	})
	return life, func() { stop(); cancel() }
}

// told returns what has become of what was sent.
func (p *publisher) told() string {
	parts := []string{"confirmed: " + grouped(p.acknowledged)}
	if p.refused > 0 {
		parts = append(parts, "refused: "+grouped(p.refused))
	}
	if p.unknown > 0 {
		parts = append(parts, "unknown: "+grouped(p.unknown))
	}
	return strings.Join(parts, ", ")
}

// sendAll sends until sending ends. It returns what has failed, or ended it.
func (p *publisher) sendAll(sending, life context.Context, source source, receipts chan<- *stomp.Receipt) error {
	bound := sending
	if p.retry {
		bound = life // the end of a SEND's ctx ends its repetitions, too
	}
	for body, err := range source(sending) {
		if err != nil {
			return err
		}
		r, err := p.client.SendAsync(bound, p.destination, body, p.options(body)...)
		if err != nil {
			return p.sending(err)
		}
		p.sent++
		receipts <- r // room comes: confirm waits for none without end
	}
	return context.Cause(sending)
}

// confirm waits for each receipt in its turn, for --timeout at most and no longer than life, which ends when that is
// over for one. The first one that fails stops the sending.
func (p *publisher) confirm(life context.Context, end func(), stop context.CancelCauseFunc, receipts <-chan *stomp.Receipt) {
	for r := range receipts {
		err := p.await(life, r)
		var refused *stomp.Error
		switch {
		case err == nil:
			p.acknowledged++
			continue
		case errors.As(err, &refused):
			p.refused++
		default:
			p.unknown++
		}
		if p.failure == nil && life.Err() == nil {
			p.failure = err
			stop(err)
			if errors.Is(err, context.DeadlineExceeded) {
				end()
			}
		}
	}
}

// await waits for a receipt, and says what to do where none ever comes.
func (p *publisher) await(life context.Context, r *stomp.Receipt) error {
	err := waitFor(life, r, p.timeout)
	if errors.Is(err, context.DeadlineExceeded) && p.acknowledged == 0 {
		err = &timeoutError{fmt.Sprintf("no receipt within --timeout %v: for a server that sends none, such as Spring's simple broker, use --no-receipt", p.timeout)}
	}
	return err
}

// waitFor waits for a receipt for so long, within ctx, and returns its outcome. Only for one that is not there yet a
// context is made.
func waitFor(ctx context.Context, r *stomp.Receipt, limit time.Duration) error {
	select {
	case <-r.Done():
		return r.Err()
	default:
	}
	bounded, cancel := within(ctx, limit)
	defer cancel()
	return r.Wait(bounded)
}
