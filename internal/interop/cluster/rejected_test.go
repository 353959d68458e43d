package cluster

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// A queue that is full rejects a SEND, and RabbitMQ's STOMP says nothing of it. WithRetry sends again on the same
// session, and the message arrives once there is room; an error says what is likely.
func TestRabbitMQ_promise7_rejected_send_arrives_when_there_is_room(t *testing.T) {
	servers.OptIn(t)
	t.Parallel()
	b, err := broker.NewRabbitMQ(t.TempDir(), rabbitMQ())
	servers.Require(t, err)
	start(t, b)
	t.Cleanup(b.Stop)
	if err := b.LimitQueues(within(t, time.Minute), "^full", 1); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []struct {
		name   string
		header []stomp.HeaderOption
	}{
		{"classic", nil},
		{"quorum", quorum},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			rejected(t, b, "/queue/full-"+kind.name, kind.header)
		})
	}
}

func rejected(t *testing.T, b *broker.RabbitMQ, queue string, header []stomp.HeaderOption) {
	ctx := within(t, time.Minute)
	c := connect(t, ctx, []string{b.URL()})
	send := func(ctx context.Context, body string) error {
		return c.Send(ctx, queue, []byte(body), sending(header, stomp.WithRetry())...)
	}
	// A quorum queue takes some more than its limit.
	accepted := 0
	var err error
	for ; err == nil; accepted++ {
		if accepted > 10 {
			t.Fatalf("%d messages were accepted: it rejects none", accepted)
		}
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		err = send(short, "early")
		cancel()
	}
	accepted--
	if want := "or has rejected it: RabbitMQ's STOMP does not tell"; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want the ctx's error with %q", err, want)
	}

	began := time.Now()
	sent, err := c.SendAsync(ctx, queue, []byte("late"), sending(header, stomp.WithRetry())...)
	if err != nil {
		t.Fatal(err)
	}
	// The broker handles what a connection sends in its order: when it has answered this, it has rejected that.
	if _, err := c.NewSubscription(ctx, "/topic/behind-it", stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	sub, err := c.NewSubscription(ctx, queue, subscribing(header, stomp.WithAck(stomp.AckClientIndividual))...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for !slices.Contains(got, "late") {
		f, open := <-sub.C
		if !open {
			t.Fatal(sub.Err())
		}
		got = append(got, string(f.Body))
		if err := c.Ack(ctx, f); err != nil {
			t.Error(err)
		}
	}
	arrived := time.Since(began)
	if err := sent.Wait(ctx); err != nil {
		t.Error(err)
	}
	t.Logf("accepted: %d; the one that was rejected arrived %v after it was sent", accepted, arrived.Round(time.Millisecond))
	if arrived < 14*time.Second || arrived > 20*time.Second {
		t.Errorf("it arrived after %v, want 15 s", arrived)
	}
	if n := c.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions, want one: %v", n, c.Status().Err)
	}
}
