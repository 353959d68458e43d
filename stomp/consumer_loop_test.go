package stomp_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// flood is a server that reads nothing, beyond the first SUBSCRIBE of a session, until it has written n messages.
func flood(s *rig.Server, p *rig.Peer, n int) {
	p.Want(wire.Subscribe)
	for m := range n {
		const message = "MESSAGE\nsubscription:s1\ndestination:/a\nmessage-id:%d\nack:%[1]d\n\n%0300d\x00"
		if _, err := fmt.Fprintf(p.Conn, message, m, m); err != nil {
			return // the Client has ended, and the test knows why
		}
	}
	s.Attend(p)
}

// fillRoom makes every call wait for room until the server reads.
func fillRoom(ctx context.Context, c *stomp.Client) error {
	for range 2 {
		if err := c.Send(ctx, "/big", make([]byte, 2<<20)); err != nil {
			return err
		}
	}
	return nil
}

// Promise 2: any call that a consumer makes in its own loop gets through, on a queue of 4 frames and without
// heart-beats, although the server waits for us to read before it reads. Where a call waits only for room, others
// fill that first.
func TestSubscription_promise2_every_call_in_the_consumers_own_loop(t *testing.T) {
	const messages = 40
	type call = func(ctx context.Context, c *stomp.Client, f stomp.Frame) error
	other := func(ctx context.Context, c *stomp.Client) (*stomp.Subscription[stomp.Frame], error) {
		return c.NewSubscription(ctx, "/other")
	}
	receipt := stomp.WithReceipt()
	begin := func(ctx context.Context, c *stomp.Client, end func(tx *stomp.Transaction) error) error {
		tx, err := c.Begin(ctx)
		if err != nil {
			return err
		}
		return end(tx)
	}
	for name, do := range map[string]call{
		"Send": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error { return c.Send(ctx, "/b", f.Body) },
		"Send_with_receipt": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			return c.Send(ctx, "/b", f.Body, receipt)
		},
		"Send_WithRetry": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			return c.Send(ctx, "/b", f.Body, stomp.WithRetry())
		},
		"SendAsync_and_Wait": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			r, err := c.SendAsync(ctx, "/b", f.Body)
			if err != nil {
				return err
			}
			return r.Wait(ctx)
		},
		"SendAsync_and_Done": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			r, err := c.SendAsync(ctx, "/b", f.Body)
			if err != nil {
				return err
			}
			select {
			case <-r.Done():
				return r.Err()
			case <-ctx.Done():
				return ctx.Err()
			}
		},
		"Send_and_Flush": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			if err := c.Send(ctx, "/b", f.Body); err != nil {
				return err
			}
			return c.Flush(ctx)
		},
		"Ack":              func(ctx context.Context, c *stomp.Client, f stomp.Frame) error { return c.Ack(ctx, f) },
		"Ack_with_receipt": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error { return c.Ack(ctx, f, receipt) },
		"Nack":             func(ctx context.Context, c *stomp.Client, f stomp.Frame) error { return c.Nack(ctx, f) },
		"Nack_with_receipt": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			return c.Nack(ctx, f, receipt)
		},
		"Begin_with_receipt": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			_, err := c.Begin(ctx, receipt)
			return err
		},
		"Transaction": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			return begin(ctx, c, func(tx *stomp.Transaction) error {
				if err := tx.Ack(ctx, f); err != nil {
					return err
				}
				if err := tx.Send(ctx, "/b", f.Body, receipt); err != nil {
					return err
				}
				return tx.Commit(ctx)
			})
		},
		"Commit_with_receipt": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			return begin(ctx, c, func(tx *stomp.Transaction) error { return tx.Commit(ctx, receipt) })
		},
		"Abort": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			return begin(ctx, c, func(tx *stomp.Transaction) error { return tx.Abort(ctx) })
		},
		"Abort_with_receipt": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			return begin(ctx, c, func(tx *stomp.Transaction) error { return tx.Abort(ctx, receipt) })
		},
		"Request": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			_, err := c.Request(ctx, "/b", f.Body)
			return err
		},
		"Request_with_receipt": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			_, err := c.Request(ctx, "/b", f.Body, receipt)
			return err
		},
		"Subscribe": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error { _, err := other(ctx, c); return err },
		"Subscribe_with_receipt": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			_, err := c.Subscribe(ctx, "/other", receipt)
			return err
		},
		"Confirmed": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			sub, err := other(ctx, c)
			if err != nil {
				return err
			}
			return sub.Confirmed(ctx)
		},
		"Unsubscribe": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			sub, err := other(ctx, c)
			if err != nil {
				return err
			}
			return sub.Unsubscribe(ctx)
		},
		"Unsubscribe_with_receipt": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			sub, err := other(ctx, c)
			if err != nil {
				return err
			}
			return sub.Unsubscribe(ctx, receipt)
		},
	} {
		for _, full := range []bool{false, true} {
			rig.Bubble(t, fmt.Sprintf("%s/room_%t", name, !full), func(t *testing.T) {
				server := rig.NewServer(t)
				p, c := server.Session("version:1.2", stomp.WithHeartBeat(0, 0))
				go flood(server, p, messages) // ends with the connection
				in, err := c.NewSubscription(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock), stomp.WithAck(stomp.AckClientIndividual))
				rig.OK(t, err)
				for n := 1; n <= messages; n++ {
					f := <-in.C
					ctx := rig.Within(t, time.Hour)
					if full && n == 20 {
						rig.OK(t, fillRoom(ctx, c))
					}
					if err := do(ctx, c, f); err != nil {
						t.Fatalf("message %d: %v", n, err)
					}
				}
				rig.OK(t, c.Disconnect(rig.Within(t, time.Hour))) // the server has answered everything
			})
		}
	}
}

// The same for what has the next session written: its SUBSCRIBEs do not fit into what the server reads.
func TestSubscription_promise2_Reconnect_in_the_consumers_own_loop(t *testing.T) {
	const messages = 100
	rig.Bubble(t, "Reconnect", func(t *testing.T) {
		server, p, c := rig.Reconnecting(t, wire.V12, stomp.WithHeartBeat(0, 0))
		go func() { // ends with the second connection
			flood(server, p, messages)
			server.Release()
			flood(server, server.AcceptSession(wire.V12), messages)
		}()
		in, err := c.Subscribe(t.Context(), "/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		for range 5 {
			_, err := c.Subscribe(t.Context(), "/other", stomp.WithHeader("x", strings.Repeat("x", 30<<10)))
			rig.OK(t, err)
		}
		var epoch uint64
		for n := range 2 * messages {
			f := <-in
			if epoch = f.Epoch; n == 10 {
				rig.OK(t, c.Reconnect(rig.Within(t, time.Hour)))
			}
		}
		if epoch != 2 {
			t.Errorf("the last message is of session %d", epoch)
		}
		rig.OK(t, c.Disconnect(rig.Within(t, time.Hour)))
	})
}
