package command

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress shows on standard error, if that is a terminal, how far a load is. stop takes the line away.
func (a *app) progress(b *load) (stop func()) {
	if !isTerminal(a.env.Stderr) {
		return func() {}
	}
	stopped := make(chan struct{})
	var showing sync.WaitGroup
	showing.Go(func() { // joined by stop
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		begun, sent, received := time.Now(), int64(0), int64(0)
		for last := begun; ; {
			select {
			case now := <-tick.C:
				s, r := b.sent.Load(), b.received.Load()
				since := now.Sub(last).Seconds()
				line := fmt.Sprintf("%3.0f s  sent %s (%s/s)  received %s (%s/s)", now.Sub(begun).Seconds(),
					grouped(s), grouped(int64(float64(s-sent)/since)), grouped(r), grouped(int64(float64(r-received)/since)))
				last, sent, received = now, s, r
				// Within the width, so that it stays one line.
				fmt.Fprintf(a.env.Stderr, "\r%.*s\x1b[K", columns(a.env.Stderr)-1, line)
			case <-stopped:
				io.WriteString(a.env.Stderr, "\r\x1b[K")
				return
			}
		}
	})
	return func() { close(stopped); showing.Wait() }
}
