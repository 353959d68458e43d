package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// stream makes a queue a stream. SEND needs the same as SUBSCRIBE.
var stream = []stomp.HeaderOption{stomp.WithHeader("x-queue-type", "stream"), stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")}

// streamCuts is how often a reader of a stream loses its connection; each restartEvery-th time its program ends as well.
const (
	streamCuts   = 20
	restartEvery = 5
)

// streamOffsets reads a stream by the recipe of docs/brokers.md, "Streams", while its connection is cut, and its program
// restarted; in full also while each node is killed: it works off each message once, in order.
func streamOffsets(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, 3*time.Minute)
	publisher := connect(t, ctx, c.URLs())
	enough := make(chan struct{})
	var publishing sync.WaitGroup
	var published atomic.Int64
	publishing.Go(func() { // ends with enough
		for {
			select {
			case <-enough:
				return
			default:
			}
			if published.Load() > 500 { // as many wait; then they come as they are sent
				time.Sleep(5 * time.Millisecond)
			}
			if err := publisher.Send(ctx, "/queue/journal", fmt.Append(nil, published.Load()), sending(stream, stomp.WithRetry())...); err != nil {
				t.Error(err)
				return
			}
			published.Add(1)
		}
	})
	until(t, ctx, "a stream", func() bool { return published.Load() > 500 })

	r := &reader{seen: make(map[int64]int)}
	for cut := range streamCuts {
		if cut%restartEvery == 0 {
			r.end()
			r.begin(t, ctx, from(c.URLs(), cut/restartEvery))
		}
		r.more(t, ctx, 20)
		r.line.cut()
	}
	kills := 0
	if *full {
		for _, node := range c.Nodes {
			kills++
			node.Kill()
			r.more(t, ctx, 20)
			start(t, c)
			r.more(t, ctx, 20)
		}
	}
	close(enough)
	publishing.Wait()
	last := published.Load() - 1
	until(t, ctx, "the last message", func() bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.seen[last] > 0
	})
	sessions := r.client.Stats().Sessions
	r.end()
	repeated := 0 // which the publisher has repeated, not knowing that they were stored
	for n := range last + 1 {
		switch times := r.seen[n]; {
		case times == 0:
			t.Errorf("message %d is missing", n)
		case times > 1:
			repeated++
		}
	}
	if repeated > 0 && kills == 0 {
		t.Errorf("%d messages were worked off twice", repeated)
	}
	t.Logf("%d messages, each offset worked off once, in order; %d deliveries skipped; stored twice: %d; %d cuts, %d restarts of the reader, %d of nodes; %d sessions of the last Client",
		last+1, r.skipped.Load(), repeated, streamCuts, streamCuts/restartEvery-1, kills, sessions)
}

// reader reads the stream.
type reader struct {
	client *stomp.Client
	line   *line
	ended  sync.WaitGroup

	next    atomic.Int64 // the offset to go on with: what a program stores together with its work
	skipped atomic.Int64

	mu   sync.Mutex
	seen map[int64]int // guarded by mu; how often each message was worked off
}

// begin is the program's start.
func (r *reader) begin(t *testing.T, ctx context.Context, urls []string) {
	t.Helper()
	r.line = new(line)
	r.client = connect(t, ctx, urls, stomp.WithHTTPClient(r.line.client()), stomp.WithReconnect(stomp.Backoff{Min: 10 * time.Millisecond}))
	sub, err := r.client.NewSubscription(ctx, "/queue/journal", subscribing(stream,
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "100"),
		stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
			return stomp.Header{{"x-stream-offset", fmt.Sprint("offset=", r.next.Load())}}, nil
		}))...)
	if err != nil {
		t.Fatal(err)
	}
	r.ended.Go(func() { // ends with the Client
		for f := range sub.C {
			offset, err := strconv.ParseInt(f.Header.Get("x-stream-offset"), 10, 64)
			message, bodyErr := strconv.ParseInt(string(f.Body), 10, 64)
			switch want := r.next.Load(); {
			case err != nil || bodyErr != nil:
				t.Errorf("an offset: %v; a body: %v", err, bodyErr)
			case offset < want: // it had arrived when the connection was cut, and came again
				r.skipped.Add(1)
			case offset > want:
				t.Errorf("offset %d where %d is next", offset, want)
			default:
				time.Sleep(time.Millisecond) // its work: meanwhile more of them wait in the Client
				r.mu.Lock()
				r.seen[message]++
				r.mu.Unlock()
				r.next.Store(offset + 1)
			}
			if err := r.client.Ack(ctx, f); err != nil && !over(err) {
				t.Errorf("ack: %v", err)
			}
		}
		if err := sub.Err(); err != nil {
			t.Errorf("the subscription ended: %v", err)
		}
	})
}

// over reports whether an ACK comes too late for its session, or its Client.
func over(err error) bool { return errors.Is(err, stomp.ErrStale) || errors.Is(err, stomp.ErrClosed) }

// end is the program's end, without a word to the broker.
func (r *reader) end() {
	if r.client != nil {
		r.client.Close()
		r.ended.Wait()
	}
}

// more waits until so many more messages were worked off.
func (r *reader) more(t *testing.T, ctx context.Context, n int64) {
	t.Helper()
	goal := r.next.Load() + n
	until(t, ctx, "the reader goes on", func() bool { return r.next.Load() >= goal })
}

// line is a connection that can be cut.
type line struct {
	mu   sync.Mutex
	last net.Conn // guarded by mu
}

// client returns an HTTP client that dials such a connection.
func (l *line) client() *http.Client {
	var d net.Dialer
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := d.DialContext(ctx, network, addr)
		l.mu.Lock()
		l.last = nc
		l.mu.Unlock()
		return nc, err
	}}}
}

func (l *line) cut() {
	l.mu.Lock()
	nc := l.last
	l.mu.Unlock()
	nc.Close()
}

// streamNack sees that NACK acts as ACK on a stream: the message does not come again.
func streamNack(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, time.Minute)
	client := connect(t, ctx, c.URLs())
	for _, body := range []string{"a", "b"} {
		if err := client.Send(ctx, "/queue/nacked", []byte(body), sending(stream, stomp.WithReceipt())...); err != nil {
			t.Fatal(err)
		}
	}
	// One at a time: b comes only when the broker is done with a.
	sub, err := client.NewSubscription(ctx, "/queue/nacked", subscribing(stream, stomp.WithAck(stomp.AckClientIndividual),
		stomp.WithHeader("prefetch-count", "1"), stomp.WithHeader("x-stream-offset", "first"))...)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a", "b"} {
		f, open := <-sub.C
		if !open || string(f.Body) != want {
			t.Fatalf("got %q, want %q (%v)", f.Body, want, sub.Err())
		}
		if err := client.Nack(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
}
