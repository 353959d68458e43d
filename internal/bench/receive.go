package bench

import (
	"context"

	"github.com/webstomp/webstomp/stomp"
)

// receiveBare reads messages with the WebSocket library.
func receiveBare(body int) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		message := messageFor(subscriptionID(0), body)
		p, err := flooding(ctx, message)
		if err != nil {
			return nil, err
		}
		return withBare(ctx, p, len(message)+1, func(b *bare) func(int) error { return taking(p, b.read) })
	}
}

// receiveHandedOver is receiveBare through a channel with room for as many
// messages as the client's has, each of which may be kept.
func receiveHandedOver(body int) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		message := messageFor(subscriptionID(0), body)
		p, err := flooding(ctx, message)
		if err != nil {
			return nil, err
		}
		const room = 8
		return withHandover(ctx, p, len(message)+1, room, true, func(h *handover) func(int) error { return taking(p, h.read) })
	}
}

// taking asks the flood for messages and reads them.
func taking(p *peer, read func() ([]byte, error)) func(n int) error {
	return func(n int) error {
		p.flood(n)
		for range n {
			if _, err := read(); err != nil {
				return err
			}
		}
		return nil
	}
}

// receiveClient takes messages from the channels of that many subscriptions in
// turns, in the order in which they are sent.
func receiveClient(subscriptions, body int) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		messages := make([][]byte, subscriptions)
		for i := range messages {
			messages[i] = messageFor(subscriptionID(i), body)
		}
		p, err := flooding(ctx, messages...)
		if err != nil {
			return nil, err
		}
		return withClient(ctx, p, func(c *stomp.Client) (func(int) error, error) {
			channels := make([]<-chan stomp.Frame, subscriptions)
			for i := range channels {
				opts := []stomp.SubscribeOption{stomp.WithID(subscriptionID(i))}
				if i == subscriptions-1 {
					opts = append(opts, stomp.WithReceipt()) // the peer is done with all of them then
				}
				var err error
				if channels[i], err = c.Subscribe(ctx, destination, opts...); err != nil {
					return nil, err
				}
			}
			next := 0 // the subscription whose turn it is
			return func(n int) error {
				p.flood(n)
				for range n {
					if _, open := <-channels[next]; !open {
						return closed(c)
					}
					if next++; next == subscriptions {
						next = 0
					}
				}
				return nil
			}, nil
		})
	}
}
