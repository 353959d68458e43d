package soak

import (
	"bytes"
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/bench/peer"
	"github.com/webstomp/webstomp/internal/bench/stat"
	"github.com/webstomp/webstomp/stomp"
)

const (
	size    = 64        // of a body, in bytes
	answers = 10        // one message in so many is answered with one of our own
	pauses  = 40        // how often the memory is measured, at equal distances
	slack   = 512 << 10 // bytes by which heap or stacks may differ at rest, for what is kept of a burst
)

// Many small messages through one client, and one of its own for every tenth,
// do not make its memory grow: what is live after a collection in the last
// quarter is what was live in the first one, after a warm-up. The server is a
// peer that keeps nothing, in this process.
func TestClient_memory_does_not_grow_with_messages(t *testing.T) {
	p, err := peer.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := stomp.Connect(t.Context(), p.URL(), stomp.WithoutReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	l := &line{client: c, bodies: make([][]byte, peer.Bodies(size))}
	for i := range l.bodies {
		l.bodies[i] = peer.Body(i, size)
	}
	if l.in, err = c.Subscribe(t.Context(), "/flood", stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}

	idle := runtime.NumGoroutine()
	l.pass(t, t.Context(), *messages/10)
	samples := make([]memory, pauses)
	start := time.Now()
	for i := range samples {
		l.pass(t, t.Context(), *messages*(i+1)/pauses-*messages*i/pauses)
		if !settled(idle) {
			t.Fatalf("%d goroutines where nothing is under way, want the %d from before the first message", runtime.NumGoroutine(), idle)
		}
		samples[i] = measure()
	}
	t.Logf("%d messages received and %d sent, after a tenth more to warm up: %v", *messages, *messages/answers, time.Since(start).Round(time.Millisecond))
	if s := c.Stats(); s.Queued != 0 || s.Dropped != 0 || s.Unmatched != 0 {
		t.Errorf("at the end of it all, %+v", s)
	}
	if got := p.Sends(); got != l.sent {
		t.Errorf("the peer received %d SENDs, want %d", got, l.sent)
	}

	first, last := quarter(samples[:pauses/4]), quarter(samples[pauses-pauses/4:])
	t.Logf("the first quarter: %+v", first)
	t.Logf("the last quarter:  %+v", last)
	if last.live > first.live+slack {
		t.Errorf("the live heap has grown by %d bytes, %.2f a message", last.live-first.live, float64(last.live-first.live)/float64(*messages)*4/3)
	}
	if last.stacks > first.stacks+slack {
		t.Errorf("the stacks have grown by %d bytes", last.stacks-first.stacks)
	}
}

// line is a client between the peer's messages and its own.
type line struct {
	client *stomp.Client
	in     <-chan stomp.Frame
	bodies [][]byte // that a flood has, in turns
	sent   uint64   // SENDs so far
}

// pass asks for n messages, receives them, in order, and sends one in answers of
// them back. When it returns, nothing is under way.
func (l *line) pass(t *testing.T, ctx context.Context, n int) {
	t.Helper()
	err := l.client.Send(ctx, peer.Flood, nil, stomp.WithHeader("count", strconv.Itoa(n)), stomp.WithHeader("size", strconv.Itoa(size)))
	if err != nil {
		t.Fatal(err)
	}
	l.sent++
	for i := range n {
		m, open := <-l.in
		if !open {
			t.Fatalf("message %d of %d: %v", i+1, n, l.client.Err())
		}
		if want := l.bodies[i%peer.Bodies(size)]; !bytes.Equal(m.Body, want) {
			t.Fatalf("message %d of %d is %q, want %q", i+1, n, m.Body, want)
		}
		if i%answers == 0 {
			if err := l.client.Send(ctx, peer.Sink, m.Body); err != nil {
				t.Fatal(err)
			}
			l.sent++
		}
	}
	// The peer has read what we sent before when it answers this.
	if err := l.client.Send(ctx, peer.Sink, nil, stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	l.sent++
}

// quarter is the median of each figure.
func quarter(samples []memory) memory {
	return memory{
		live:       middle(samples, func(m memory) uint64 { return m.live }),
		heap:       middle(samples, func(m memory) uint64 { return m.heap }),
		stacks:     middle(samples, func(m memory) uint64 { return m.stacks }),
		goroutines: samples[0].goroutines, // always the same: see above
	}
}

func middle(samples []memory, of func(memory) uint64) uint64 {
	var values []uint64
	for _, m := range samples {
		values = append(values, of(m))
	}
	return stat.Median(values)
}
