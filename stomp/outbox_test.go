package stomp_test

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// The peer does not read: what waits is bounded, and Send waits within ctx.
func TestSendWaitsForRoom(t *testing.T) {
	fill := func(t *testing.T, c *stomp.Client, p *peer) int {
		p.block(c)
		body := make([]byte, 1<<10)
		for n := 0; ; n++ {
			start := time.Now()
			err := c.Send(within(t, time.Second), "/a", body)
			if err == nil {
				continue
			}
			matches(t, err, context.DeadlineExceeded)
			if d := time.Since(start); d != time.Second || !stomp.Unsent(err) {
				t.Errorf("%v (unsent %t) after %v", err, stomp.Unsent(err), d)
			}
			return n
		}
	}
	bubble(t, "bounded_and_within_ctx", func(t *testing.T) {
		c, p := peerRig(t, nil)
		if n := fill(t, c, p); n < 900 || n > 1100 {
			t.Errorf("%d frames of 1 KiB were accepted, the bound is 1 MiB", n)
		}
		done := make(chan error)
		go func() { done <- c.Send(t.Context(), "/a", []byte("last")) }()
		synctest.Wait()
		rest := p.rest()
		fine(t, <-done)
		fine(t, c.Flush(t.Context()))
		c.Close()
		<-rest
	})
	bubble(t, "ends_with_Close", func(t *testing.T) {
		c, p := peerRig(t, nil)
		fill(t, c, p)
		done := make(chan error)
		go func() { done <- c.Send(t.Context(), "/a", nil) }()
		go func() { done <- c.Send(t.Context(), "/a", nil, stomp.WithReceipt()) }()
		synctest.Wait()
		c.Close()
		for range 2 {
			err := <-done
			matches(t, err, stomp.ErrClosed)
			if !stomp.Unsent(err) {
				t.Errorf("%v: unsent is false", err)
			}
		}
	})
	bubble(t, "ends_with_the_connection", func(t *testing.T) {
		c, p := peerRig(t, nil)
		fill(t, c, p)
		done := make(chan error)
		go func() { done <- c.Send(t.Context(), "/a", nil) }()
		synctest.Wait()
		p.nc.Close()
		err := <-done
		matches(t, err, stomp.ErrConnectionLost)
		if !stomp.Unsent(err) {
			t.Errorf("%v: unsent is false", err)
		}
		<-c.Done()
	})
}

// A Send without options allocates nothing.
func TestSendAllocates(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	go func() { // ends with the connection: a server that says CONNECTED and discards the rest
		buf := make([]byte, 64<<10)
		far.Read(buf)
		io.WriteString(far, "CONNECTED\nversion:1.2\n\n\x00")
		for {
			if _, err := far.Read(buf); err != nil {
				return
			}
		}
	}()
	c, err := stomp.Connect(t.Context(), "tcp://peer.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil }), stomp.WithoutReconnect())
	fine(t, err)
	defer c.Close()
	ctx, body := t.Context(), make([]byte, 256)
	send := func() {
		if err := c.Send(ctx, "/topic/a", body); err != nil {
			t.Fatal(err)
		}
	}
	for range 20_000 { // until every buffer has its size
		send()
	}
	if n := testing.AllocsPerRun(20_000, send); n >= 1 {
		t.Errorf("%v allocations a Send", n)
	}
}

// A frame that was withdrawn while the write loop was busy counts as flushed, or Flush and Disconnect would wait for it.
func TestFlush_after_a_withdrawn_frame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := streamSession(t, connected12)
		defer client.Close()
		fine(t, client.Send(t.Context(), "/a", []byte("one"))) // the loop waits for the peer to read this
		synctest.Wait()
		err := client.Send(within(t, time.Second), "/a", []byte("two"), stomp.WithReceipt())
		if !stomp.Unsent(err) {
			t.Fatal(err)
		}
		p.read()
		synctest.Wait()
		fine(t, client.Flush(within(t, time.Hour)))
	})
}
