package bench

import (
	"context"

	"github.com/webstomp/webstomp/stomp"
)

// roundTripBare writes message and reads what answers it, one at a time: what a
// Send with a receipt does, or a SEND that comes back, without a client.
func roundTripBare(listen func(context.Context) (*peer, error), message []byte) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		p, err := listen(ctx)
		if err != nil {
			return nil, err
		}
		return withBare(ctx, p, inSize, func(b *bare) func(int) error {
			return turns(message, b.write, b.read)
		})
	}
}

// roundTripHandedOver is roundTripBare with a reader goroutine.
func roundTripHandedOver(listen func(context.Context) (*peer, error), message []byte) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		p, err := listen(ctx)
		if err != nil {
			return nil, err
		}
		return withHandover(ctx, p, inSize, 0, false, func(h *handover) func(int) error {
			return turns(message, h.write, h.read)
		})
	}
}

// turns writes and reads by turns.
func turns(message []byte, write func([]byte) error, read func() ([]byte, error)) func(n int) error {
	return func(n int) error {
		for range n {
			if err := write(message); err != nil {
				return err
			}
			if _, err := read(); err != nil {
				return err
			}
		}
		return nil
	}
}

// quoting answers each SEND with a MESSAGE.
func quoting(ctx context.Context) (*peer, error) {
	return echoing(ctx, messageFor(subscriptionID(0), bodySize))
}

// roundTripClient sends, and takes the MESSAGE that answers from its channel.
func roundTripClient(ctx context.Context) (*load, error) {
	p, err := quoting(ctx)
	if err != nil {
		return nil, err
	}
	body := []byte(bodyOf(bodySize))
	return withClient(ctx, p, func(c *stomp.Client) (func(int) error, error) {
		frames, err := c.Subscribe(ctx, destination, stomp.WithID(subscriptionID(0)), stomp.WithReceipt())
		if err != nil {
			return nil, err
		}
		return func(n int) error {
			for range n {
				if err := c.Send(context.Background(), destination, body); err != nil {
					return err
				}
				if _, open := <-frames; !open {
					return closed(c)
				}
			}
			return nil
		}, nil
	})
}
