package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/stomp"
)

const (
	workQueue = "/queue/bar"
	attempts  = 3  // then an order is dead
	prefetch  = 10 // orders at a time

	pause = 5 * time.Second // before an order that could not be settled is given back
)

// worker works off orders. One that fails is sent again, with the number of its next
// attempt and the time before which that must not begin, and acknowledged.
type worker struct {
	client *stomp.Client
	recipe recipe
	delay  time.Duration
	work   func(order stomp.Frame) error

	replacing chan struct{} // capacity 1: full while the session is replaced

	mu  sync.Mutex // guards out: orders are worked off at the same time
	out io.Writer
}

// run works until the Client ends, and returns why, or until the broker ends the
// subscription.
func (w *worker) run(ctx context.Context) error {
	orders, err := w.client.NewSubscription(ctx, workQueue,
		w.recipe.subscribing(stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", strconv.Itoa(prefetch)))...)
	if err != nil {
		return err
	}
	var working errgroup.Group
	working.SetLimit(prefetch)
	for order := range orders.C {
		working.Go(func() error {
			if err := w.handle(ctx, order); err != nil {
				log.Print(err)
				w.giveBack(ctx, order)
			}
			return nil
		})
	}
	working.Wait()
	return orders.Err()
}

// handle does one attempt. If it returns an error the order is not settled.
func (w *worker) handle(ctx context.Context, order stomp.Frame) error {
	if err := waitFor(ctx, order); err != nil {
		return err
	}
	cause := w.work(order)
	if cause == nil {
		w.printf("%s: done\n", order.Body)
		return order.Ack(ctx)
	}
	n := attempt(order)
	if n >= attempts {
		w.printf("%s: %v, dead after attempt %d\n", order.Body, cause, n)
		return w.bury(ctx, order)
	}
	delay := w.delay << (n - 1)
	w.printf("%s: %v, again in %v\n", order.Body, cause, delay)
	return w.again(ctx, order, n+1, delay)
}

// giveBack has the broker deliver an order again that is neither acknowledged nor refused. It
// does so when the order's session ends, and not before: until then the order keeps its place
// in the prefetch, and ten of them stop everything. So if the session goes on, because the
// broker has refused a SEND, it is replaced after a pause. What others have under way comes
// twice then. (NACK would not do: Classic buries the order, and Artemis drops it.)
func (w *worker) giveBack(ctx context.Context, order stomp.Frame) {
	select {
	case <-time.After(pause):
	case <-ctx.Done(): // the subscription has ended with it
		return
	}
	select {
	case w.replacing <- struct{}{}: // whoever comes next finds the new session
	case <-ctx.Done():
		return
	}
	defer func() { <-w.replacing }()
	if w.client.Status().Epoch != order.Epoch {
		return
	}
	if err := w.client.Reconnect(ctx); err != nil {
		log.Print(err)
	}
}

// again sends an order again, and acknowledges it: in one transaction, where an ACK
// counts in one. Elsewhere the SEND is confirmed first, so that the worst is an order
// that comes twice. An order with further entries of its own needs those here, too.
func (w *worker) again(ctx context.Context, order stomp.Frame, n int, delay time.Duration) error {
	destination, entries := w.recipe.later(delay)
	opts := sendOptions(entries, stomp.WithPersistent(), stomp.WithContentType(order.ContentType()),
		stomp.WithHeader("attempt", strconv.Itoa(n)),
		stomp.WithHeader("not-before", strconv.FormatInt(time.Now().Add(delay).UnixMilli(), 10)))
	if !w.recipe.transactions {
		if err := w.client.Send(ctx, destination, order.Body, append(opts, stomp.WithReceipt())...); err != nil {
			return err
		}
		return order.Ack(ctx)
	}
	tx, err := w.client.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Abort(context.WithoutCancel(ctx)) // does nothing after Commit
	if err := tx.Send(ctx, destination, order.Body, opts...); err != nil {
		return err
	}
	if err := tx.Ack(ctx, order); err != nil {
		return err
	}
	return tx.Commit(ctx, stomp.WithReceipt())
}

// bury puts an order into the dead letter queue: by NACK, where the broker does that,
// with its own entries that say why.
func (w *worker) bury(ctx context.Context, order stomp.Frame) error {
	if w.recipe.nackBuries {
		return order.Nack(ctx, stomp.WithHeader("requeue", "false")) // RabbitMQ needs the entry, Classic ignores it
	}
	err := w.client.Send(ctx, w.recipe.dead, order.Body, stomp.WithPersistent(), stomp.WithReceipt(),
		stomp.WithContentType(order.ContentType()), stomp.WithHeader("attempt", strconv.Itoa(attempt(order))))
	if err != nil {
		return err
	}
	return order.Ack(ctx)
}

// waitFor waits until an order's next attempt may begin. Most brokers keep it for as
// long; where one delivers at once, the order waits here, and takes up one of the places
// that prefetch gives. It returns an error when ctx has ended, and the subscription with it.
func waitFor(ctx context.Context, order stomp.Frame) error {
	ms, err := strconv.ParseInt(order.Header.Get("not-before"), 10, 64)
	if err != nil {
		return nil // its first attempt
	}
	timer := time.NewTimer(time.Until(time.UnixMilli(ms)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// attempt is the number of the attempt that this delivery is, from 1. The client counts:
// no broker shows over STOMP how often it has sent an order that was sent again.
func attempt(order stomp.Frame) int {
	n, _ := strconv.Atoi(order.Header.Get("attempt")) // 0 without one
	return max(n, 1)
}

func (w *worker) printf(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.out, format, a...)
}
