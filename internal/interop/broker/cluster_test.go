package broker_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

func TestCluster_nodes_end_alone(t *testing.T) {
	servers.OptIn(t)
	home := filepath.Join(t.TempDir(), "data")
	c, err := broker.NewCluster(home, 2, broker.RabbitMQOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	ctx := bounded(t)
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	first, second := c.Nodes[0], c.Nodes[1]

	// One cluster: the queue that one node has declared leads to the message that the other has taken.
	if err := connect(t, ctx, first.URL()).Send(ctx, "/queue/shared", []byte("hello"), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	messages, err := connect(t, ctx, second.URL()).Subscribe(ctx, "/queue/shared")
	if err != nil {
		t.Fatal(err)
	}
	if m, open := <-messages; !open || string(m.Body) != "hello" {
		t.Errorf("got %v, want the message", m)
	}
	if leader, err := c.Leader(ctx, "shared"); leader != first {
		t.Errorf("the queue lives on %v (%v), want the node that declared it", leader, err)
	}

	if err := first.StopApp(ctx); err != nil {
		t.Fatal(err)
	}
	var refused *stomp.Error // its Web STOMP goes on listening
	if _, err := stomp.Connect(ctx, first.URL(), stomp.WithoutReconnect()); !errors.As(err, &refused) {
		t.Errorf("RabbitMQ is stopped in the node: %v, want an ERROR", err)
	}
	refuses(t, first.TCPURL())
	exchange(t, ctx, "/queue/second", second.URL())
	if err := first.StartApp(ctx); err != nil {
		t.Fatal(err)
	}
	exchange(t, ctx, "/queue/first", first.URL())

	first.Pause()
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := stomp.Connect(short, first.URL(), stomp.WithoutReconnect()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a node that is paused: %v, want silence", err)
	}
	first.Resume()
	exchange(t, ctx, "/queue/first", first.URL())

	first.Kill()
	refuses(t, first.URL())
	exchange(t, ctx, "/queue/second", second.URL())
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	exchange(t, ctx, "/queue/first", first.URL())
	second.Pause() // Stop ends it all the same
	c.Stop()
	leavesNothing(t, home)
}
