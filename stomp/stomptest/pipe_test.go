package stomptest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// pipes runs a test with the two ends of a pipe, in a bubble.
func pipes(t *testing.T, test func(t *testing.T, x, y *pipeConn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		x, y := newPipe()
		defer x.Close()
		defer y.Close()
		test(t, x, y)
	})
}

func TestPipe_both_may_write_first(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		p := make([]byte, pipeCapacity)
		for _, c := range []*pipeConn{x, y} {
			if n, err := c.Write(p); n != len(p) || err != nil {
				t.Errorf("Write: %d, %v", n, err)
			}
		}
	})
}

func TestPipe_more_than_it_holds(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		want := bytes.Repeat([]byte("0123456789"), 100_000)
		go func() {
			_, _ = x.Write(want)
			_ = x.Close()
		}()
		if got, err := io.ReadAll(y); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes came, %v", len(got), err)
		}
	})
}

func TestPipe_Close_lets_the_rest_be_read(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		_, _ = x.Write([]byte("rest"))
		_ = x.Close()
		if got, err := io.ReadAll(y); string(got) != "rest" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := y.Write([]byte("x")); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("Write to a closed end: %v", err)
		}
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after Close: %v", err)
		}
		if _, err := x.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write after Close: %v", err)
		}
	})
}

func TestPipe_reset_loses_the_rest(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		_, _ = x.Write([]byte("rest"))
		x.reset()
		if n, err := y.Read(make([]byte, 9)); n != 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%d, %v", n, err)
		}
	})
}

func TestPipe_deadlines(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		start := time.Now()
		_ = x.SetReadDeadline(start.Add(time.Second))
		_ = x.SetReadDeadline(start.Add(2 * time.Second)) // the later call counts
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 2*time.Second {
			t.Errorf("Read: %v after %v", err, time.Since(start))
		}
		_ = x.SetWriteDeadline(time.Now().Add(time.Second))
		if n, err := x.Write(make([]byte, pipeCapacity+1)); n != pipeCapacity || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Write: %d, %v", n, err)
		}
		_ = x.SetDeadline(time.Unix(1, 0))
		if _, err := x.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("Read with a deadline in the past: %v", err)
		}
		_ = x.SetDeadline(time.Time{})
		_, _ = y.Write([]byte("x"))
		if _, err := x.Read(make([]byte, 1)); err != nil {
			t.Errorf("Read without a deadline: %v", err)
		}
	})
}

func TestPipe_Close_wakes_who_waits(t *testing.T) {
	pipes(t, func(t *testing.T, x, y *pipeConn) {
		ended := make(chan error, 2)
		go func() {
			_, err := x.Read(make([]byte, 1))
			ended <- err
		}()
		go func() {
			_, err := x.Write(make([]byte, pipeCapacity+1))
			ended <- err
		}()
		synctest.Wait()
		_ = x.Close()
		for range 2 {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("ended with %v", err)
			}
		}
	})
}
