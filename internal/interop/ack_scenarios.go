package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/webstomp/webstomp/stomp"
)

// ackCumulative expects the ACK of the third message of five to acknowledge three.
func ackCumulative(ctx context.Context, s *scene) error {
	return s.acks(ctx, stomp.AckClient, []int{2}, []string{"4", "5"})
}

// ackIndividual expects each ACK to acknowledge one message.
func ackIndividual(ctx context.Context, s *scene) error {
	return s.acks(ctx, stomp.AckClientIndividual, []int{1, 3}, []string{"1", "3", "5"})
}

// acks receives five messages, acknowledges those of the given indexes and
// disconnects. The next subscriber must get those in left.
func (s *scene) acks(ctx context.Context, mode stomp.AckMode, which []int, left []string) error {
	destination := s.queue()
	c, sub, err := s.listen(ctx, destination, stomp.WithAck(mode))
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.sendAll(ctx, c, destination, numbered(5)); err != nil {
		return err
	}
	_, frames, err := bodies(ctx, sub, 5)
	if err != nil {
		return err
	}
	for _, i := range which {
		if err := c.Ack(ctx, frames[i], stomp.WithReceipt()); err != nil {
			return err
		}
	}
	return s.expectRemaining(ctx, c, destination, left)
}

// expectRemaining disconnects a consumer of a queue and expects exactly these
// messages to be left there. It cuts no connection: until the server notices a cut
// it delivers messages to that consumer, and with AckAuto it counts them as
// consumed (14 of 6,000 on Classic 6.1.8).
func (s *scene) expectRemaining(ctx context.Context, consumer *stomp.Client, destination string, want []string) error {
	if err := consumer.Disconnect(ctx); err != nil {
		return err
	}
	c, sub, err := s.listen(ctx, destination)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := s.sendAll(ctx, c, destination, []string{"last"}); err != nil {
		return err
	}
	var got []string
	for !slices.Contains(got, "last") || len(got) <= len(want) {
		f, err := next(ctx, sub)
		if err != nil {
			return fmt.Errorf("want %q, got %q so far: %w", want, got, err)
		}
		got = append(got, string(f.Body))
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	return same(got, append([]string{"last"}, want...))
}

// nack expects the server to do with a refused message what it is known to do, and
// the session to go on.
func nack(ctx context.Context, s *scene) error {
	destination := s.queue()
	c, sub, err := s.listen(ctx, destination, stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		return err
	}
	defer c.Close()
	text := "refused " + s.fresh()
	if err := c.Send(ctx, destination, []byte(text), s.persistent, stomp.WithReceipt()); err != nil {
		return err
	}
	f, err := next(ctx, sub)
	if err != nil {
		return err
	}
	if err := c.Nack(ctx, f, stomp.WithReceipt()); err != nil {
		return err
	}
	switch s.nack {
	case requeues:
		again, err := next(ctx, sub)
		if err != nil {
			return err
		}
		if string(again.Body) != text {
			return fmt.Errorf("received %v, want %q again", again, text)
		}
		if err := c.Ack(ctx, again, stomp.WithReceipt()); err != nil {
			return err
		}
	case deadLetters:
		if err := s.deadLettered(ctx, c, text); err != nil {
			return err
		}
	}
	return s.expectRemaining(ctx, c, destination, nil)
}

// deadLettered browses the dead letter queue until it finds the message.
func (s *scene) deadLettered(ctx context.Context, c *stomp.Client, text string) error {
	for {
		ctx, cancel := context.WithCancel(ctx)
		// A browser leaves the messages where they are.
		dead, err := c.NewSubscription(ctx, "/queue/ActiveMQ.DLQ", stomp.WithHeader("browser", "true"))
		if err != nil {
			cancel()
			return err
		}
		for found, end := false, false; !end; {
			f, err := next(ctx, dead)
			if err != nil {
				cancel()
				return err
			}
			found = found || string(f.Body) == text
			if _, end = f.Header.Lookup("browser"); end && found {
				cancel()
				return nil
			}
		}
		cancel()
	}
}

// redeliveryAfterCut breaks the connection of a client that has not acknowledged:
// the same channel gets the messages again.
func redeliveryAfterCut(ctx context.Context, s *scene) error {
	destination, sent := s.queue(), numbered(2)
	var cut cutter
	c, err := s.connect(ctx, stomp.WithHTTPClient(cut.client()))
	if err != nil {
		return err
	}
	defer c.Close()
	sub, err := s.subscribe(ctx, c, destination, stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		return err
	}
	if err := s.sendAll(ctx, c, destination, sent); err != nil {
		return err
	}
	_, before, err := bodies(ctx, sub, len(sent))
	if err != nil {
		return err
	}
	cut.now()
	for i := 0; i < len(sent); i++ {
		again, err := next(ctx, sub)
		if err != nil {
			return err
		}
		if i == 0 && s.mayLoseFirst && string(again.Body) == sent[1] {
			i = 1
		}
		if string(again.Body) != sent[i] || again.Epoch != 2 {
			return fmt.Errorf("after the cut it received %v in session %d, want %q in session 2", again, again.Epoch, sent[i])
		}
		if err := c.Ack(ctx, again, stomp.WithReceipt()); err != nil {
			return err
		}
	}
	if err := c.Ack(ctx, before[0]); !errors.Is(err, stomp.ErrStale) {
		return fmt.Errorf("an ACK of the first delivery: %w, want ErrStale", err)
	}
	return s.expectRemaining(ctx, c, destination, nil)
}

// prefetch expects a subscriber that may hold one of ten messages to get one, and
// the next subscriber to get the others.
func prefetch(ctx context.Context, s *scene) error {
	destination := s.queue()
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	holds, err := s.subscribe(ctx, c, destination, stomp.WithAck(stomp.AckClientIndividual), s.prefetch)
	if err != nil {
		return err
	}
	if err := s.sendAll(ctx, c, destination, numbered(10)); err != nil {
		return err
	}
	held, err := next(ctx, holds)
	if err != nil {
		return err
	}
	other, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer other.Close()
	takes, err := s.subscribe(ctx, other, destination)
	if err != nil {
		return err
	}
	rest, _, err := bodies(ctx, takes, 9)
	if err != nil {
		return err
	}
	if err := same(append(rest, string(held.Body)), numbered(10)); err != nil {
		return err
	}
	return c.Ack(ctx, held, stomp.WithReceipt())
}
