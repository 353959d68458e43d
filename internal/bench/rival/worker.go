package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/stomp"
)

// work does, as a worker, what a task says, and returns the exit status.
func work(text string) int {
	f, err := carryOut(context.Background(), text)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(f)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func carryOut(ctx context.Context, text string) (f figures, err error) {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return f, err
	}
	prepare, known := preparations[t.Work]
	if !known {
		return f, fmt.Errorf("there is no such work as %q", t.Work)
	}
	opts := []stomp.ConnectOption{stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect()}
	if t.Login != "" {
		opts = append(opts, stomp.WithLogin(t.Login, t.Passcode))
	}
	c, err := stomp.Connect(ctx, t.URL, opts...)
	if err != nil {
		return f, err
	}
	defer c.Close()
	do, err := prepare(ctx, c, []byte(strings.Repeat("x", t.Size)))
	if err != nil {
		return f, err
	}
	if err := do(t.WarmUp); err != nil {
		return f, err
	}
	start, spent := time.Now(), cpu()
	err = do(t.Messages)
	return figures{time.Since(start).Seconds(), since(spent)}, err
}

// preparations subscribe, where the work needs it, and return what does the work
// with so many messages.
var preparations = map[string]func(ctx context.Context, c *stomp.Client, body []byte) (func(n int) error, error){
	workReceive: func(ctx context.Context, c *stomp.Client, body []byte) (func(int) error, error) {
		take, err := subscribe(ctx, c, peer.Flood, len(body))
		return func(n int) error {
			err := c.Send(ctx, peer.Flood, nil, stomp.WithHeader("count", strconv.Itoa(n)), stomp.WithHeader("size", strconv.Itoa(len(body))))
			if err != nil {
				return err
			}
			return take(n)
		}, err
	},
	workSend: func(ctx context.Context, c *stomp.Client, body []byte) (func(int) error, error) {
		return func(n int) error {
			for range n - 1 {
				if err := c.Send(ctx, peer.Sink, body); err != nil {
					return err
				}
			}
			return c.Send(ctx, peer.Sink, body, stomp.WithReceipt())
		}, nil
	},
	workEcho: func(ctx context.Context, c *stomp.Client, body []byte) (func(int) error, error) {
		take, err := subscribe(ctx, c, peer.Echo, len(body))
		return func(n int) error {
			for range n {
				if err := c.Send(ctx, peer.Echo, body); err != nil {
					return err
				}
				if err := take(1); err != nil {
					return err
				}
			}
			return nil
		}, err
	},
	workTopic: func(ctx context.Context, c *stomp.Client, body []byte) (func(int) error, error) {
		const topic = "/topic/rival"
		take, err := subscribe(ctx, c, topic, len(body))
		return func(n int) error {
			var sending sync.WaitGroup
			var sent error
			sending.Go(func() { // joined below
				for range n {
					if sent = c.Send(ctx, topic, body); sent != nil {
						c.Close() // nobody needs to wait for the rest
						return
					}
				}
			})
			err := take(n)
			sending.Wait()
			if sent != nil {
				return sent
			}
			return err
		}, err
	},
}

// subscribe returns what takes so many messages and holds that their bodies have
// the size.
func subscribe(ctx context.Context, c *stomp.Client, destination string, size int) (take func(n int) error, err error) {
	messages, err := c.Subscribe(ctx, destination, stomp.WithReceipt())
	return func(n int) error {
		for i := range n {
			m, open := <-messages
			if !open {
				return fmt.Errorf("message %d of %d: %w", i+1, n, c.Err())
			}
			if len(m.Body) != size {
				return fmt.Errorf("message %d of %d has %d bytes, want %d", i+1, n, len(m.Body), size)
			}
		}
		return nil
	}, err
}
