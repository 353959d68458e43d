package command

import (
	"context"
	"strconv"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompcat/internal/latency"
)

// receive counts messages until all publishers have finished and no more comes.
func (b *load) receive(ctx context.Context, inbox <-chan stomp.Frame, published <-chan struct{}) {
	var took latency.Histogram
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.delivered.Merge(&took)
	}()
	idle := time.NewTicker(50 * time.Millisecond)
	defer idle.Stop()
	var finished time.Time
	for {
		select {
		case f, open := <-inbox:
			if !open {
				return
			}
			due, ours := b.dueOf(f.Body)
			if !ours {
				continue
			}
			now := time.Since(b.start)
			if took.Count() == 0 {
				b.started.Add(1)
			}
			took.Add(now - due)
			b.received.Add(1)
			b.lastReceived.Store(int64(now))
		case <-published:
			published, finished = nil, time.Now()
		case <-idle.C:
			if published == nil && b.isComplete(finished) {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// isComplete reports whether everything has come that can be expected, or nothing has come for --timeout.
func (b *load) isComplete(finished time.Time) bool {
	last := max(time.Since(b.start.Add(time.Duration(b.lastReceived.Load()))), 0)
	quiet := min(last, time.Since(finished))
	sent, received, subscribers := b.sent.Load(), b.received.Load(), int64(b.o.subscribers)
	switch {
	case received >= sent*subscribers: // all of a topic, or of a queue with one subscriber
		return true
	case received == sent && b.started.Load() == subscribers:
		// All of a queue. Of a topic some subscriber would be behind: it would have to have begun, and to pause just now.
		return quiet > 250*time.Millisecond
	}
	return quiet > b.o.timeout
}

// dueOf returns when a message was due, if it is of this run.
func (b *load) dueOf(body []byte) (due time.Duration, ours bool) {
	if len(body) < minSize || string(body[:len(b.id)]) != b.id {
		return 0, false
	}
	n, err := strconv.ParseUint(string(body[len(b.id):minSize]), 16, 63)
	return time.Duration(n), err == nil
}
