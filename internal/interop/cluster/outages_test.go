package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// gap is a time in which one Client had no session.
type gap struct {
	client     string
	lost, back time.Time
	url        string // of the session that was lost
	next       string // of the session that followed
	err        error  // what Status.Err says of the session that was lost
	attempts   int    // to connect, the last of which succeeded
	failed     error  // why the one before failed, if that was seen; nil: it was the first
}

func (g gap) length() time.Duration { return g.back.Sub(g.lost) }

// watcher notes the gaps of Clients.
type watcher struct {
	mu   sync.Mutex
	gaps []gap // guarded by mu
}

// watch notes the gaps of c until it ends or ctx does.
func (w *watcher) watch(ctx context.Context, name string, c *stomp.Client) {
	var g gap // its zero value: there is a session
	url := c.Status().Session.URL
	for st := range c.Watch(ctx) {
		switch {
		case st.State == stomp.StateReconnecting:
			g.lost, g.attempts = st.Since, st.Attempt
			if st.Attempt > 1 {
				g.failed = st.Err
			}
		case st.State == stomp.StateConnected && g.attempts > 0:
			g.client, g.back, g.url, g.next, g.err = name, st.Since, url, st.Session.URL, st.Err
			w.mu.Lock()
			w.gaps = append(w.gaps, g)
			w.mu.Unlock()
			g, url = gap{}, st.Session.URL
		}
	}
}

// since returns the gaps that began after that.
func (w *watcher) since(then time.Time) (gaps []gap) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.gaps {
		if g.lost.After(then) {
			gaps = append(gaps, g)
		}
	}
	return gaps
}

// absence is a time in which a node did not serve.
type absence struct{ from, to time.Time }

// attendance notes when each of the nodes did not serve.
type attendance struct {
	mu   sync.Mutex
	away [][]absence // guarded by mu; by node; the last one of a node that is away has no end
}

func newAttendance(nodes int) *attendance { return &attendance{away: make([][]absence, nodes)} }

func (a *attendance) leaves(node int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away[node] = append(a.away[node], absence{from: time.Now()})
}

func (a *attendance) returns(node int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.away[node][len(a.away[node])-1].to = time.Now()
}

// served returns for how long of a gap any node served.
func (a *attendance) served(g gap) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	// The times at which that can change, in order.
	times := []time.Time{g.lost, g.back}
	for _, node := range a.away {
		for _, ab := range node {
			for _, at := range []time.Time{ab.from, ab.to} {
				if at.After(g.lost) && at.Before(g.back) {
					times = append(times, at)
				}
			}
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	var served time.Duration
	for i := range times[1:] {
		if a.anyLocked(times[i].Add(times[i+1].Sub(times[i]) / 2)) {
			served += times[i+1].Sub(times[i])
		}
	}
	return served
}

// anyLocked reports whether any node served then.
func (a *attendance) anyLocked(then time.Time) bool {
	for _, node := range a.away {
		if !slices.ContainsFunc(node, func(ab absence) bool {
			return ab.from.Before(then) && (ab.to.IsZero() || ab.to.After(then))
		}) {
			return true
		}
	}
	return false
}

// figures sums up durations: how many, the median and the longest.
func figures(d []time.Duration) string {
	if len(d) == 0 {
		return "none"
	}
	d = slices.Sorted(slices.Values(d))
	return fmt.Sprintf("%d, median %v, longest %v", len(d), d[len(d)/2].Round(time.Millisecond), d[len(d)-1].Round(time.Millisecond))
}
