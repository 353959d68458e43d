package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStream(t *testing.T) {
	client, server := tcpPair(t)
	c, s := Stream(client), Stream(server)
	if !c.IsStream() || c.Subprotocol() != "" {
		t.Error("not a stream")
	}
	must(t, c.Ping(t.Context()))
	for _, size := range []int{1, fillSize, fillSize + 1, chunkSize, chunkSize + 1, 5 << 20} {
		msg := bytes.Repeat([]byte("0123456789abcde"), size/15+1)[:size]
		written := make(chan error, 1)
		go func() { written <- errors.Join(c.Write(0, msg), c.Flush()) }() // joined below
		var got []byte
		for len(got) < size {
			p, final, err := s.Read()
			must(t, err)
			if final || len(p) == 0 || len(p) > chunkSize || s.ReadType() != 0 {
				t.Fatalf("a piece of %d octets, final %t, type %d", len(p), final, s.ReadType())
			}
			got = append(got, p...)
		}
		must(t, <-written)
		if !bytes.Equal(got, msg) {
			t.Fatalf("%d octets came differently", size)
		}
	}
	must(t, c.Write(0, []byte("bye")))
	must(t, c.Close(t.Context(), 1000, "ignored"))
	if p, _, err := s.Read(); err != nil || string(p) != "bye" {
		t.Errorf("%q, %v", p, err)
	}
	if _, _, err := s.Read(); !errors.Is(err, io.EOF) || !strings.Contains(err.Error(), "the peer ended") {
		t.Error(err)
	}
	if _, _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	s.CloseNow()
}

func TestStreamCloseWithADeafPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		c := Stream(client)
		must(t, c.Write(0, []byte("a")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Close(ctx, 0, ""); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// A stream that is quiet blocks on its small buffer, whatever went before.
func TestStreamIdleHoldsNoChunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := Stream(client)
		done := reading(c)
		for _, size := range []int{1, fillSize - 1, fillSize + 1, 100_000} {
			server.Write(make([]byte, size))
			synctest.Wait()
			if c.b.buf != nil {
				t.Errorf("after %d octets: reading holds a chunk", size)
			}
		}
		server.Close()
		<-done
		c.CloseNow()
	})
}

// A read may bring octets together with its error: they come first.
func TestStreamReadWithError(t *testing.T) {
	b := newBuffered(lastGasp{}, nil)
	b.judged = true
	c := &Conn{b: b}
	if p, _, err := c.Read(); string(p) != "x" || err != nil {
		t.Errorf("%q, %v", p, err)
	}
	c.CloseNow()
}

// lastGasp returns its only octet together with io.EOF.
type lastGasp struct{ failing }

func (lastGasp) Read(p []byte) (int, error) { return copy(p, "x"), io.EOF }
