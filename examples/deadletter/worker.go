package main

import (
	"context"
	"errors"
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

	patience   = time.Minute     // RabbitMQ does not tell that a full queue has rejected a message
	firstPause = 5 * time.Second // between two tries to send an order; it doubles with each
	longPause  = 5 * time.Minute // up to this
)

// worker works off orders. One that fails is sent again, with the number of its next
// attempt and the time before which that must not begin, and acknowledged.
type worker struct {
	client *stomp.Client
	recipe recipe
	delay  time.Duration
	work   func(order stomp.Frame) error

	mu  sync.Mutex // guards out: orders are worked off at the same time
	out io.Writer
}

// run works until the Client ends, and returns why, or until the broker ends the
// subscription. When ctx ends, nothing waits any more, and Drain lets it finish the rest.
func (w *worker) run(ctx context.Context) error {
	// Not ctx: its end would end the subscription at once, and what is done would come again.
	orders, err := w.client.NewSubscription(context.WithoutCancel(ctx), workQueue,
		w.recipe.subscribing(stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", strconv.Itoa(prefetch)))...)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the subscription, and with it what waits: that comes again
		<-orders.Done()
		cancel()
	}()
	var working errgroup.Group
	working.SetLimit(prefetch)
	for order := range orders.C {
		working.Go(func() error {
			if err := w.handle(ctx, order); err != nil {
				log.Print(err)
			}
			return nil
		})
	}
	working.Wait()
	return orders.Err()
}

// handle does one attempt. If it returns an error the order is not settled, and the broker
// delivers it again when its session or its subscription has ended.
func (w *worker) handle(ctx context.Context, order stomp.Frame) error {
	if err := waitFor(ctx, order); err != nil {
		return err
	}
	cause := w.work(order)
	if cause == nil {
		w.printf("%s: done\n", order.Body)
		return order.Ack(context.WithoutCancel(ctx))
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

// again has an order come again after a delay. An order with further entries of its own
// needs those here, too.
func (w *worker) again(ctx context.Context, order stomp.Frame, n int, delay time.Duration) error {
	destination, entries := w.recipe.later(delay)
	return w.move(ctx, order, destination, sendOptions(entries,
		stomp.WithHeader("attempt", strconv.Itoa(n)),
		stomp.WithHeader("not-before", strconv.FormatInt(time.Now().Add(delay).UnixMilli(), 10)))...)
}

// bury puts an order into the dead letter queue: by NACK, where the broker does that,
// with its own entries that say why.
func (w *worker) bury(ctx context.Context, order stomp.Frame) error {
	if w.recipe.nackBuries {
		// RabbitMQ needs the entry, Classic ignores it.
		return order.Nack(context.WithoutCancel(ctx), stomp.WithHeader("requeue", "false"))
	}
	return w.move(ctx, order, w.recipe.dead, stomp.WithHeader("attempt", strconv.Itoa(attempt(order))))
}

// move sends an order to another place, and acknowledges it when the broker has confirmed
// that: the worst is an order that comes twice. (A transaction would not do. RabbitMQ confirms
// its COMMIT before the queue has taken the SEND, and has the ACK then also where the queue
// rejects it; on Artemis an ACK counts at once.)
//
// Where the broker refuses, or says nothing for a minute, move tries again, and the order keeps
// its place in the prefetch: when all ten are held like that, nothing comes until the broker
// takes one. A new session would not help. It would bring the same orders first, and once more
// what others have under way. (NACK neither: Classic buries the order, and Artemis drops it.)
func (w *worker) move(ctx context.Context, order stomp.Frame, destination string, opts ...stomp.SendOption) error {
	contentType := order.ContentType()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		if w.client.Status().Epoch != order.Epoch { // the broker delivers it again
			return fmt.Errorf("%s: %w", order.Body, stomp.ErrStale)
		}
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := w.client.Send(bounded, destination, order.Body, append(opts, stomp.WithContentType(contentType),
			stomp.WithPersistent(), stomp.WithReceipt(), stomp.WithoutWaiting())...)
		cancel()
		var protocol *stomp.ProtocolError
		var limit *stomp.LimitError
		switch {
		case err == nil:
			return order.Ack(context.WithoutCancel(ctx))
		case errors.Is(err, stomp.ErrNotConnected), errors.Is(err, stomp.ErrConnectionLost), errors.Is(err, stomp.ErrClosed):
			return err // likewise
		case contentType != "" && (errors.As(err, &protocol) || errors.As(err, &limit)):
			contentType = "" // it cannot be sent: a foreign sender may have written it in Latin-1
			continue
		}
		log.Printf("%s: %v, trying again in %v", order.Body, err, pause)
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// waitFor waits until an order's next attempt may begin. Most brokers keep it for as
// long; where one delivers at once, the order waits here, and takes up one of the places
// that prefetch gives. It returns an error when ctx has ended.
func waitFor(ctx context.Context, order stomp.Frame) error {
	ms, err := strconv.ParseInt(order.Header.Get("not-before"), 10, 64)
	if err != nil {
		return nil // its first attempt
	}
	return sleep(ctx, time.Until(time.UnixMilli(ms)))
}

// sleep waits for so long. It returns an error when ctx has ended.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
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
