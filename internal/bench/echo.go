package bench

import (
	"context"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

// echoBare writes a SEND and reads the MESSAGE that answers it.
func echoBare(ctx context.Context, at place) (*load, error) {
	return withBare(ctx, at, longest, func(b *bare) (func(int) error, error) {
		message := minimal.AppendSend(nil, peer.Echo, "", peer.Body(0, bodySize))
		return repeat(func() error {
			if err := b.write(message); err != nil {
				return err
			}
			_, err := b.read()
			return err
		}), b.subscribe(subscriptionID(0))
	})
}

// echoClient sends, and takes the MESSAGE that answers from its channel.
func echoClient(ctx context.Context, at place) (*load, error) {
	return withClient(ctx, at, func(c *stomp.Client) (func(int) error, error) {
		messages, err := c.Subscribe(ctx, destination, stomp.WithID(subscriptionID(0)))
		body := peer.Body(0, bodySize)
		return echo(messages, func() error { return c.Send(context.Background(), peer.Echo, body) }, c.Err), err
	})
}

// echoMinimal does the same with a minimal client.
func echoMinimal(ctx context.Context, at place) (*load, error) {
	return withMinimal(ctx, at, func(c *minimal.Client) (func(int) error, error) {
		messages, err := c.Subscribe(ctx, destination, subscriptionID(0))
		body := peer.Body(0, bodySize)
		return echo(messages, func() error { return c.Send(context.Background(), peer.Echo, body) }, c.Err), err
	})
}

// echo returns what sends and takes the answer, n times.
func echo[F any](messages <-chan F, send func() error, ended func() error) func(n int) error {
	return repeat(func() error {
		if err := send(); err != nil {
			return err
		}
		if _, open := <-messages; !open {
			return closedError(ended())
		}
		return nil
	})
}
