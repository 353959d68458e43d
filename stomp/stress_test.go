package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// stress is many goroutines that do everything at once on one Client.
type stress struct {
	*testing.T
	ctx    context.Context
	b      *stomptest.Broker
	c      *stomp.Client
	ending atomic.Bool // errors of an end are to be expected
	done   atomic.Int64
	half   chan struct{} // closed when half of the work is done
}

const (
	stressWorkers = 64
	stressRounds  = 8
)

// ok reports whether a call has succeeded. What fails must fail because of the end.
func (s *stress) ok(err error) bool {
	if err == nil {
		return true
	}
	for _, want := range []error{stomp.ErrClosed, stomp.ErrConnectionLost, stomp.ErrStale} {
		if s.ending.Load() && errors.Is(err, want) {
			return false
		}
	}
	s.Errorf("%v (client: %v)", err, s.c.Err())
	return false
}

func (s *stress) work(n int) {
	for round := range stressRounds {
		if s.done.Add(1) == stressWorkers*stressRounds/2 {
			close(s.half)
		}
		switch queue := fmt.Sprintf("/queue/%d-%d", n, round); (n + round) % 6 {
		case 0:
			s.sendAndReceive(queue)
		case 1:
			s.acks(queue, stomp.AckClientIndividual)
		case 2:
			s.acks(queue, stomp.AckClient)
		case 3:
			s.transactions(queue)
		case 4:
			f, err := s.c.Request(s.ctx, "/queue/rpc", []byte(queue))
			if s.ok(err) && string(f.Body) != queue+queue {
				s.Errorf("reply %v to %s", f, queue)
			}
		case 5:
			s.unsubscribes("/topic/all")
		}
	}
}

// sendAndReceive sends with and without receipts, and gets all of it in order.
func (s *stress) sendAndReceive(queue string) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	in, err := s.c.NewSubscription(ctx, queue, stomp.WithBuffer(8, 0, stomp.OverflowBlock))
	if !s.ok(err) {
		return
	}
	sent := make(chan int, 1)
	go func() { // joined below
		n := 0
		for ; n < 30; n++ {
			var err error
			switch n % 3 {
			case 0:
				err = s.c.Send(s.ctx, queue, []byte(fmt.Sprint(n)))
			case 1:
				err = s.c.Send(s.ctx, queue, []byte(fmt.Sprint(n)), stomp.WithReceipt())
			case 2:
				_, err = s.c.SendAsync(s.ctx, queue, []byte(fmt.Sprint(n)))
			}
			if !s.ok(err) {
				break
			}
		}
		sent <- n
	}()
	got := 0
	for f := range in.C {
		if string(f.Body) != fmt.Sprint(got) {
			s.Errorf("%s: frame %d is %v", queue, got, f)
		}
		if got++; got == 30 {
			break
		}
	}
	if n := <-sent; got < n && !s.ending.Load() {
		s.Errorf("%s: %d of %d came: %v", queue, got, n, in.Err())
	}
}

// acks acknowledges from several goroutines while the subscription is ended.
func (s *stress) acks(queue string, mode stomp.AckMode) {
	for i := range 20 {
		s.b.Publish(queue, nil, []byte(fmt.Sprint(i)))
	}
	sub, err := s.c.NewSubscription(s.ctx, queue, stomp.WithAck(mode))
	if !s.ok(err) {
		return
	}
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			for f := range sub.C {
				err := s.c.Ack(s.ctx, f)
				covered := errors.Is(err, stomp.ErrNotAckable) || errors.Is(err, stomp.ErrStale)
				if !covered || mode != stomp.AckClient { // there, the other goroutine's ACK covers it
					s.ok(err)
				}
			}
		})
	}
	all.Go(func() { s.ok(sub.Unsubscribe(s.ctx)) })
	all.Wait()
}

func (s *stress) transactions(queue string) {
	s.b.Publish(queue, nil, nil)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	in, err := s.c.Subscribe(ctx, queue, stomp.WithAck(stomp.AckClientIndividual))
	if !s.ok(err) {
		return
	}
	f, open := <-in
	tx, err := s.c.Begin(s.ctx)
	if !s.ok(err) || !open {
		return
	}
	if s.ok(tx.Send(s.ctx, "/queue/out", nil)) && s.ok(tx.Ack(s.ctx, f)) && s.ok(tx.Abort(s.ctx)) {
		tx, err = s.c.Begin(s.ctx)
		if s.ok(err) && s.ok(tx.Ack(s.ctx, f)) {
			s.ok(tx.Commit(s.ctx, stomp.WithReceipt()))
		}
	}
}

// unsubscribes ends subscriptions in three ways while messages come.
func (s *stress) unsubscribes(topic string) {
	for i := range 9 {
		ctx, cancel := context.WithCancel(s.ctx)
		sub, err := stomp.SubscribeAs(ctx, s.c, topic, func(f stomp.Frame) (string, error) { return string(f.Body), nil },
			stomp.WithBuffer(4, 0, stomp.Overflow(i%3)))
		if !s.ok(err) {
			cancel()
			return
		}
		s.ok(s.c.Send(s.ctx, topic, []byte("x")))
		switch i % 3 {
		case 0:
			go func() { // ends with the channel
				for range sub.C {
				}
			}()
			s.ok(sub.Unsubscribe(s.ctx))
		case 1:
			<-sub.C
		}
		cancel()
	}
}

func TestClient_many_goroutines_at_once(t *testing.T) {
	for name, end := range map[string]func(s *stress){
		"to_the_end": func(*stress) {},
		"Drain":      func(s *stress) { s.c.Drain(s.ctx) },
		"Disconnect": func(s *stress) { s.c.Disconnect(s.ctx) },
		"Close":      func(s *stress) { s.c.Close() },
		"cut":        func(s *stress) { s.b.Cut() },
	} {
		t.Run(name, func(t *testing.T) {
			b := rig.NewBroker(t)
			s := &stress{T: t, ctx: t.Context(), b: b, c: rig.Connect(t, b), half: make(chan struct{})}
			rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
			var all sync.WaitGroup
			for n := range stressWorkers {
				all.Go(func() { s.work(n) })
			}
			<-s.half
			if name != "to_the_end" {
				s.ending.Store(true)
			}
			end(s)
			all.Wait()
			if n := s.b.StaleAcks(); n != 0 && name != "cut" {
				t.Errorf("%d stale acks came", n)
			}
			if name == "to_the_end" {
				rig.OK(t, s.c.Drain(t.Context()))
				if stats := s.c.Stats(); stats.Unmatched != 0 || stats.StrayErrors != 0 || stats.ReceiptsPending != 0 {
					t.Errorf("%+v", stats)
				}
			}
			<-s.c.Done()
		})
	}
}
