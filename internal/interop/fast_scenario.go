package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// How much is published at once, and by how many where the server is known for the fault of promisedBeatsName. With
// that much, and promises, 148 of 174 publishers lost their session on 3.10.8, 4.0.5 and 4.3.6, and at least one in
// each of 39 rounds; the lowest was one of five.
const (
	fastMessages   = 15_000
	fastBody       = 256 // bytes
	fastPublishers = 3
	// faultRounds is how often they try before the fault counts as mended. If each of the 24 lost its session one time
	// in five, all would keep it once in 200 times; at two in three, 35 of 48 on 4.3.6 being the lowest, they never do.
	faultRounds = 8
)

// errSessionLost is that a publisher lost its session, whatever ended it.
var errSessionLost = errors.New("a publisher lost its session")

// fastPublisher publishes as fast as the server takes it, with the default options. The first session lasts.
func fastPublisher(ctx context.Context, s *scene) error { return s.publishAtOnce(ctx) }

// promisingPublisher does so with heart-beats promised.
func promisingPublisher(ctx context.Context, s *scene) error {
	rounds := 1
	if s.fault(promisedBeatsName) != "" {
		rounds = faultRounds
	}
	for range rounds {
		if err := s.publishAtOnce(ctx, stomp.WithHeartBeat(10*time.Second, 10*time.Second)); err != nil {
			return err
		}
	}
	return nil
}

// publishAtOnce returns an error if a publisher loses its session.
func (s *scene) publishAtOnce(ctx context.Context, opts ...stomp.ConnectOption) error {
	publishers := 1
	if s.fault(promisedBeatsName) != "" {
		publishers = fastPublishers
	}
	lost := make([]error, publishers)
	var work sync.WaitGroup
	for i := range lost {
		topic := s.topic()
		work.Go(func() { lost[i] = s.publishFast(ctx, topic, opts) })
	}
	work.Wait()
	return errors.Join(lost...)
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
