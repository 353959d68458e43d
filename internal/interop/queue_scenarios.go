package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/webstomp/webstomp/stomp"
)

// numbered returns the texts "1" to "n".
func numbered(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = strconv.Itoa(i + 1)
	}
	return texts
}

// topicFanOut: three clients, each gets all of it.
func topicFanOut(ctx context.Context, s *scene) error {
	destination, sent := s.topic(), numbered(20)
	var subs []*stomp.Subscription[stomp.Frame]
	var c *stomp.Client
	for range 3 {
		var err error
		if c, err = s.connect(ctx); err != nil {
			return err
		}
		defer c.Close()
		sub, err := s.subscribe(ctx, c, destination)
		if err != nil {
			return err
		}
		subs = append(subs, sub)
	}
	if err := s.sendAll(ctx, c, destination, sent); err != nil {
		return err
	}
	for i, sub := range subs {
		got, _, err := bodies(ctx, sub, len(sent))
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", i+1, err)
		}
		if err := same(got, sent); err != nil {
			return fmt.Errorf("subscriber %d: %w", i+1, err)
		}
	}
	return nil
}

// same compares two sets of messages, whatever their order.
func same(got, want []string) error {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// queueInTurns: two subscribers share a queue, and no message comes to both.
func queueInTurns(ctx context.Context, s *scene) error {
	destination, sent := s.queue(), numbered(100)
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	first, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	second, err := s.subscribe(ctx, c, destination)
	if err != nil {
		return err
	}
	if err := s.sendAll(ctx, c, destination, sent); err != nil {
		return err
	}
	var got []string
	share := map[*stomp.Subscription[stomp.Frame]]int{}
	for len(got) < len(sent) {
		select {
		case f := <-first.C:
			got, share[first] = append(got, string(f.Body)), share[first]+1
		case f := <-second.C:
			got, share[second] = append(got, string(f.Body)), share[second]+1
		case <-ctx.Done():
			return fmt.Errorf("%d of %d arrived: %w", len(got), len(sent), ctx.Err())
		}
	}
	if share[first] == 0 || share[second] == 0 {
		return fmt.Errorf("one got %d, the other %d", share[first], share[second])
	}
	return same(got, sent)
}

// ackCumulative: the third ACK of five settles three.
func ackCumulative(ctx context.Context, s *scene) error {
	return s.acks(ctx, stomp.AckClient, []int{2}, []string{"4", "5"})
}

// ackIndividual: each ACK settles one.
func ackIndividual(ctx context.Context, s *scene) error {
	return s.acks(ctx, stomp.AckClientIndividual, []int{1, 3}, []string{"1", "3", "5"})
}

// acks receives five messages, acknowledges some of them and leaves. The next
// subscriber gets the others.
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
	return s.remain(ctx, c, destination, left)
}

// remain ends a consumer of a queue, and expects just these messages there.
// Nobody is cut off: until the server notices, it gives messages to those who
// are, and with AckAuto it takes them for consumed (14 of 6,000 on Classic 6.1.8).
func (s *scene) remain(ctx context.Context, consumer *stomp.Client, destination string, want []string) error {
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
			return fmt.Errorf("of %q came %q: %w", want, got, err)
		}
		got = append(got, string(f.Body))
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	return same(got, append([]string{"last"}, want...))
}

// nack: what the server does with a refused message, and that the session goes on.
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
	case buries:
		if err := s.buried(ctx, c, text); err != nil {
			return err
		}
	}
	return s.remain(ctx, c, destination, nil)
}

// buried looks for a message in the dead letter queue.
func (s *scene) buried(ctx context.Context, c *stomp.Client, text string) error {
	for {
		ctx, cancel := context.WithCancel(ctx)
		// Browsing leaves the others' messages where they are.
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

// redeliveryAfterCut: the connection breaks under a client that has not
// acknowledged: the same channel gets the messages again.
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
		if i == 0 && s.keepsFirst && string(again.Body) == sent[1] {
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
	return s.remain(ctx, c, destination, nil)
}

// prefetch: of ten messages, a subscriber that may hold one gets one, and the
// next subscriber all others.
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

// selector: only what it matches arrives.
func selector(ctx context.Context, s *scene) error {
	destination := s.topic()
	c, sub, err := s.listen(ctx, destination, stomp.WithSelector("kind = 'good' AND size = '7'"))
	if err != nil {
		return err
	}
	defer c.Close()
	for i, kind := range strings.Fields("good bad good bad good") {
		for _, size := range []string{"3", "7"} {
			if err := c.Send(ctx, destination, fmt.Appendf(nil, "%d %s %s", i, kind, size), stomp.WithHeader("kind", kind), stomp.WithHeader("size", size)); err != nil {
				return err
			}
		}
	}
	got, _, err := bodies(ctx, sub, 3)
	if err != nil {
		return err
	}
	return same(got, []string{"0 good 7", "2 good 7", "4 good 7"})
}
