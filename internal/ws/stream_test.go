package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

func TestStream_of_any_size(t *testing.T) {
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
				t.Fatalf("a piece of %d bytes, final %t, type %d", len(p), final, s.ReadType())
			}
			got = append(got, p...)
		}
		must(t, <-written)
		if !bytes.Equal(got, msg) {
			t.Fatalf("%d bytes came differently", size)
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

func TestStream_Close_with_a_peer_that_does_not_read(t *testing.T) {
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

// messageConn is a connection that records each Write as a message.
type messageConn struct {
	net.Conn
	network string
	writes  []string
	short   bool
}

func (k *messageConn) LocalAddr() net.Addr { return namedNetwork(k.network) }

func (k *messageConn) Write(p []byte) (int, error) {
	k.writes = append(k.writes, string(p))
	if k.short {
		return len(p) - 1, nil
	}
	return len(p), nil
}

func (k *messageConn) SetDeadline(time.Time) error { return nil }

func (k *messageConn) Close() error { return nil }

type namedNetwork string

func (n namedNetwork) Network() string { return string(n) }
func (n namedNetwork) String() string  { return string(n) }

// W2: on a stream that is a WebSocket of somebody else's, a message is one Write, however long and however many there
// are. On another one they share it.
func TestStream_W2_keeps_messages(t *testing.T) {
	msgs := []string{"a", "\n", strings.Repeat("b", chunkSize+1), strings.Repeat("c", maxWaiting+1), "d"}
	for network, want := range map[string][]string{
		"websocket": msgs,
		"tcp":       {"a\n", msgs[2][:chunkSize], "b", msgs[3][:chunkSize]},
	} {
		k := &messageConn{network: network}
		c := Stream(k)
		for _, m := range msgs {
			must(t, c.Write(Text, []byte(m)))
		}
		must(t, c.Flush())
		if len(k.writes) < len(want) || !slices.Equal(k.writes[:len(want)], want) || network == "websocket" && len(k.writes) != len(want) {
			t.Errorf("%s: %d writes: %.10q", network, len(k.writes), k.writes)
		}
		if got, sent := strings.Join(k.writes, ""), strings.Join(msgs, ""); got != sent || c.BytesWritten() != uint64(len(sent)) {
			t.Errorf("%s: %d bytes came, %d were counted, %d were sent", network, len(got), c.BytesWritten(), len(sent))
		}
		must(t, c.CloseNow())
		if err := c.Write(Text, []byte("late")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: after CloseNow: %v", network, err)
		}
	}
	c := Stream(&messageConn{network: "websocket", short: true})
	for range 2 { // the error stays
		if err := c.Write(Text, []byte("torn")); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("half a message: %v", err)
		}
	}
}

// The library's own NetConn is recognised.
func TestIsMessageConn_of_the_library(t *testing.T) {
	url := serveHTTP(t, echo(AcceptOptions{}))
	conn, _, err := websocket.Dial(t.Context(), url, nil)
	must(t, err)
	nc := websocket.NetConn(t.Context(), conn, websocket.MessageText)
	defer nc.Close()
	client, _ := tcpPair(t)
	for nc, want := range map[net.Conn]bool{nc: true, client: false, &addressless{}: false} {
		if isMessageConn(nc) != want {
			t.Errorf("%T: %t", nc, !want)
		}
	}
}

type addressless struct{ net.Conn }

func (*addressless) LocalAddr() net.Addr { return nil }

// A quiet stream blocks on its small buffer, whatever came before.
func TestStream_idle_holds_no_chunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c := Stream(client)
		done := reading(c)
		for _, size := range []int{1, fillSize - 1, fillSize + 1, 100_000} {
			server.Write(make([]byte, size))
			synctest.Wait()
			if c.b.in.buf != nil {
				t.Errorf("after %d bytes: reading holds a chunk", size)
			}
		}
		server.Close()
		<-done
		c.CloseNow()
	})
}

// A read may bring bytes together with its error: they come first.
func TestStream_read_with_an_error(t *testing.T) {
	b := newBuffered(dataWithEOF{}, nil)
	c := &Conn{b: b}
	if p, _, err := c.Read(); string(p) != "x" || err != nil {
		t.Errorf("%q, %v", p, err)
	}
	c.CloseNow()
}

// dataWithEOF returns its only byte together with io.EOF.
type dataWithEOF struct{ failing }

func (dataWithEOF) Read(p []byte) (int, error) { return copy(p, "x"), io.EOF }
