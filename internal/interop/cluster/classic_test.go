package cluster

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// classicQueue kills the node that a classic queue lives on, which its consumers at the other nodes learn by "Server
// cancelled subscription". The subscription goes on WithResubscribe when the node is back, with what the queue has kept.
// Without it only that subscription ends, and others of its Client go on.
func classicQueue(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, 2*time.Minute)
	urls := c.URLs()
	persistent := []stomp.SendOption{stomp.WithPersistent(), stomp.WithRetry()}
	// A queue lives on the node that it was declared at.
	home := connect(t, ctx, urls[:1])
	send := func(client *stomp.Client, queue string, n int) {
		t.Helper()
		if err := client.Send(ctx, queue, fmt.Append(nil, n), persistent...); err != nil {
			t.Fatal(err)
		}
	}
	const queue, other = "/queue/classic", "/queue/elsewhere"
	send(home, queue, 0)
	away := connect(t, ctx, urls[1:])
	send(away, other, 0)
	if leader, err := c.Leader(ctx, "classic"); err != nil || leader != c.Nodes[0] {
		t.Fatalf("the queue lives on %v (%v)", leader, err)
	}
	var consumers sync.WaitGroup
	t.Cleanup(consumers.Wait)
	t.Cleanup(func() { away.Close() })
	var mu sync.Mutex
	got := make(map[string][]string) // guarded by mu
	consume := func(destination string, opts ...stomp.SubscribeOption) *stomp.Subscription[stomp.Frame] {
		sub, err := away.NewSubscription(ctx, destination, append(opts, stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())...)
		if err != nil {
			t.Fatal(err)
		}
		consumers.Go(func() { // ends with the Client
			for f := range sub.C {
				mu.Lock()
				got[destination] = append(got[destination], string(f.Body))
				mu.Unlock()
				if err := away.Ack(ctx, f); err != nil && !over(err) {
					t.Errorf("ack: %v", err)
				}
			}
		})
		return sub
	}
	arrived := func(destination, body string) {
		t.Helper()
		until(t, ctx, "a message", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return slices.Contains(got[destination], body)
		})
	}
	kept := consume(queue, stomp.WithResubscribe(stomp.Backoff{Max: time.Second}))
	lost := consume(queue)
	bystander := consume(other)
	arrived(queue, "0")
	arrived(other, "0")

	killed := time.Now()
	c.Nodes[0].Kill()
	select {
	case <-lost.Done():
		t.Logf("without WithResubscribe it ended %v after the kill: %v", time.Since(killed).Round(time.Millisecond), lost.Err())
		if lost.Err() == nil {
			t.Error("it ended without a reason")
		}
	case <-ctx.Done():
		t.Fatal("without WithResubscribe it has not ended")
	}
	send(away, other, 1)
	arrived(other, "1")
	time.Sleep(downtime)
	start(t, c)
	back := time.Now()
	send(away, queue, 1)
	arrived(queue, "1")
	t.Logf("with it: a message came %v after the node was back; made anew %d times; %d sessions",
		time.Since(back).Round(time.Millisecond), kept.Stats().Restored, away.Stats().Sessions)
	for _, sub := range []*stomp.Subscription[stomp.Frame]{kept, bystander} {
		if err := sub.Err(); err != nil {
			t.Errorf("a subscription ended: %v", err)
		}
	}
}
