package interop

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// The recipes of docs/brokers.md, "Durable subscriptions": what was sent WithPersistent while the subscriber and then
// the server were away is there when both are back, and nothing is collected after the subscription was ended for
// good.
func TestDurable_subscription_promise7_outlives_a_restart(t *testing.T) {
	servers.OptIn(t)
	endpoints, err := Endpoints(t.TempDir())
	servers.Require(t, err)
	rabbit := func(header ...string) func(string) durable {
		return func(name string) durable {
			d := rabbitDurable(name)
			if slices.Contains(header, "x-queue-name") { // in place of the id
				d.subscribe = d.subscribe[1:]
			}
			for i := 0; i < len(header); i += 2 {
				value := header[i+1]
				if value == "" {
					value = name
				}
				d.subscribe = append(d.subscribe, stomp.WithHeader(header[i], value))
				d.unsubscribe = append(d.unsubscribe, stomp.WithHeader(header[i], value))
			}
			return d
		}
	}
	recipes := map[string]map[string]func(name string) durable{
		"RabbitMQ 4.0 ws": {
			"id":           rabbit(),
			"x-queue-name": rabbit("x-queue-name", ""),
			"quorum":       rabbit("x-queue-type", "quorum"),
		},
		"Artemis ws": {
			"durable-subscription-name": jmsDurable("durable-subscription-name"),
			"durable-subscriber-name":   jmsDurable("durable-subscriber-name"),
			"activemq.subscriptionName": jmsDurable("activemq.subscriptionName"),
		},
		"Classic 6.3 TCP": {
			"activemq.subscriptionName": jmsDurable("activemq.subscriptionName"),
		},
	}
	for _, e := range endpoints {
		if recipes[e.Column] == nil {
			continue
		}
		t.Run(e.Column, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			servers.Require(t, e.Broker.Start(ctx))
			defer e.Broker.Stop()
			var stories []*durableStory
			for name, recipe := range recipes[e.Column] {
				s := &durableStory{scene: &scene{Endpoint: e, unique: newName()}, name: name}
				s.destination, s.durable = s.topic(), recipe(s.fresh())
				stories = append(stories, s)
				if err := s.leave(ctx); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			e.Broker.Stop()
			if err := e.Broker.Start(ctx); err != nil {
				t.Fatal(err)
			}
			for _, s := range stories {
				got, err := s.resume(ctx)
				if err != nil {
					t.Errorf("%s: %v", s.name, err)
				}
				want := []string{"persistent"}
				if s.name == "quorum" { // it has everything on the disk
					want = []string{"persistent", "not persistent"}
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s: %q arrived, want %q", s.name, got, want)
				}
			}
			cancel()
			for _, s := range stories {
				s.watching.Wait()
			}
		})
	}
}

// durableStory is one durable subscription.
type durableStory struct {
	*scene
	name        string
	destination string
	durable     durable
}

func (s *durableStory) subscriber(ctx context.Context) (*stomp.Client, *stomp.Subscription[stomp.Frame], error) {
	c, err := s.connect(ctx, s.durable.connect...)
	if err != nil {
		return nil, nil, err
	}
	sub, err := s.subscribe(ctx, c, s.destination, s.durable.subscribe...)
	if err != nil {
		c.Close()
	}
	return c, sub, err
}

func (s *durableStory) send(ctx context.Context, text string, opts ...stomp.SendOption) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.sendAll(ctx, c, s.destination, []string{text}, opts...)
}

// leave makes the subscription, leaves it with an UNSUBSCRIBE that does not end it for good, and sends two messages.
func (s *durableStory) leave(ctx context.Context) error {
	c, sub, err := s.subscriber(ctx)
	if err != nil {
		return err
	}
	if err := sub.Unsubscribe(ctx, stomp.WithReceipt()); err != nil {
		return err
	}
	if err := c.Disconnect(ctx); err != nil {
		return err
	}
	if err := s.send(ctx, "persistent", stomp.WithPersistent()); err != nil {
		return err
	}
	return s.send(ctx, "not persistent")
}

// resume returns what the subscription has collected, ends it for good, and sees that it has ended.
func (s *durableStory) resume(ctx context.Context) (got []string, err error) {
	c, sub, err := s.subscriber(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := s.send(ctx, "last"); err != nil {
		return nil, err
	}
	for {
		f, err := next(ctx, sub)
		if err != nil {
			return got, err
		}
		if string(f.Body) == "last" {
			break
		}
		got = append(got, string(f.Body))
	}
	if err := sub.Unsubscribe(ctx, append(s.durable.unsubscribe, stomp.WithReceipt())...); err != nil {
		return got, err
	}
	if err := c.Disconnect(ctx); err != nil {
		return got, err
	}
	if err := s.send(ctx, "after the end", stomp.WithPersistent()); err != nil {
		return got, err
	}
	c, sub, err = s.subscriber(ctx)
	if err != nil {
		return got, err
	}
	defer c.Close()
	if err := s.send(ctx, "a new one"); err != nil {
		return got, err
	}
	if f, err := next(ctx, sub); err != nil || string(f.Body) != "a new one" {
		return got, fmt.Errorf("subscribed anew, it received %q: %w", f.Body, err)
	}
	return got, sub.Unsubscribe(ctx, s.durable.unsubscribe...)
}
