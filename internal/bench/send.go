package bench

import (
	"context"
	"sync"

	"github.com/webstomp/webstomp/stomp"
)

// sendBare writes one message a call, which is one system call each.
func sendBare(ctx context.Context) (*load, error) {
	p, err := discarding(ctx)
	if err != nil {
		return nil, err
	}
	message := sendFrame("")
	return withBare(ctx, p, inSize, func(b *bare) func(int) error {
		return func(n int) error {
			for range n {
				if err := b.write(message); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

// sendBareConfirmed keeps that many answers outstanding in one goroutine, which
// is cheaper than any that wait for them: it writes until so many are missing,
// and then reads one for each that it writes.
func sendBareConfirmed(outstanding int) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		p, err := discarding(ctx)
		if err != nil {
			return nil, err
		}
		message := sendFrame("r1")
		return withBare(ctx, p, inSize, func(b *bare) func(int) error {
			return func(n int) error {
				for i := range n + outstanding {
					if i < n {
						if err := b.write(message); err != nil {
							return err
						}
					}
					if i >= outstanding {
						if _, err := b.read(); err != nil {
							return err
						}
					}
				}
				return nil
			}
		})
	}
}

// sendClient sends without receipts, until all of it is written.
func sendClient(ctx context.Context) (*load, error) {
	p, err := discarding(ctx)
	if err != nil {
		return nil, err
	}
	body := []byte(bodyOf(bodySize))
	return withClient(ctx, p, func(c *stomp.Client) (func(int) error, error) {
		return func(n int) error {
			for range n {
				if err := c.Send(context.Background(), destination, body); err != nil {
					return err
				}
			}
			return c.Flush(context.Background())
		}, nil
	})
}

// sendConfirmed sends with receipts, from as many goroutines as there may be
// receipts outstanding.
func sendConfirmed(outstanding int) func(context.Context) (*load, error) {
	return func(ctx context.Context) (*load, error) {
		p, err := discarding(ctx)
		if err != nil {
			return nil, err
		}
		body := []byte(bodyOf(bodySize))
		return withClient(ctx, p, func(c *stomp.Client) (func(int) error, error) {
			some := func(n int) error {
				for range n {
					if err := c.Send(context.Background(), destination, body, stomp.WithReceipt()); err != nil {
						return err
					}
				}
				return nil
			}
			if outstanding == 1 { // a goroutine for each call would be measured as well
				return some, nil
			}
			return func(n int) error { return spread(n, outstanding, some) }, nil
		})
	}
}

// spread runs n operations in that many goroutines, joins them and returns one
// of their errors.
func spread(n, goroutines int, some func(n int) error) error {
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
