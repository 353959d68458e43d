package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// load is the traffic through three quorum queues: for each a Client that publishes and one that consumes. Their first
// endpoints differ, so that each node has one of both.
type load struct {
	test    *testing.T
	cluster *broker.Cluster
	lanes   []*lane
	watcher
	*attendance

	enough     chan struct{} // closed to end the publishers
	publishing sync.WaitGroup
	consuming  sync.WaitGroup
}

// lane is one queue with its two Clients.
type lane struct {
	queue               string
	publisher, consumer *stomp.Client
	sub                 *stomp.Subscription[stomp.Frame]
	confirmed, arrived  atomic.Int64

	mu         sync.Mutex
	seen       map[string]bool // guarded by mu; confirmed or not
	deliveries int             // guarded by mu
	promised   []string        // guarded by mu; what was confirmed
	longest    time.Duration   // guarded by mu; between two confirmations
}

// backoffs are those of the Clients, by their role: consumers have the default one.
var backoffs = map[string]stomp.Backoff{"consumer": {Max: 30 * time.Second}, "publisher": {Max: time.Second}}

// startLoad connects the Clients of the load and starts it.
func startLoad(t *testing.T, ctx context.Context, c *broker.Cluster) *load {
	t.Helper()
	l := &load{test: t, cluster: c, attendance: newAttendance(len(c.Nodes)), enough: make(chan struct{})}
	for i := range c.Nodes {
		ln := &lane{queue: fmt.Sprint("load", i+1), seen: make(map[string]bool)}
		ln.consumer = connect(t, ctx, from(c.URLs(), i+1), stomp.WithReconnect(backoffs["consumer"]))
		ln.publisher = connect(t, ctx, from(c.URLs(), i), stomp.WithReconnect(backoffs["publisher"]))
		sub, err := ln.consumer.NewSubscription(ctx, "/queue/"+ln.queue, subscribing(quorum,
			stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "50"), stomp.WithReceipt())...)
		if err != nil {
			t.Fatal(err)
		}
		ln.sub = sub
		l.lanes = append(l.lanes, ln)
	}
	for i, ln := range l.lanes {
		for role, c := range map[string]*stomp.Client{"publisher": ln.publisher, "consumer": ln.consumer} {
			l.consuming.Go(func() { l.watch(t.Context(), fmt.Sprint(role, " ", i+1), c) }) // ends with the Client
		}
		l.consuming.Go(func() { // ends with the Client
			if err := ln.consume(ctx); err != nil {
				t.Errorf("consumer %d: %v", i+1, err)
			}
		})
		l.publishing.Go(func() { // ends with enough
			if err := ln.publish(ctx, l.enough); err != nil {
				t.Errorf("publisher %d: %v", i+1, err)
			}
		})
	}
	return l
}

// publish sends, 16 at a time and some 800 a second at most, until enough is closed.
func (ln *lane) publish(ctx context.Context, enough chan struct{}) error {
	last := time.Now()
	for n := 0; ; n += 16 {
		select {
		case <-enough:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		var pending []*stomp.Receipt
		for i := range 16 {
			r, err := ln.publisher.SendAsync(ctx, "/queue/"+ln.queue, fmt.Append(nil, n+i), sending(quorum, stomp.WithRetry())...)
			if err != nil {
				return err
			}
			pending = append(pending, r)
		}
		for i, r := range pending {
			if err := r.Wait(ctx); err != nil {
				return err
			}
			ln.confirmed.Add(1)
			ln.mu.Lock()
			ln.promised = append(ln.promised, fmt.Sprint(n+i))
			ln.longest = max(ln.longest, time.Since(last))
			ln.mu.Unlock()
			last = time.Now()
		}
	}
}

// consume acknowledges what arrives until the subscription ends, and returns why it did.
func (ln *lane) consume(ctx context.Context) error {
	for f := range ln.sub.C {
		ln.mu.Lock()
		ln.seen[string(f.Body)] = true
		ln.deliveries++
		ln.mu.Unlock()
		ln.arrived.Add(1)
		if err := ln.consumer.Ack(ctx, f); err != nil && !over(err) {
			return err
		}
	}
	return ln.sub.Err()
}

// more waits until each queue has taken and given so many more messages.
func (l *load) more(ctx context.Context, n int64) {
	l.test.Helper()
	goal := make([][2]int64, len(l.lanes))
	for i, ln := range l.lanes {
		goal[i] = [2]int64{ln.confirmed.Load() + n, ln.arrived.Load() + n}
	}
	until(l.test, ctx, "the load goes on", func() bool {
		for i, ln := range l.lanes {
			if ln.confirmed.Load() < goal[i][0] || ln.arrived.Load() < goal[i][1] {
				return false
			}
		}
		return true
	})
}

// patience is for how long nothing may arrive before what is missing is lost.
const patience = 45 * time.Second

// end ends the load, waits for what was confirmed, and reports what is missing.
func (l *load) end(ctx context.Context) {
	l.test.Helper()
	close(l.enough)
	l.publishing.Wait()
	confirmed, lost, duplicates := 0, 0, 0
	for i, ln := range l.lanes {
		missing := func() []string {
			ln.mu.Lock()
			defer ln.mu.Unlock()
			return slices.DeleteFunc(slices.Clone(ln.promised), func(id string) bool { return ln.seen[id] })
		}
		last, since := ln.arrived.Load(), time.Now()
		for len(missing()) > 0 && time.Since(since) < patience {
			time.Sleep(10 * time.Millisecond)
			if now := ln.arrived.Load(); now > last {
				last, since = now, time.Now()
			}
		}
		if m := missing(); len(m) > 0 {
			l.test.Errorf("queue %d: %d confirmed messages are lost, among them %v", i+1, len(m), m[0])
		}
		lost += len(missing())
		ln.mu.Lock()
		confirmed += len(ln.promised)
		duplicates += ln.deliveries - len(ln.seen)
		ln.mu.Unlock()
		for who, c := range map[string]*stomp.Client{"publisher": ln.publisher, "consumer": ln.consumer} {
			if err := c.Err(); err != nil {
				l.test.Errorf("%s %d has ended: %v", who, i+1, err)
			}
			c.Close()
		}
	}
	l.consuming.Wait()
	l.test.Logf("%d confirmed, %d lost, %d duplicates", confirmed, lost, duplicates)
}

// longest returns the longest time between two confirmations of a publisher since the last call.
func (l *load) longest() (longest time.Duration) {
	for _, ln := range l.lanes {
		ln.mu.Lock()
		longest = max(longest, ln.longest)
		ln.longest = 0
		ln.mu.Unlock()
	}
	return longest
}
