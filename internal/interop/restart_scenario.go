package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// restarted stops and starts the server, then kills and starts it, while one
// goroutine sends and another acknowledges. If the server confirms messages and
// stores those that are persistent, as all of these are, none may be missing in the
// end; otherwise the subscription must go on.
func restarted(ctx context.Context, s *scene) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	l := &load{client: c, destination: s.queue(), keeps: s.offers(receiptsName) && s.offers(durableName), persistent: s.persistent, seen: make(map[string]bool)}
	mode := stomp.AckClientIndividual
	if !l.keeps {
		mode = stomp.AckAuto
	}
	sub, err := s.subscribe(ctx, c, l.destination, stomp.WithAck(mode))
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var work sync.WaitGroup
	defer work.Wait()
	defer c.Close()
	work.Go(func() { // ends when c.Close closes the channel
		if err := l.consume(ctx, sub); err != nil {
			stop(err)
		}
	})
	producing, enough := context.WithCancel(ctx)
	defer enough()
	produced := make(chan struct{})
	work.Go(func() { // ends with the ctx producing
		defer close(produced)
		if err := l.produce(ctx, producing); err != nil {
			stop(err)
		}
	})
	for _, end := range []func(){s.Broker.Stop, s.Broker.Kill} {
		if err := l.more(ctx); err != nil {
			return err
		}
		end()
		if err := s.Broker.Start(ctx); err != nil {
			return err
		}
	}
	if err := l.more(ctx); err != nil {
		return err
	}
	enough()
	<-produced
	if c.Stats().Sessions < 3 {
		return fmt.Errorf("%d sessions over two restarts", c.Stats().Sessions)
	}
	return l.complete(ctx)
}

// load is the traffic through the server meanwhile.
type load struct {
	client      *stomp.Client
	destination string
	keeps       bool // the server confirms messages and stores them
	persistent  stomp.SendOption
	sent        int // owned by produce until it has returned
	arrived     atomic.Int64

	mu   sync.Mutex
	seen map[string]bool // guarded by mu
}

// produce sends, sixteen at a time, until producing ends or ctx does.
func (l *load) produce(ctx, producing context.Context) error {
	for producing.Err() == nil {
		var pending []*stomp.Receipt
		for range 16 {
			text := fmt.Appendf(nil, "message %d", l.sent)
			if !l.keeps {
				if err := l.client.Send(ctx, l.destination, text); err != nil {
					return err
				}
				l.sent++
				continue
			}
			r, err := l.client.SendAsync(ctx, l.destination, text, l.persistent, stomp.WithRetry())
			if err != nil {
				return err
			}
			l.sent++
			pending = append(pending, r)
		}
		for _, r := range pending {
			if err := r.Wait(ctx); err != nil {
				return err
			}
		}
		if !l.keeps { // no receipts slow it down
			select {
			case <-time.After(10 * time.Millisecond):
			case <-producing.Done():
			}
		}
	}
	return nil
}

// consume acknowledges what arrives, until the subscription's channel is closed.
func (l *load) consume(ctx context.Context, sub *stomp.Subscription[stomp.Frame]) error {
	for f := range sub.C {
		l.mu.Lock()
		l.seen[string(f.Body)] = true
		l.mu.Unlock()
		l.arrived.Add(1)
		if !l.keeps {
			continue
		}
		if err := l.client.Ack(ctx, f); err != nil && !errors.Is(err, stomp.ErrStale) && !errors.Is(err, stomp.ErrClosed) {
			return err
		}
	}
	if err := sub.Err(); err != nil {
		return fmt.Errorf("the subscription ended: %w", err)
	}
	return nil
}

// more waits until two hundred more messages have arrived.
func (l *load) more(ctx context.Context) error {
	enough := l.arrived.Load() + 200
	return l.waitFor(ctx, func() bool { return l.arrived.Load() >= enough })
}

// complete waits until every confirmed message has arrived.
func (l *load) complete(ctx context.Context) error {
	if !l.keeps {
		return nil
	}
	return l.waitFor(ctx, func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.seen) == l.sent
	})
}

// waitFor checks done every 10 ms, within ctx.
func (l *load) waitFor(ctx context.Context, done func() bool) error {
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for !done() {
		select {
		case <-every.C:
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			return fmt.Errorf("%d different messages have arrived, in %d deliveries; %+v: %w", len(l.seen), l.arrived.Load(), l.client.Status(), context.Cause(ctx))
		}
	}
	return nil
}
