package command

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/latency"
)

// receiptWindow is how many receipts of one publisher may be under way.
const receiptWindow = 1000

// publish sends until its time or the count is over, at its share of the rate. ctx is the command's.
func (b *load) publish(ctx, sending context.Context, c *stomp.Client, number int) error {
	body := make([]byte, b.o.size)
	for i := range body {
		body[i] = 'x'
	}
	copy(body, b.id)
	var clock [8]byte
	var waiting sync.WaitGroup
	pending := make(chan pendingReceipt, receiptWindow)
	sending, stop := context.WithCancel(sending)
	defer stop()
	if b.o.receipts {
		waiting.Go(func() { b.await(ctx, stop, pending) }) // joined by the deferred call
	}
	defer func() { close(pending); waiting.Wait() }()
	for n := 0; sending.Err() == nil; n++ {
		if b.o.count > 0 && b.tickets.Add(1) > b.o.count {
			return nil
		}
		due := time.Since(b.start)
		if b.o.rate > 0 { // publishers take turns
			due = time.Duration(float64(n*b.o.publishers+number) / b.o.rate * 1e9)
			if b.o.duration > 0 && due >= b.o.duration || !sleep(sending, time.Until(b.start.Add(due))) {
				return nil
			}
		}
		binary.BigEndian.PutUint64(clock[:], uint64(due))
		hex.Encode(body[len(b.id):], clock[:])
		if err := b.send(sending, c, body, due, pending); err != nil {
			if sending.Err() != nil {
				return nil
			}
			return err
		}
		b.sent.Add(1)
	}
	return nil
}

// send sends one message, that was due then.
func (b *load) send(ctx context.Context, c *stomp.Client, body []byte, due time.Duration, pending chan<- pendingReceipt) error {
	if !b.o.receipts {
		return c.Send(ctx, b.destination, body)
	}
	r, err := c.SendAsync(ctx, b.destination, body)
	if err != nil {
		return err
	}
	pending <- pendingReceipt{r, due}
	return nil
}

// pendingReceipt is a receipt, and when its message was due.
type pendingReceipt struct {
	*stomp.Receipt
	due time.Duration
}

// await waits for the receipts of one publisher in their order, so that one that has overtaken another counts as that.
// The first one that fails stops the publisher, and those behind it are not waited for.
func (b *load) await(ctx context.Context, stop func(), pending <-chan pendingReceipt) {
	var took latency.Histogram
	var failure error
	limit := b.o.timeout
	for r := range pending {
		err := waitFor(ctx, r.Receipt, limit)
		if err == nil {
			took.Add(time.Since(b.start) - r.due)
			b.confirmed.Add(1)
			continue
		}
		b.refused.Add(1)
		if failure == nil {
			failure, limit = err, 0
			stop()
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.receipts.Merge(&took)
	if b.failure == nil {
		b.failure = failure
	}
}

// sleep waits, and reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
