package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// rabbit starts a RabbitMQ 4.0 that ends with the test. It skips the test unless
// WEBSTOMP_INTEROP is set.
func rabbit(t *testing.T) *broker.RabbitMQ {
	t.Helper()
	return rabbitOf(t, broker.RabbitMQ40)
}

// rabbitOf is rabbit with another release.
func rabbitOf(t *testing.T, release broker.RabbitMQRelease) *broker.RabbitMQ {
	t.Helper()
	servers.OptIn(t)
	r, err := broker.NewRabbitMQ(t.TempDir(), broker.RabbitMQOptions{Release: release})
	servers.Require(t, err)
	start(t, r)
	t.Cleanup(r.Stop)
	return r
}

func start(t *testing.T, b broker.Broker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // it may have to be built
	defer cancel()
	servers.Require(t, b.Start(ctx))
}

// kills is how often TestRabbitMQ_promise7_killed_under_load kills the server.
const kills = 5

// A producer uses WithRetry and a consumer acknowledges while the server is killed
// and started: every message arrives at least once.
func TestRabbitMQ_promise7_killed_under_load(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, r.URL(), stomp.WithLogin("guest", "guest"),
		stomp.WithReconnect(stomp.Backoff{Max: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sub, err := c.NewSubscription(ctx, "/queue/chaos", stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "50"))
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen, deliveries := make(map[string]bool), 0
	var consumer sync.WaitGroup
	consumer.Go(func() {
		for f := range sub.C {
			mu.Lock()
			seen[string(f.Body)] = true
			deliveries++
			mu.Unlock()
			if err := c.Ack(ctx, f); err != nil && !errors.Is(err, stomp.ErrStale) {
				t.Errorf("ack: %v", err)
			}
		}
	})
	var confirmed atomic.Int64
	stop := make(chan struct{})
	var producer sync.WaitGroup
	producer.Go(func() { produce(t, ctx, c, &confirmed, stop) })
	for range kills {
		waitFor(t, ctx, &confirmed, confirmed.Load()+500)
		r.Kill()
		start(t, r)
	}
	waitFor(t, ctx, &confirmed, confirmed.Load()+500)
	close(stop)
	producer.Wait()
	sent := int(confirmed.Load())
	for {
		mu.Lock()
		complete := len(seen) == sent
		mu.Unlock()
		if complete {
			break
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%d of %d messages arrived; %+v", len(seen), sent, c.Status())
		}
	}
	t.Logf("%d messages, %d deliveries, %d sessions", sent, deliveries, c.Stats().Sessions)
	if err := c.Drain(ctx); err != nil {
		t.Error(err)
	}
	consumer.Wait()
}

// produce sends, sixteen at a time, until stop is closed.
func produce(t *testing.T, ctx context.Context, c *stomp.Client, confirmed *atomic.Int64, stop <-chan struct{}) {
	for n := 0; ; n += 16 {
		select {
		case <-stop:
			return
		default:
		}
		var pending []*stomp.Receipt
		for i := range 16 {
			r, err := c.SendAsync(ctx, "/queue/chaos", fmt.Appendf(nil, "message %d", n+i), stomp.WithHeader("persistent", "true"), stomp.WithRetry())
			if err != nil {
				t.Errorf("send: %v", err)
				return
			}
			pending = append(pending, r)
		}
		for _, r := range pending {
			if err := r.Wait(ctx); err != nil {
				t.Errorf("receipt: %v", err)
				return
			}
			confirmed.Add(1)
		}
	}
}

// waitFor waits until n messages are confirmed.
func waitFor(t *testing.T, ctx context.Context, confirmed *atomic.Int64, n int64) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for confirmed.Load() < n {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%d messages are confirmed, want %d", confirmed.Load(), n)
		}
	}
}

// Only the subscription that RabbitMQ refuses ends, even though the ERROR has
// neither receipt-id nor subscription. Of an exchange that does not exist, 3.10.8 tells
// over a WebSocket by a close alone.
func TestRabbitMQ_promise5_refused_subscription_ends_alone(t *testing.T) {
	t.Parallel()
	for name, release := range map[string]broker.RabbitMQRelease{"4.0": broker.RabbitMQ40, "3.10": broker.RabbitMQ310} {
		t.Run(name, func(t *testing.T) {
			r := rabbitOf(t, release)
			for _, transport := range []string{r.URL(), r.TCPURL()} {
				for _, refused := range []string{"/nonsense/a", "/exchange/there-is-no-such-exchange"} {
					refusedAlone(t, transport, refused)
				}
			}
		})
	}
}

// refusedAlone subscribes to a destination that is refused beside a good one.
func refusedAlone(t *testing.T, transport, refused string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, transport, stomp.WithReconnect(stomp.Backoff{Max: 200 * time.Millisecond}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	good, err := c.NewSubscription(ctx, "/topic/good", stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	bad, err := c.NewSubscription(ctx, refused)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case _, open := <-bad.C:
		if open {
			t.Error("a frame came")
		}
	case <-ctx.Done():
		t.Fatalf("%s at %s is still open; %+v", refused, transport, c.Status())
	}
	t.Logf("%s %s: %v", transport, refused, bad.Err())
	if bad.Err() == nil {
		t.Error("it ended without a reason")
	}
	if err := c.Send(ctx, "/topic/good", []byte("still here"), stomp.WithRetry()); err != nil {
		t.Error(err)
	}
	if m, open := <-good.C; !open || string(m.Body) != "still here" {
		t.Errorf("the other subscription got %v; it ended with %v", m, good.Err())
	}
}
