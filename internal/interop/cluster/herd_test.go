package cluster

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

var herdSize = flag.Int("cluster.herd", 0, "clients of the test in which many lose their node at once; 0: it is skipped")

// herds sees that all clients come back when one node dies, a second one, and then all, and measures how: with the
// first endpoints dealt out evenly, and WithShuffle.
func herds(t *testing.T, c *broker.Cluster) {
	if *herdSize == 0 {
		t.Skip("takes minutes: -cluster.herd=1000")
	}
	for _, kind := range []struct {
		name string
		opts []stomp.ConnectOption
	}{
		{"dealt_out", nil},
		{"WithShuffle", []stomp.ConnectOption{stomp.WithShuffle()}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			ctx := within(t, 10*time.Minute)
			start(t, c)
			h := &herd{urls: c.URLs()}
			h.gather(t, ctx, *herdSize, kind.opts)
			for i := range 2 {
				began := time.Now()
				c.Nodes[i].Kill()
				h.returned(t, ctx, fmt.Sprintf("node %d died", i+1), began, h.urls[i])
			}
			h.leave()
			start(t, c)
			h = &herd{urls: c.URLs()}
			h.gather(t, ctx, *herdSize, kind.opts)
			defer h.leave()
			var deaths errgroup.Group
			for _, node := range c.Nodes {
				deaths.Go(func() error { node.Kill(); return nil })
			}
			deaths.Wait()
			time.Sleep(downtime)
			began := time.Now()
			start(t, c)
			t.Logf("all nodes were killed, and needed %v to start", time.Since(began).Round(100*time.Millisecond))
			h.returned(t, ctx, "after that", time.Now(), "")
		})
	}
}

// herd is many clients.
type herd struct {
	urls    []string
	clients []*stomp.Client

	mu       sync.Mutex
	attempts []attempt // guarded by mu
}

// attempt is one to connect.
type attempt struct {
	at   time.Time
	addr string
}

// gather connects so many clients.
func (h *herd) gather(t *testing.T, ctx context.Context, n int, opts []stomp.ConnectOption) {
	t.Helper()
	h.clients = make([]*stomp.Client, n)
	var connects errgroup.Group
	client := &http.Client{Transport: &http.Transport{DialContext: h.dial}}
	connects.SetLimit(16)
	for i := range h.clients {
		connects.Go(func() (err error) {
			urls := from(h.urls, i)
			opts := append([]stomp.ConnectOption{stomp.WithLogin("guest", "guest"), stomp.WithFailover(urls[1:]...), stomp.WithHTTPClient(client)}, opts...)
			h.clients[i], err = stomp.Connect(ctx, urls[0], opts...)
			return err
		})
	}
	if err := connects.Wait(); err != nil {
		h.leave()
		t.Fatal(err)
	}
	t.Logf("%d clients, at the nodes: %v", n, h.spread())
}

// dial notes an attempt, and makes it.
func (h *herd) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	h.mu.Lock()
	h.attempts = append(h.attempts, attempt{time.Now(), addr})
	h.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, addr)
}

// leave ends all clients.
func (h *herd) leave() {
	var ends errgroup.Group
	for _, c := range h.clients {
		if c != nil {
			ends.Go(c.Close)
		}
	}
	ends.Wait()
}

// spread counts the clients of each node.
func (h *herd) spread() []int {
	spread := make([]int, len(h.urls))
	for _, c := range h.clients {
		spread[slices.Index(h.urls, c.Status().Session.URL)]++
	}
	return spread
}

// returned waits until all clients have a session again, and tells how that went since then. A session from before that
// with the node at dead is none: its client has yet to notice.
func (h *herd) returned(t *testing.T, ctx context.Context, what string, then time.Time, dead string) {
	t.Helper()
	var took []time.Duration
	for _, c := range h.clients {
		for st := range c.Watch(ctx) {
			if st.State == stomp.StateConnected && (st.Session.URL != dead || st.Since.After(then)) {
				if st.Since.After(then) {
					took = append(took, st.Since.Sub(then))
				}
				break
			}
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("%s: not all are back: %v", what, context.Cause(ctx))
	}
	rate, most := h.rate(then)
	t.Logf("%s: back: %s; at one node at most %d attempts in 0.1 s and %d in 1 s; now at the nodes: %v",
		what, figures(took), rate, most, h.spread())
}

// rate returns the most attempts at one node within 0.1 s and within 1 s since then.
func (h *herd) rate(then time.Time) (tenth, second int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, url := range h.urls {
		var times []time.Time
		for _, a := range h.attempts {
			if a.at.After(then) && strings.Contains(url, a.addr) {
				times = append(times, a.at)
			}
		}
		tenth, second = max(tenth, densest(times, time.Second/10)), max(second, densest(times, time.Second))
	}
	return tenth, second
}

// densest returns the most of these times, which are in order, within so long.
func densest(times []time.Time, within time.Duration) (most int) {
	first := 0
	for i, at := range times {
		for at.Sub(times[first]) > within {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}
