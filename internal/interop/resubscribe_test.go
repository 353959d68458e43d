package interop

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// An operator deletes a queue under its subscription, again and again. With WithResubscribe that comes back each
// time, and nobody else loses the session, on which RabbitMQ would take the queue for there.
func TestRabbitMQ_WithResubscribe_deleted_queue(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	for _, test := range []struct {
		name, url string
		header    []string
	}{
		{"classic", r.URL(), nil},
		{"classic_TCP", r.TCPURL(), nil},
		{"quorum", r.URL(), []string{"x-queue-type:quorum", "durable:true", "auto-delete:false"}},
		{"auto-delete", r.URL(), []string{"auto-delete:true"}},
	} {
		t.Run(test.name, func(t *testing.T) { deletedQueue(t, r, test.url, "gone-"+test.name, test.header) })
	}
}

func deletedQueue(t *testing.T, r *broker.RabbitMQ, url, queue string, header []string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, url, stomp.WithoutReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	opts := []stomp.SubscribeOption{stomp.WithReceipt(), stomp.WithAck(stomp.AckClientIndividual),
		stomp.WithResubscribe(stomp.Backoff{Min: 10 * time.Millisecond, Max: 10 * time.Millisecond})}
	var declares []stomp.SendOption // as SUBSCRIBE does
	for _, entry := range header {
		name, value, _ := strings.Cut(entry, ":")
		opts, declares = append(opts, stomp.WithHeader(name, value)), append(declares, stomp.WithHeader(name, value))
	}
	sub, err := c.NewSubscription(ctx, "/queue/"+queue, opts...)
	if err != nil {
		t.Fatal(err)
	}
	other, err := c.NewSubscription(ctx, "/topic/other", stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	for round := uint64(1); round <= 2; round++ {
		if err := c.Send(ctx, "/queue/"+queue, []byte("before"), append(declares, stomp.WithReceipt())...); err != nil {
			t.Fatal(err)
		}
		_, held, err := bodies(ctx, sub, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.DeleteQueue(ctx, queue); err != nil {
			t.Fatal(err)
		}
		for sub.Stats().Restored < round {
			select {
			case <-time.After(5 * time.Millisecond):
			case <-sub.Done():
				t.Fatalf("it has ended: %v", sub.Err())
			case <-ctx.Done():
				t.Fatalf("it was restored %d times; %+v", sub.Stats().Restored, c.Status())
			}
		}
		if err := c.Ack(ctx, held[0]); !errors.Is(err, stomp.ErrStale) {
			t.Errorf("ack of what was in the queue that is gone: %v", err)
		}
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprint("after ", i))
			if err := c.Send(ctx, "/queue/"+queue, []byte(want[i]), append(declares, stomp.WithReceipt())...); err != nil {
				t.Fatal(err)
			}
		}
		got, frames, err := bodies(ctx, sub, len(want))
		if err != nil {
			t.Fatal(err)
		}
		if err := same(got, want); err != nil {
			t.Error(err)
		}
		if queue != "gone-auto-delete" && !slices.Equal(got, want) { // that one is held, with its first message, for a moment
			t.Errorf("they came as %q", got)
		}
		for _, f := range frames {
			if err := c.Ack(ctx, f, stomp.WithReceipt()); err != nil {
				t.Error(err)
			}
		}
	}
	if err := arrives(ctx, c, other); err != nil {
		t.Error(err)
	}
	if n := c.Status().Epoch; n != 1 {
		t.Errorf("it cost %d sessions", n-1)
	}
	if err := c.Drain(ctx); err != nil {
		t.Error(err)
	}
}

// What waits in the queue when it is back comes in its order, though the connection that asks was given the first of
// it.
func TestRabbitMQ_WithResubscribe_backlog(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, r.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sub, err := c.NewSubscription(ctx, "/queue/backlog", stomp.WithReceipt(), stomp.WithResubscribe(stomp.Backoff{Min: time.Hour, Max: time.Hour}))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteQueue(ctx, "backlog"); err != nil {
		t.Fatal(err)
	}
	other, err := stomp.Connect(ctx, r.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint(i))
		if err := other.Send(ctx, "/queue/backlog", []byte(want[i])); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Disconnect(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Reconnect(ctx); err != nil { // it is asked for at once
		t.Fatal(err)
	}
	got, frames, err := bodies(ctx, sub, len(want))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Errorf("they came as %q", got)
	}
	redelivered := 0
	for _, f := range frames {
		if f.Header.Get("redelivered") == "true" {
			redelivered++
		}
	}
	if redelivered > 1 {
		t.Errorf("%d of %d messages came as redelivered", redelivered, len(frames))
	}
	t.Logf("%d of %d messages came as redelivered", redelivered, len(frames))
}

// Only the connection that uses it can declare an exclusive queue: a new session does.
func TestRabbitMQ_WithResubscribe_exclusive_queue(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	// Each has a queue of its own: RabbitMQ 4.0 holds one for a moment after its connection has ended.
	for queue, header := range map[string]stomp.HeaderOption{"mine": stomp.WithHeader("exclusive", "true"), "fleeting": stomp.WithHeader("durable", "false")} {
		exclusiveQueue(t, r, queue, header)
	}
}

func exclusiveQueue(t *testing.T, r *broker.RabbitMQ, queue string, header stomp.HeaderOption) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, r.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sub, err := c.NewSubscription(ctx, "/queue/"+queue, stomp.WithReceipt(), header,
		stomp.WithResubscribe(stomp.Backoff{Min: 10 * time.Millisecond, Max: 10 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteQueue(ctx, queue); err != nil {
		t.Fatal(err)
	}
	for sub.Stats().Restored < 1 {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("it was not restored; %v; %+v", sub.Err(), c.Status())
		}
	}
	if err := arrives(ctx, c, sub); err != nil {
		t.Error(err)
	}
	if n := c.Status().Epoch; n != 2 {
		t.Errorf("epoch %d, want 2", n)
	}
}
