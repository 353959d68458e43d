package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// topicOfDeadNode sends to a topic of which one subscriber's node has died. The other subscriber gets everything, and each
// Send ends with its RECEIPT or with its ctx, and then says what is likely: RabbitMQ does not always answer.
func topicOfDeadNode(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, time.Minute)
	const topic = "/topic/news"
	urls := c.URLs()
	publisher := connect(t, ctx, urls[:1])
	doomed := connect(t, ctx, urls[1:2])
	if _, err := doomed.Subscribe(ctx, topic, stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	sub, err := connect(t, ctx, urls[2:]).NewSubscription(ctx, topic, stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	if err := publisher.Send(ctx, topic, []byte("before"), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	want := []string{"before"}
	c.Nodes[1].Kill()
	receipts := 0
	const sends = 10
	for i := range sends {
		short, cancel := context.WithTimeout(ctx, time.Second)
		err := publisher.Send(short, topic, fmt.Append(nil, i), stomp.WithReceipt())
		cancel()
		switch {
		case err == nil:
			receipts++
		case !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "or has rejected it"):
			t.Errorf("got %v, want the ctx's error that says what is likely", err)
		}
		want = append(want, fmt.Sprint(i))
	}
	for _, body := range want {
		select {
		case f := <-sub.C:
			if string(f.Body) != body {
				t.Errorf("got %q, want %q", f.Body, body)
			}
		case <-ctx.Done():
			t.Fatalf("no message %q: %v", body, sub.Err())
		}
	}
	t.Logf("%d of %d SENDs were answered, all were delivered", receipts, sends)
}
