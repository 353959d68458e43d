package bench

import (
	"context"
	"fmt"
	"strconv"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

// subscriptionID has one length for all i below 100,000, and so have the messages.
func subscriptionID(i int) string { return fmt.Sprintf("s%05d", i) }

// receiveBare reads messages, whomever they are for.
func receiveBare(subscriptions, body int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		size := len(peer.AppendMessage(nil, subscriptionID(0), peer.Body(0, body)))
		return withBare(ctx, at, size+1, func(b *bare) (func(int) error, error) {
			for i := range subscriptions {
				if err := b.subscribe(subscriptionID(i)); err != nil {
					return nil, err
				}
			}
			return subscribed(subscriptions, func(n int) error {
				if err := b.write(peer.FloodRequest(n, body)); err != nil {
					return err
				}
				for range n {
					if _, err := b.read(); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
}

// receiveClient takes messages from the channels of that many subscriptions.
func receiveClient(subscriptions, body int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withClient(ctx, at, func(c *stomp.Client) (func(int) error, error) {
			return takeTurns(subscriptions,
				func(id string) (<-chan stomp.Frame, error) {
					return c.Subscribe(ctx, destination, stomp.WithID(id))
				},
				func(n int) error { return floodClient(c, n, body) }, c.Err)
		})
	}
}

// receiveMinimal does the same with a minimal client.
func receiveMinimal(subscriptions, body int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withMinimal(ctx, at, func(c *minimal.Client) (func(int) error, error) {
			return takeTurns(subscriptions,
				func(id string) (<-chan minimal.Frame, error) { return c.Subscribe(ctx, destination, id) },
				func(n int) error { return floodMinimal(c, n, body) }, c.Err)
		})
	}
}

// groupClient takes messages from the channel of a Group with that many members.
func groupClient(members int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withClient(ctx, at, func(c *stomp.Client) (func(int) error, error) {
			g, err := c.NewGroup(context.Background()) // until the Client is closed
			if err != nil {
				return nil, err
			}
			for i := range members {
				if _, err := g.Add(ctx, destination, stomp.WithID(subscriptionID(i))); err != nil {
					return nil, err
				}
			}
			return takeFrom(members, g.C, func(n int) error { return floodClient(c, n, bodySize) }, c.Err)
		})
	}
}

// groupMinimal does the same with a minimal client.
func groupMinimal(members int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withMinimal(ctx, at, func(c *minimal.Client) (func(int) error, error) {
			g, err := c.NewGroup()
			if err != nil {
				return nil, err
			}
			for i := range members {
				if err := g.Add(ctx, destination, subscriptionID(i)); err != nil {
					return nil, err
				}
			}
			return takeFrom(members, g.C, func(n int) error { return floodMinimal(c, n, bodySize) }, c.Err)
		})
	}
}

// floodClient asks the peer for n messages.
func floodClient(c *stomp.Client, n, body int) error {
	return c.Send(context.Background(), peer.Flood, nil,
		stomp.WithHeader("count", strconv.Itoa(n)), stomp.WithHeader("size", strconv.Itoa(body)))
}

func floodMinimal(c *minimal.Client, n, body int) error {
	return c.Write(context.Background(), peer.FloodRequest(n, body))
}

// takeFrom returns what asks the peer for n messages and takes them from the one
// channel of that many subscriptions.
func takeFrom[F any](subscriptions int, messages <-chan F, flood func(n int) error, ended func() error) (func(n int) error, error) {
	return subscribed(subscriptions, func(n int) error {
		if err := flood(n); err != nil {
			return err
		}
		for range n {
			if _, open := <-messages; !open {
				return closedError(ended())
			}
		}
		return nil
	})
}

// takeTurns subscribes, and returns what asks the peer for n messages and takes
// them from the channels in turns, in the order in which they are sent.
func takeTurns[F any](subscriptions int, subscribe func(id string) (<-chan F, error), flood func(n int) error, ended func() error) (func(n int) error, error) {
	channels := make([]<-chan F, subscriptions)
	for i := range channels {
		var err error
		if channels[i], err = subscribe(subscriptionID(i)); err != nil {
			return nil, err
		}
	}
	return subscribed(subscriptions, func(n int) error {
		if err := flood(n); err != nil {
			return err
		}
		next := 0 // the subscription whose turn it is
		for range n {
			if _, open := <-channels[next]; !open {
				return closedError(ended())
			}
			if next++; next == subscriptions {
				next = 0
			}
		}
		return nil
	})
}

// subscribed returns run after one message for each subscription. Before that the
// SUBSCRIBEs may be on their way, and the peer has yet to make the messages: the
// warm-up would take it for the speed of what is measured.
func subscribed(subscriptions int, run func(n int) error) (func(n int) error, error) {
	return run, run(subscriptions)
}
