package bench

import (
	"context"
	"sync"

	"github.com/webstomp/webstomp/internal/bench/minimal"
	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

// sendBare writes one message a call, which is one system call each.
func sendBare(ctx context.Context, at place) (*load, error) {
	return withBare(ctx, at, longest, func(b *bare) (func(int) error, error) {
		message := minimal.AppendSend(nil, peer.Sink, "", peer.Body(0, bodySize))
		return repeat(func() error { return b.write(message) }), nil
	})
}

// sendClient sends without receipts, until all of it is written.
func sendClient(ctx context.Context, at place) (*load, error) {
	return withClient(ctx, at, func(c *stomp.Client) (func(int) error, error) {
		body := peer.Body(0, bodySize)
		some := repeat(func() error { return c.Send(context.Background(), peer.Sink, body) })
		return func(n int) error {
			if err := some(n); err != nil {
				return err
			}
			return c.Flush(context.Background())
		}, nil
	})
}

// sendMinimal does the same with a minimal client.
func sendMinimal(ctx context.Context, at place) (*load, error) {
	return withMinimal(ctx, at, func(c *minimal.Client) (func(int) error, error) {
		body := peer.Body(0, bodySize)
		return repeat(func() error { return c.Send(context.Background(), peer.Sink, body) }), nil
	})
}

// confirmedBare keeps that many receipts outstanding in one goroutine, which is
// cheaper than any that wait for them: it writes until so many are missing, and
// then reads one for each that it writes.
func confirmedBare(outstanding int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withBare(ctx, at, longest, func(b *bare) (func(int) error, error) {
			message := minimal.AppendSend(nil, peer.Sink, "1", peer.Body(0, bodySize))
			return func(n int) error {
				for i := range n + outstanding - 1 {
					if i < n {
						if err := b.write(message); err != nil {
							return err
						}
					}
					if i >= outstanding-1 {
						if _, err := b.read(); err != nil {
							return err
						}
					}
				}
				return nil
			}, nil
		})
	}
}

// confirmedClient sends with receipts, from as many goroutines as there may be
// receipts outstanding.
func confirmedClient(outstanding int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withClient(ctx, at, func(c *stomp.Client) (func(int) error, error) {
			body := peer.Body(0, bodySize)
			return spread(outstanding, repeat(func() error {
				return c.Send(context.Background(), peer.Sink, body, stomp.WithReceipt())
			})), nil
		})
	}
}

// confirmedMinimal does the same with a minimal client.
func confirmedMinimal(outstanding int) opener {
	return func(ctx context.Context, at place) (*load, error) {
		return withMinimal(ctx, at, func(c *minimal.Client) (func(int) error, error) {
			body := peer.Body(0, bodySize)
			return spread(outstanding, repeat(func() error {
				return c.SendConfirmed(context.Background(), peer.Sink, body)
			})), nil
		})
	}
}

// repeat returns what does an operation n times, or until it fails.
func repeat(once func() error) func(n int) error {
	return func(n int) error {
		for range n {
			if err := once(); err != nil {
				return err
			}
		}
		return nil
	}
}

// spread returns what does n operations in that many goroutines, joins them and
// returns one of their errors. It starts none for one alone, which would be
// measured as well.
func spread(goroutines int, some func(n int) error) func(n int) error {
	if goroutines == 1 {
		return some
	}
	return func(n int) error {
		var running sync.WaitGroup
		errs := make(chan error, goroutines)
		for i := range goroutines {
			share := n / goroutines
			if i < n%goroutines {
				share++
			}
			running.Go(func() { errs <- some(share) })
		}
		running.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}
}
