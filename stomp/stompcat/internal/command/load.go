package command

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/latency"
)

// minSize is the length of what a body begins with: the number of the run, and when the message was due, in
// nanoseconds since its start, both in hexadecimal: text goes through every broker.
const minSize = 32

// receiptWindow is how many receipts of one publisher may be under way.
const receiptWindow = 1000

// load is one run of bench: publishers and subscribers, each with a connection and a goroutine.
type load struct {
	o           benchFlags
	destination string
	id          string // of the run, the first half of minSize
	publishers  []*stomp.Client
	subscribers []*stomp.Client
	inboxes     []<-chan stomp.Frame
	start       time.Time

	tickets             atomic.Int64 // of the messages that publishers took
	sent, received      atomic.Int64
	confirmed, refused  atomic.Int64
	elapsed             atomic.Int64 // when the last publisher finished, in nanoseconds since start
	lastReceived        atomic.Int64 // when the last message came, likewise
	mu                  sync.Mutex   // guards what follows, which each goroutine adds to when it ends
	delivered, receipts latency.Histogram
	failure             error
}

func newBench(o benchFlags, destination string) *load {
	return &load{o: o, destination: destination, id: fmt.Sprintf("%016x", rand.Uint64())}
}

// connect makes all connections and subscriptions.
func (b *load) connect(ctx context.Context, dial func() (*stomp.Client, error)) error {
	for range b.o.subscribers {
		c, err := dial()
		if err != nil {
			return err
		}
		b.subscribers = append(b.subscribers, c)
		_, answers, err := probeReceipt(ctx, c)
		if err != nil {
			return err
		}
		// The ctx of a subscription is its life: close ends it.
		sub, err := c.NewSubscription(context.WithoutCancel(ctx), b.destination)
		if err != nil {
			return err
		}
		if answers {
			err = b.awaitSubscription(ctx, sub)
		} else {
			err = b.greet(ctx, c, sub.C)
		}
		if err != nil {
			return err
		}
		b.inboxes = append(b.inboxes, sub.C)
	}
	for range b.o.publishers {
		c, err := dial()
		if err != nil {
			return err
		}
		b.publishers = append(b.publishers, c)
	}
	return nil
}

// awaitSubscription waits until the broker has the subscription.
func (b *load) awaitSubscription(ctx context.Context, sub *stomp.Subscription[stomp.Frame]) error {
	bounded, cancel := context.WithTimeout(ctx, b.o.timeout)
	defer cancel()
	return sub.Confirmed(bounded)
}

// greet waits until a subscription gets messages, on a server that confirms none: those of its own that are not counted.
// After receiptPatience it takes the subscription for made: another subscriber of a queue may have got them.
func (b *load) greet(ctx context.Context, c *stomp.Client, inbox <-chan stomp.Frame) error {
	const pause = 100 * time.Millisecond
	for range receiptPatience / pause {
		if err := c.Send(ctx, b.destination, []byte("stompcat bench")); err != nil {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-inbox: // closed, too: the Client has ended, and run finds out
			timer.Stop()
			return nil
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
	return nil
}

// close ends the connections, politely.
func (b *load) close() {
	bounded, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var closing sync.WaitGroup
	for _, c := range append(b.subscribers, b.publishers...) {
		closing.Go(func() { _ = c.Disconnect(bounded) }) // joined below; what was measured is told already
	}
	closing.Wait()
}

// run sends and receives until everything is done, ctx ends or a publisher fails.
func (b *load) run(ctx context.Context) error {
	sending := ctx
	if b.o.duration > 0 {
		bounded, cancel := context.WithTimeout(ctx, b.o.duration)
		defer cancel()
		sending = bounded
	}
	b.start = time.Now()
	published := make(chan struct{})
	var receiving, publishing sync.WaitGroup
	for _, inbox := range b.inboxes {
		receiving.Go(func() { b.receive(ctx, inbox, published) }) // joined below
	}
	for i, c := range b.publishers {
		publishing.Go(func() { // joined below
			err := b.publish(ctx, sending, c, i)
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.failure == nil {
				b.failure = err
			}
		})
	}
	publishing.Wait()
	b.elapsed.Store(int64(time.Since(b.start)))
	close(published)
	receiving.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case b.failure != nil:
		return b.failure
	}
	for _, c := range append(b.subscribers, b.publishers...) {
		if c.Stats().Sessions > 1 {
			return fmt.Errorf("%w meanwhile: messages may be missing", stomp.ErrConnectionLost)
		}
	}
	return nil
}

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
	for r := range pending {
		limit := b.o.timeout
		if failure != nil {
			limit = 0
		}
		bounded, cancel := context.WithTimeout(ctx, limit)
		err := r.Wait(bounded)
		cancel()
		if err == nil {
			took.Add(time.Since(b.start) - r.due)
			b.confirmed.Add(1)
			continue
		}
		b.refused.Add(1)
		if failure == nil {
			failure = err
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

// receive counts messages until all publishers have finished and no more comes.
func (b *load) receive(ctx context.Context, inbox <-chan stomp.Frame, published <-chan struct{}) {
	var took latency.Histogram
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.delivered.Merge(&took)
	}()
	idle := time.NewTicker(50 * time.Millisecond)
	defer idle.Stop()
	var finished time.Time
	for {
		select {
		case f, open := <-inbox:
			if !open {
				return
			}
			due, ours := b.dueOf(f.Body)
			if !ours {
				continue
			}
			now := time.Since(b.start)
			took.Add(now - due)
			b.received.Add(1)
			b.lastReceived.Store(int64(now))
		case <-published:
			published, finished = nil, time.Now()
		case <-idle.C:
			if published == nil && b.isComplete(finished) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// isComplete reports whether everything has come that can be expected, or nothing has come for --timeout.
func (b *load) isComplete(finished time.Time) bool {
	last := max(time.Since(b.start.Add(time.Duration(b.lastReceived.Load()))), 0)
	quiet := min(last, time.Since(finished))
	sent, received := b.sent.Load(), b.received.Load()
	switch {
	case received >= sent*int64(b.o.subscribers): // all of a topic
		return true
	case received >= sent && quiet > 250*time.Millisecond: // all of a queue; more comes of a topic
		return true
	}
	return quiet > b.o.timeout
}

// dueOf returns when a message was due, if it is of this run.
func (b *load) dueOf(body []byte) (due time.Duration, ours bool) {
	if len(body) < minSize || string(body[:len(b.id)]) != b.id {
		return 0, false
	}
	n, err := strconv.ParseUint(string(body[len(b.id):minSize]), 16, 63)
	return time.Duration(n), err == nil
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
