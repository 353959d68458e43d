package foreign

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// toGo is where the partner gets its orders.
const toGo = "/queue/to-go"

// partner is our client on the other side of the broker. A script orders it to do
// something with a message to /queue/to-go; it answers at the message's reply-to:
//
//	order: echo                  sends the body back; x-sum is its SHA-256 and x-seen the x-probe header in hexadecimal, as our client saw them
//	order: publish, to, count    sends the bodies 1 to count to a destination; answers "done"
//	order: watch, from           subscribes to a destination; answers "ready", then forwards each message, with its redelivered header as x-redelivered, up to the body "last"
type partner struct {
	client  *stomp.Client
	problem func(error) // reports what went wrong; called by any goroutine, until close has returned
	cancel  context.CancelFunc
	working sync.WaitGroup // joined by close
}

// newPartner connects a partner and returns when it is ready for orders. The caller
// ends it with close.
func newPartner(ctx context.Context, broker *stomptest.Broker, problem func(error), opts ...stomp.ConnectOption) (*partner, error) {
	ctx, cancel := context.WithCancel(ctx)
	client, err := stomp.Connect(ctx, broker.URL(), opts...)
	if err != nil {
		cancel()
		return nil, err
	}
	p := &partner{client: client, problem: problem, cancel: cancel}
	orders, err := client.Subscribe(ctx, toGo)
	if err == nil {
		err = subscribed(ctx, broker, toGo)
	}
	if err != nil {
		p.close()
		return nil, err
	}
	p.working.Go(func() { // close ends it with the client, and joins it
		for f := range orders {
			// An order may wait for messages that the next one brings.
			p.working.Go(func() { // close ends it through ctx, and joins it
				if err := p.carryOut(ctx, broker, f); err != nil && ctx.Err() == nil {
					p.problem(fmt.Errorf("the partner cannot %s: %w", f.Header.Get("order"), err))
				}
			})
		}
	})
	return p, nil
}

// close ends the partner. The error says why its client had already ended, if it had.
func (p *partner) close() error {
	p.cancel()
	err := p.client.Err()
	_ = p.client.Close() // the script has all its answers
	p.working.Wait()
	return err
}

// subscribed waits until a destination has a subscription. It asks the broker
// itself, because some profiles send no receipts.
func subscribed(ctx context.Context, broker *stomptest.Broker, destination string) error {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for broker.Subscriptions(destination) == 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the broker has not received our SUBSCRIBE to %s: %w", destination, ctx.Err())
		}
	}
	return nil
}

func (p *partner) carryOut(ctx context.Context, broker *stomptest.Broker, f stomp.Frame) error {
	switch order := f.Header.Get("order"); order {
	case "echo":
		return p.echo(ctx, f)
	case "publish":
		return p.publish(ctx, f)
	case "watch":
		return p.watch(ctx, broker, f)
	default:
		return errors.New("no such order")
	}
}

func (p *partner) answer(ctx context.Context, f stomp.Frame, body []byte, opts ...stomp.SendOption) error {
	return p.client.Send(ctx, f.Header.Get("reply-to"), body, opts...)
}

func (p *partner) echo(ctx context.Context, f stomp.Frame) error {
	probe := f.Header.Get("x-probe")
	opts := []stomp.SendOption{
		stomp.WithHeader("x-sum", fmt.Sprintf("%x", sha256.Sum256(f.Body))),
		stomp.WithHeader("x-seen", fmt.Sprintf("%x", probe)),
		stomp.WithHeader("x-probe", probe),
	}
	if mime := f.ContentType(); mime != "" {
		opts = append(opts, stomp.WithContentType(mime))
	}
	return p.answer(ctx, f, f.Body, opts...)
}

func (p *partner) publish(ctx context.Context, f stomp.Frame) error {
	n, err := strconv.Atoi(f.Header.Get("count"))
	if err != nil {
		return err
	}
	for i := range n {
		if err := p.client.Send(ctx, f.Header.Get("to"), strconv.AppendInt(nil, int64(i+1), 10)); err != nil {
			return err
		}
	}
	return p.answer(ctx, f, []byte("done"))
}

func (p *partner) watch(ctx context.Context, broker *stomptest.Broker, f stomp.Frame) error {
	from := f.Header.Get("from")
	sub, err := p.client.NewSubscription(ctx, from)
	if err != nil {
		return err
	}
	if err := subscribed(ctx, broker, from); err != nil {
		return err
	}
	if err := p.answer(ctx, f, []byte("ready")); err != nil {
		return err
	}
	for m := range sub.C {
		err := p.answer(ctx, f, m.Body, stomp.WithHeader("x-redelivered", m.Header.Get("redelivered")))
		if err != nil {
			return err
		}
		if string(m.Body) == "last" {
			return sub.Unsubscribe(ctx)
		}
	}
	return sub.Err()
}
