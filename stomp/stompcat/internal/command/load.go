package command

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/doctor"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/latency"
)

// minSize is the length of what a body begins with: the number of the run, and when the message was due, in
// nanoseconds since its start, both in hexadecimal: text goes through every broker.
const minSize = 32

// load is one run of bench: publishers and subscribers, each with a connection and a goroutine.
type load struct {
	o           benchFlags
	destination string
	id          string // of the run, the first half of minSize
	publishers  []*stomp.Client
	subscribers []*stomp.Client
	inboxes     []*stomp.Subscription[stomp.Frame] // of the subscribers, in their order
	start       time.Time

	tickets             atomic.Int64 // of the messages that publishers took
	sent, received      atomic.Int64
	started             atomic.Int64 // subscribers that have received a message
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
		_, answers, err := doctor.ProbeReceipt(ctx, c)
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
		b.inboxes = append(b.inboxes, sub)
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
	bounded, cancel := within(ctx, b.o.timeout)
	defer cancel()
	return sub.Confirmed(bounded)
}

// greet waits until a subscription gets messages, on a server that confirms none: those of its own that are not counted.
// After doctor.ReceiptPatience it takes the subscription for made: another subscriber of a queue may have got them.
func (b *load) greet(ctx context.Context, c *stomp.Client, inbox <-chan stomp.Frame) error {
	const pause = 100 * time.Millisecond
	for range doctor.ReceiptPatience / pause {
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

// run sends and receives until everything is done, ctx ends, a publisher fails or a subscription ends.
func (b *load) run(ctx context.Context) error {
	sending, stop := context.WithCancel(ctx)
	defer stop()
	if b.o.duration > 0 {
		bounded, cancel := context.WithTimeout(sending, b.o.duration)
		defer cancel()
		sending = bounded
	}
	b.start = time.Now()
	published := make(chan struct{})
	var receiving, publishing sync.WaitGroup
	for _, inbox := range b.inboxes {
		receiving.Go(func() { // joined below
			b.receive(ctx, inbox.C, published)
			stop() // it has received all, or its subscription has ended
		})
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
	for i, inbox := range b.inboxes {
		if err := cmp.Or(inbox.Err(), b.subscribers[i].Err()); err != nil {
			return err
		}
	}
	for _, c := range append(b.subscribers, b.publishers...) {
		if c.Stats().Sessions > 1 {
			return fmt.Errorf("%w meanwhile: messages may be missing", stomp.ErrConnectionLost)
		}
	}
	return nil
}
