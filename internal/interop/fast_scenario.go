package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// How much is published at once, by how many. Of publishers that meet RabbitMQ's fault (see faults) two thirds and more
// lost their session with that much, on 3.10.8, 4.0.5 and 4.3.6; the lowest of 18 rounds was one of five.
const (
	fastMessages   = 15_000
	fastBody       = 256 // bytes
	fastPublishers = 3
	// faultRounds is how often they try to meet a known fault before it counts as mended: at one of five each, all 24
	// publishers keep their session once in 200 times, at two of three never.
	faultRounds = 8
)

// errSessionLost is that a publisher lost its session, whatever ended it.
var errSessionLost = errors.New("a publisher lost its session")

// fastPublisher publishes as fast as the server takes it. Everybody keeps the first session.
func fastPublisher(scenario string, opts ...stomp.ConnectOption) func(context.Context, *scene) error {
	return func(ctx context.Context, s *scene) error {
		rounds, publishers := 1, 1
		if s.fault(scenario) != "" {
			rounds, publishers = faultRounds, fastPublishers
		}
		for range rounds {
			lost := make([]error, publishers)
			var work sync.WaitGroup
			for i := range lost {
				topic := s.topic()
				work.Go(func() { lost[i] = s.publishFast(ctx, topic, opts) })
			}
			work.Wait()
			if err := errors.Join(lost...); err != nil {
				return err
			}
		}
		return nil
	}
}

// publishFast is one publisher, which also receives what it publishes.
func (s *scene) publishFast(ctx context.Context, topic string, opts []stomp.ConnectOption) error {
	c, err := s.connect(ctx, opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	sub, err := s.subscribe(ctx, c, topic)
	if err != nil {
		return err
	}
	var consumer sync.WaitGroup
	defer consumer.Wait()
	defer c.Close()
	arrived := make(chan struct{})
	consumer.Go(func() { // ends with the Client
		n := 0
		for f := range sub.C {
			if _, probe := f.Header.Lookup(probeHeader); probe {
				continue
			}
			if n++; n == fastMessages {
				close(arrived)
			}
		}
	})
	body := make([]byte, fastBody)
	for range fastMessages {
		if c.Status().Epoch != 1 {
			break
		}
		if err := c.Send(ctx, topic, body); err != nil {
			break
		}
	}
	// What is lost with a session never arrives, so that is looked at meanwhile.
	every := time.NewTicker(10 * time.Millisecond)
	defer every.Stop()
	for {
		if st := c.Status(); st.Epoch != 1 || st.State != stomp.StateConnected {
			return fmt.Errorf("%w: %w", errSessionLost, st.Err)
		}
		select {
		case <-arrived:
			return nil
		case <-every.C:
		case <-ctx.Done():
			return fmt.Errorf("not all of %d messages have arrived: %w", fastMessages, ctx.Err())
		}
	}
}
