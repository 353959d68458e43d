package ws

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

func TestPing_answered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pipePair(t)
		done, answering := reading(c), reading(s)
		flushers := make(chan struct{})
		for _, conn := range []*Conn{c, s} {
			go func() { // ends with flushers
				for {
					select {
					case <-conn.Pending():
						conn.Flush()
					case <-flushers:
						return
					}
				}
			}()
		}
		for range 3 {
			must(t, c.Ping(t.Context()))
		}
		close(flushers)
		c.CloseNow()
		<-done
		<-answering
	})
}

// The end of a Ping's ctx leaves the connection alive, and no goroutine for long.
func TestPing_unanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		done := reading(c)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with a ctx that has ended: %v", err)
		}
		go c.Flush() // ends with what is read here
		p.want(opPing, "1")
		go send(c, "still alive") // likewise
		p.want(opText, "still alive")

		joined := make(chan struct{})
		go func() { c.joinPings(); close(joined) }() // ends with the last ping
		<-joined
		if d := time.Since(start); d != 3*time.Second+pingGrace {
			t.Errorf("the ping was over after %v", d)
		}
		go send(c, "alive after that") // likewise
		p.want(opText, "alive after that")
		c.CloseNow()
		<-done
	})
}
