package interop

import (
	"context"
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

// topicFanOut expects each of three subscribers to get every message.
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

// same compares two sets of messages, in any order.
func same(got, want []string) error {
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// queueShared expects two subscribers to share the messages of a queue: both get
// some, and no message goes to both.
func queueShared(ctx context.Context, s *scene) error {
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

// selector expects only the messages that match.
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
