package proxy

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// load is a Client that sends WithRetry, sixteen at a time, and one that receives and acknowledges what it sends.
type load struct {
	sender, receiver *stomp.Client
	confirmed        atomic.Int64
	stop             chan struct{}
	sending, taking  sync.WaitGroup // joined by finish

	mu         sync.Mutex // guards what follows
	seen       map[string]bool
	deliveries int
}

// startLoad starts a load through a proxy. It ends with finish, or with ctx.
func startLoad(t *testing.T, ctx context.Context, url string) *load {
	t.Helper()
	quick := stomp.WithReconnect(stomp.Backoff{Max: 200 * time.Millisecond})
	l := &load{stop: make(chan struct{}), seen: make(map[string]bool)}
	for _, c := range []**stomp.Client{&l.sender, &l.receiver} {
		var err error
		*c, err = stomp.Connect(ctx, url, quick)
		rig.OK(t, err)
		t.Cleanup(func() { (*c).Close() })
	}
	queue := fmt.Sprintf("/queue/proxy-%d", destinations.Add(1))
	messages, err := l.receiver.Subscribe(ctx, queue, stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "50"))
	rig.OK(t, err)
	l.taking.Go(func() {
		for f := range messages {
			l.mu.Lock()
			l.seen[string(f.Body)] = true
			l.deliveries++
			l.mu.Unlock()
			if err := l.receiver.Ack(ctx, f); err != nil && !errors.Is(err, stomp.ErrStale) && !errors.Is(err, stomp.ErrClosed) {
				t.Errorf("ack: %v", err)
			}
		}
	})
	l.sending.Go(func() { l.send(t, ctx, queue) })
	return l
}

func (l *load) send(t *testing.T, ctx context.Context, queue string) {
	for n := 0; ; n += 16 {
		select {
		case <-l.stop:
			return
		default:
		}
		var pending []*stomp.Receipt
		for i := range 16 {
			r, err := l.sender.SendAsync(ctx, queue, fmt.Appendf(nil, "message %d", n+i), stomp.WithRetry())
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
			l.confirmed.Add(1)
		}
	}
}

// more waits until so many more messages are confirmed.
func (l *load) more(t *testing.T, ctx context.Context, n int64) {
	t.Helper()
	n += l.confirmed.Load()
	l.until(t, ctx, func() bool { return l.confirmed.Load() >= n })
}

// until waits until reached reports true.
func (l *load) until(t *testing.T, ctx context.Context, reached func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !reached() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%d are confirmed, %d have come; the sender: %+v; the receiver: %+v", l.confirmed.Load(), l.received(), l.sender.Status(), l.receiver.Status())
		}
	}
}

func (l *load) received() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.seen)
}

// sessions returns the fewest sessions that one of its Clients has had.
func (l *load) sessions() uint64 {
	return min(l.sender.Status().Epoch, l.receiver.Status().Epoch)
}

// finish stops sending, and fails the test unless every message that was confirmed has come.
func (l *load) finish(t *testing.T, ctx context.Context) {
	t.Helper()
	close(l.stop)
	l.sending.Wait()
	sent := int(l.confirmed.Load())
	l.until(t, ctx, func() bool { return l.received() >= sent })
	l.receiver.Close()
	l.taking.Wait()
	t.Logf("%d messages, %d deliveries, %d and %d sessions", sent, l.deliveries, l.sender.Stats().Sessions, l.receiver.Stats().Sessions)
}
