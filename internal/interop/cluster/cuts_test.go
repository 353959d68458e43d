package cluster

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/stomp"
)

// cutOften cuts the connection of a publisher with the default Backoff again and again, after 1 to 3 s each: its delays do
// not grow, because each session has outlived the one before it.
func cutOften(t *testing.T, c *broker.Cluster) {
	start(t, c)
	ctx := within(t, 3*time.Minute)
	cuts := 3
	if *full {
		cuts = 30
	}
	var w watcher
	l := new(line)
	began := time.Now()
	client := connect(t, ctx, c.URLs(), stomp.WithHTTPClient(l.client()))
	var watching sync.WaitGroup
	watching.Go(func() { w.watch(ctx, "publisher", client) }) // ends with the Client
	enough := make(chan struct{})
	confirmed := 0
	var publishing sync.WaitGroup
	publishing.Go(func() { // ends with enough
		for ; ; confirmed++ {
			select {
			case <-enough:
				return
			default:
			}
			if err := client.Send(ctx, "/queue/cut", fmt.Append(nil, confirmed), sending(quorum, stomp.WithRetry())...); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range cuts {
		time.Sleep(time.Second + rand.N(2*time.Second))
		l.cut()
	}
	time.Sleep(time.Second)
	close(enough)
	publishing.Wait()
	took := time.Since(began)
	client.Close()
	watching.Wait()
	var gaps []time.Duration
	for _, g := range w.since(began) {
		gaps = append(gaps, g.length())
		if g.length() > goal {
			t.Logf("no session for %v, at %v: attempt %d succeeded, the one before: %v; lost: %v", g.length(), g.lost.Sub(began), g.attempts, g.failed, g.err)
		}
		if g.length() > bound {
			t.Errorf("no session for %v", g.length())
		}
	}
	t.Logf("%d confirmed one by one in %v; without a session: %s", confirmed, took.Round(time.Second), figures(gaps))
}
