package soak

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/bench/stat"
	"github.com/webstomp/webstomp/stomp"
)

// everybody is where every client listens.
const everybody = "/topic/everybody"

const (
	atOnce     = 64 // clients that connect at the same time
	broadcasts = 5  // the median of their times is told
	perClient  = 2  // goroutines that an idle client may have

	// Octets that may be left on the heap after n clients: of each, what the
	// runtime has of stopped timers, and less than any part of a client; and what
	// else the process has begun to keep.
	leftPerClient, leftOver = 128, 256 << 10
)

// member is one client with its one subscription.
type member struct {
	client *stomp.Client
	sub    *stomp.Subscription[stomp.Frame]
}

// Many clients in this one process, over WebSockets on loopback TCP, connected
// in parallel to one broker in a process of its own: a message to all reaches
// each of them once, an idle client has two goroutines, and nothing is left
// when they are closed.
func TestClient_of_many_has_two_goroutines_and_leaves_nothing(t *testing.T) {
	broker := startBroker(t)
	before := measure()
	useGoroutines(perClient * *clients)
	used := measure()
	lives(t, broker, before)
	if t.Failed() {
		return // what is left then says nothing
	}
	if !settled(before.goroutines) {
		t.Errorf("%d goroutines are left, want the %d from before", measure().goroutines, before.goroutines)
	}
	left := int64(measure().live) - int64(used.live)
	t.Logf("left on the heap: %.1f kB", float64(left)/1000)
	if left > leftOver+leftPerClient*int64(*clients) {
		t.Errorf("%d bytes are left on the heap, %d a client", left, left/int64(*clients))
	}
}

// lives is the life of the clients, from the first one's Connect to the last
// one's Close.
func lives(t *testing.T, broker *remoteBroker, before memory) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	members := make([]member, *clients)
	defer closeAll(t, members) // does nothing at the end of a life that went well
	n := len(members)
	start := time.Now()
	connectAll(t, ctx, broker.url, members)
	t.Logf("%d clients connected and subscribed, %d at a time: %v", n, atOnce, time.Since(start).Round(time.Millisecond))
	if connections, subscriptions := broker.counts(t); connections != n || subscriptions != n {
		t.Errorf("the broker has %d connections and %d subscriptions, want %d", connections, subscriptions, n)
	}
	if !settled(before.goroutines + perClient*n) {
		t.Errorf("%d clients have more than %d goroutines each", n, perClient)
	}
	tell(t, "a client, before its first message", before, measure(), n)

	var times []time.Duration
	for i := range broadcasts {
		times = append(times, broadcast(t, ctx, members, fmt.Sprintf("broadcast %d", i+1)))
	}
	t.Logf("a message to all %d: median %v, longest %v, of %d", n, stat.Median(times).Round(time.Microsecond), slices.Max(times).Round(time.Microsecond), broadcasts)
	for i, m := range members {
		if s := m.sub.Stats(); s.Received != broadcasts || s.Dropped != 0 {
			t.Errorf("client %d received %d messages and dropped %d, want %d and none", i+1, s.Received, s.Dropped, broadcasts)
			break // the others are likely to be no better
		}
	}
	tell(t, "a client, idle again", before, measure(), n)

	start = time.Now()
	closeAll(t, members)
	t.Logf("%d clients closed: %v", n, time.Since(start).Round(time.Millisecond))
	gone(t, ctx, broker)
}

// useGoroutines has the runtime make what it keeps of n goroutines when they have
// ended, for the next ones. It would look like a leak of the clients, and is none.
func useGoroutines(n int) {
	over := make(chan struct{})
	var running sync.WaitGroup // joined below
	for range n {
		running.Go(func() { <-over })
	}
	close(over)
	running.Wait()
}

// connectAll fills members with clients whose subscriptions the broker has
// confirmed.
func connectAll(t *testing.T, ctx context.Context, url string, members []member) {
	t.Helper()
	var connecting errgroup.Group // joined below
	connecting.SetLimit(atOnce)
	for i := range members {
		connecting.Go(func() (err error) {
			m := &members[i]
			if m.client, err = stomp.Connect(ctx, url, stomp.WithoutReconnect()); err != nil {
				return fmt.Errorf("client %d: %w", i+1, err)
			}
			if m.sub, err = m.client.NewSubscription(ctx, everybody, stomp.WithReceipt()); err != nil {
				return fmt.Errorf("client %d: %w", i+1, err)
			}
			return nil
		})
	}
	if err := connecting.Wait(); err != nil {
		t.Fatal(err)
	}
}

// broadcast has one member send a message to all, and returns how long it took
// to have it from every channel.
func broadcast(t *testing.T, ctx context.Context, members []member, body string) time.Duration {
	t.Helper()
	start := time.Now()
	if err := members[0].client.Send(ctx, everybody, []byte(body)); err != nil {
		t.Fatal(err)
	}
	for i, m := range members {
		select {
		case f, open := <-m.sub.C:
			if !open {
				t.Fatalf("%s: client %d has ended: %v", body, i+1, m.client.Err())
			}
			if string(f.Body) != body {
				t.Fatalf("%s: client %d received %q", body, i+1, f.Body)
			}
		case <-ctx.Done():
			t.Fatalf("%s did not reach client %d: %v", body, i+1, ctx.Err())
		}
	}
	return time.Since(start)
}

// closeAll closes those clients that are not closed yet, and lets go of them.
func closeAll(t *testing.T, members []member) {
	t.Helper()
	var closing errgroup.Group // joined below
	closing.SetLimit(atOnce)
	for i, m := range members {
		if m.client != nil {
			closing.Go(m.client.Close)
		}
		members[i] = member{}
	}
	if err := closing.Wait(); err != nil {
		t.Error(err)
	}
}

// tell logs what one of n takes.
func tell(t *testing.T, what string, before, now memory, n int) {
	t.Helper()
	share := func(now, before uint64) float64 { return (float64(now) - float64(before)) / float64(n) / 1000 }
	t.Logf("%s: %.1f kB live heap and %.1f kB stack, %.2f goroutines; the heap has %.1f kB for it", what,
		share(now.live, before.live), share(now.stacks, before.stacks),
		float64(now.goroutines-before.goroutines)/float64(n), share(now.heap, before.heap))
}

// gone waits until the broker has noticed that its clients are gone.
func gone(t *testing.T, ctx context.Context, broker *remoteBroker) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		connections, subscriptions := broker.counts(t)
		if connections == 0 && subscriptions == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the broker still has %d connections and %d subscriptions", connections, subscriptions)
		}
	}
}
