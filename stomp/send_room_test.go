package stomp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// fill sends until there is no room within a second, and returns how many frames of 1 KiB were accepted.
func fill(t *testing.T, c *stomp.Client, p *rig.Peer) int {
	p.Block(c)
	body := make([]byte, 1<<10)
	for n := 0; ; n++ {
		start := time.Now()
		err := c.Send(rig.Within(t, time.Second), "/a", body)
		if err == nil {
			continue
		}
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		if d := time.Since(start); d != time.Second || !stomp.Unsent(err) {
			t.Errorf("%v (unsent %t) after %v", err, stomp.Unsent(err), d)
		}
		return n
	}
}

// The peer does not read: what waits is bounded, and Send waits within ctx.
func TestSend_waits_for_room_bounded_and_within_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		if n := fill(t, c, p); n < 900 || n > 1100 {
			t.Errorf("%d frames of 1 KiB were accepted, the bound is 1 MiB", n)
		}
		done := rig.Go(func() error { return c.Send(t.Context(), "/a", []byte("last")) })
		synctest.Wait()
		rest := p.Rest()
		rig.OK(t, <-done)
		rig.OK(t, c.Flush(t.Context()))
		c.Close()
		<-rest
	})
}

func TestSend_waits_for_room_ends_with_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		fill(t, c, p)
		plain := rig.Go(func() error { return c.Send(t.Context(), "/a", nil) })
		confirmed := rig.Go(func() error { return c.Send(t.Context(), "/a", nil, stomp.WithReceipt()) })
		synctest.Wait()
		c.Close()
		for _, err := range []error{<-plain, <-confirmed} {
			rig.ErrorIs(t, err, stomp.ErrClosed)
			rig.Unsent(t, err)
		}
	})
}

func TestSend_waits_for_room_ends_with_the_connection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		fill(t, c, p)
		done := rig.Go(func() error { return c.Send(t.Context(), "/a", nil) })
		synctest.Wait()
		p.Close()
		err := <-done
		rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		rig.Unsent(t, err)
		<-c.Done()
	})
}

// A Send without options allocates nothing.
func TestSend_allocates_nothing(t *testing.T) {
	p, c := rig.Session(t)
	p.Discard()
	ctx, body := t.Context(), make([]byte, 256)
	send := func() {
		rig.OK(t, c.Send(ctx, "/topic/a", body))
	}
	for range 20_000 { // until every buffer has its size
		send()
	}
	if n := testing.AllocsPerRun(20_000, send); n >= 1 {
		t.Errorf("%v allocations a Send", n)
	}
}

// A frame that was withdrawn while the write loop was busy counts as flushed, or Flush and Disconnect would wait for
// it.
func TestFlush_after_a_withdrawn_frame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := rig.Session(t)
		defer client.Close()
		rig.OK(t, client.Send(t.Context(), "/a", []byte("one"))) // the loop waits for the peer to read this
		synctest.Wait()
		err := client.Send(rig.Within(t, time.Second), "/a", []byte("two"), stomp.WithReceipt())
		if !stomp.Unsent(err) {
			t.Fatal(err)
		}
		p.Raw()
		synctest.Wait()
		rig.OK(t, client.Flush(rig.Within(t, time.Hour)))
	})
}
