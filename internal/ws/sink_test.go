package ws

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
)

// TryFlush never blocks: a full socket is left to Flush, and the bytes keep their order.
func TestTryFlush_of_a_full_socket(t *testing.T) {
	for _, wsock := range []bool{true, false} {
		client, server := tcpPair(t)
		var c, s *Conn
		if wsock {
			c, s = pair(t, client, server, DialOptions{}, AcceptOptions{})
		} else {
			c, s = Stream(client), Stream(server)
		}
		if c.b.out.raw == nil && canTryFlush {
			t.Fatal("a plain socket is not known as one")
		}
		msg := make([]byte, 32<<10)
		sent := 0
		for done := true; done; sent++ {
			for i := range msg {
				msg[i] = byte(sent)
			}
			must(t, c.Write(Binary, msg))
			var err error
			done, err = c.TryFlush()
			must(t, err)
		}
		if sent < 2 && canTryFlush {
			t.Fatalf("false at message %d", sent)
		}
		if done, err := c.TryFlush(); done || err != nil {
			t.Fatalf("again: %t, %v", done, err)
		}
		must(t, c.Write(Binary, []byte{255}))
		flushed := make(chan error, 1)
		go func() { flushed <- c.Flush() }() // joined below
		var got []byte
		for len(got) < sent*len(msg)+1 {
			p, _, err := s.Read()
			must(t, err)
			got = append(got, p...)
		}
		must(t, <-flushed)
		for i, b := range got[:sent*len(msg)] {
			if b != byte(i/len(msg)) {
				t.Fatalf("byte %d belongs to message %d", i, b)
			}
		}
		if got[len(got)-1] != 255 {
			t.Error("the last message is not the last")
		}
		c.CloseNow()
		s.CloseNow()
	}
}

// Whatever mix of Flush and TryFlush sends them, messages keep their order, beside pongs from the reader.
func TestConn_keeps_the_order_of_bytes(t *testing.T) {
	client, server := tcpPair(t)
	c, p := peered(t, client, server, DialOptions{})
	const messages, pings = 3000, 1000
	done := reading(c)
	var all sync.WaitGroup
	all.Go(func() { // joined below
		for i := range pings {
			p.nc.Write(frame{true, opPing, fmt.Appendf(nil, "%d", i)}.bytes())
		}
	})
	finished := make(chan struct{})
	all.Go(func() { // the writer; joined below
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := range messages {
			if err := c.Write(Text, fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", rnd.IntN(3000)))); err != nil {
				t.Error(err)
			}
			switch rnd.IntN(4) {
			case 0:
				c.Flush()
			case 1, 2:
				c.TryFlush()
			}
		}
		c.Flush()
		for {
			select {
			case <-c.Pending():
				c.Flush()
			case <-finished:
				return
			}
		}
	})
	for msg, pong := 0, 0; msg < messages || pong < pings; {
		f, err := p.read()
		must(t, err)
		next := &msg
		if f.op == opPong {
			next = &pong
		}
		var n int
		if _, err := fmt.Sscan(string(f.payload), &n); err != nil || n != *next {
			t.Fatalf("opcode %d: number %d (%v), want %d", f.op, n, err, *next)
		}
		*next++
	}
	close(finished)
	all.Wait()
	c.CloseNow()
	<-done
}

// A write that fails is reported by Flush, and by every call after it.
func TestFlush_reports_a_failed_write(t *testing.T) {
	boom := errors.New("boom")
	b := newBuffered(failing{boom}, nil)
	c := &Conn{b: b}
	must(t, c.Write(Text, []byte("a")))
	for range 2 {
		if err := c.Flush(); !errors.Is(err, boom) {
			t.Errorf("Flush: %v", err)
		}
		if err := c.Write(Text, []byte("b")); !errors.Is(err, boom) {
			t.Errorf("Write: %v", err)
		}
		if _, err := c.TryFlush(); !errors.Is(err, boom) {
			t.Errorf("TryFlush: %v", err)
		}
	}
	c.CloseNow()
}

// failing is a connection that takes nothing.
type failing struct{ err error }

func (failing) Read([]byte) (int, error)    { return 0, io.EOF }
func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (failing) Close() error                { return nil }

func TestTryFlush_of_a_broken_socket(t *testing.T) {
	client, _ := tcpPair(t)
	c := Stream(client)
	must(t, c.Write(Text, []byte("a")))
	client.Close()
	if done, err := c.TryFlush(); done || canTryFlush && !errors.Is(err, net.ErrClosed) {
		t.Errorf("%t, %v", done, err)
	}
	c.CloseNow()
}

// A failure ends a long message at its next piece.
func TestWrite_fails_inside_a_long_message(t *testing.T) {
	boom := errors.New("boom")
	stream := &Conn{b: newBuffered(failing{boom}, nil)}
	if err := stream.Write(0, make([]byte, 3*chunkSize)); !errors.Is(err, boom) {
		t.Errorf("stream: %v", err)
	}
	client, server := tcpPair(t)
	c, _ := peered(t, &countConn{Conn: client}, server, DialOptions{})
	client.Close()
	if err := c.Write(Binary, make([]byte, 3*chunkSize)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("WebSocket: %v", err)
	}
}

// Read returns the error of a connection that broke as it is.
func TestRead_of_a_broken_connection(t *testing.T) {
	client, server := tcpPair(t)
	c, _ := peered(t, client, server, DialOptions{})
	done := reading(c)
	must(t, server.(*net.TCPConn).SetLinger(0)) // a reset
	server.Close()
	var op *net.OpError
	if err := <-done; !errors.As(err, &op) || op.Op != "read" {
		t.Error(err)
	}
	must(t, c.CloseNow())
}
