package ws

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// quietPair returns a WebSocket over TCP on which a message has come and the reader waits for the next one, in
// takeMessage where that reads ahead. got is what it reads.
func quietPair(t *testing.T) (c *Conn, p *peer, got <-chan string, ended <-chan error) {
	t.Helper()
	client, server := tcpPair(t)
	c, p = peered(t, client, server, DialOptions{})
	p.send(opText, "the first")
	messages, done := make(chan string), make(chan error, 1)
	go func() { // joined by the receive of its error
		for {
			msg, err := readMessage(c)
			if err != nil {
				done <- err
				return
			}
			messages <- string(msg)
		}
	}()
	if msg := <-messages; msg != "the first" {
		t.Fatalf("got %q", msg)
	}
	for waits := false; canReadAhead && !waits; runtime.Gosched() {
		c.b.in.mu.Lock()
		waits = c.b.in.readingAhead
		c.b.in.mu.Unlock()
	}
	return c, p, messages, done
}

// Whatever comes while takeMessage reads ahead is read as the library would read it.
func TestReadAhead_of_whatever_comes(t *testing.T) {
	text := func(s string) []byte { return frame{true, opText, []byte(s)}.bytes() }
	long := strings.Repeat("0123456789", 20_000)
	for _, tc := range []struct {
		name  string
		comes [][]byte // each in a write of its own
		want  []string
	}{
		{"a_message", [][]byte{text("a")}, []string{"a"}},
		{"W4_a_heart_beat", [][]byte{text("\n")}, []string{"\n"}},
		{"two_and_a_half", [][]byte{bytes.Join([][]byte{text("a"), text("b"), text("cd")[:3]}, nil), text("cd")[3:]}, []string{"a", "b", "cd"}},
		{"half_a_head", [][]byte{text(long)[:3], text(long)[3:]}, []string{long}},
		{"a_long_one", [][]byte{text(long), text("b")}, []string{long, "b"}},
		{"a_full_buffer", [][]byte{text(long[:fillSize-4]), text("b")}, []string{long[:fillSize-4], "b"}},
		{"a_full_chunk", [][]byte{text(long[:fillSize]), text(long[:chunkSize-4]), text("b")}, []string{long[:fillSize], long[:chunkSize-4], "b"}},
		{"W2_fragments", [][]byte{frame{false, opText, []byte("a")}.bytes(), frame{true, opContinuation, []byte("b")}.bytes(), text("c")}, []string{"ab", "c"}},
		{"a_pong_nobody_asked_for", [][]byte{frame{true, opPong, nil}.bytes(), text("a")}, []string{"a"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p, got, ended := quietPair(t)
			go func() { // ends when all of it is read, as it is below
				for _, piece := range tc.comes {
					arrived := c.BytesRead() + uint64(len(piece))
					for p.nc.Write(piece); c.BytesRead() < arrived; runtime.Gosched() {
					}
				}
			}()
			for i, want := range tc.want {
				if msg := <-got; msg != want {
					t.Errorf("message %d: %d bytes %.20q, want %d %.20q", i+1, len(msg), msg, len(want), want)
				}
			}
			must(t, c.CloseNow())
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// A ping is answered while takeMessage reads ahead.
func TestReadAhead_leaves_pings_to_the_library(t *testing.T) {
	c, p, got, ended := quietPair(t)
	for _, payload := range []string{"x", "y"} {
		p.send(opPing, payload)
		<-c.Pending()
		must(t, c.Flush())
		p.want(opPong, payload)
		p.send(opText, "a")
		<-got
	}
	c.CloseNow()
	<-ended
}

// The end of a connection, however it comes about, ends a read-ahead, and Read has the error that it would have from
// the library.
func TestReadAhead_ends_with_the_connection(t *testing.T) {
	var closed *CloseError
	var op *net.OpError
	for _, tc := range []struct {
		name string
		end  func(t *testing.T, c *Conn, p *peer)
		as   any
		is   error
		text string
	}{
		{"W5_a_close_frame", func(_ *testing.T, _ *Conn, p *peer) { p.send(opClose, closing(1001, "bye")) }, &closed, nil,
			`the peer closed the WebSocket with 1001: "bye"`},
		{"the_end", func(_ *testing.T, _ *Conn, p *peer) { p.nc.Close() }, nil, io.EOF,
			"ws: read: the connection ended without a close frame: EOF"},
		{"a_reset", func(t *testing.T, _ *Conn, p *peer) {
			must(t, p.nc.(*net.TCPConn).SetLinger(0))
			p.nc.Close()
		}, &op, syscall.ECONNRESET, "ws: read: read tcp"},
		{"CloseNow", func(_ *testing.T, c *Conn, _ *peer) { c.CloseNow() }, nil, net.ErrClosed,
			"ws: read: use of closed network connection"},
		{"a_break_of_the_protocol", func(_ *testing.T, _ *Conn, p *peer) { p.nc.Write([]byte{0xf1, 0}) }, nil, nil,
			"ws: read: the peer broke the WebSocket protocol: received header with unexpected rsv bits set: true:true:true"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, p, _, ended := quietPair(t)
			tc.end(t, c, p)
			err := <-ended
			if tc.as != nil && !errors.As(err, tc.as) || tc.is != nil && !errors.Is(err, tc.is) || !strings.HasPrefix(err.Error(), tc.text) {
				t.Errorf("Read: %v", err)
			}
			if _, _, again := c.Read(); again == nil || again.Error() != err.Error() {
				t.Errorf("Read again: %v", again)
			}
		})
	}
}

// Close does its handshake while takeMessage reads ahead, with messages under way or without: the library's own
// reading waits for what the read-ahead gets, and the close frame is not lost between the two.
func TestReadAhead_during_Close(t *testing.T) {
	for range 100 {
		for _, before := range []string{"", "late"} {
			c, p, got, ended := quietPair(t)
			answered := make(chan error, 1)
			go func() { // joined below
				f, err := p.read()
				if err == nil && f.op == opClose {
					answer := frame{true, opClose, f.payload}.bytes()
					if before != "" {
						answer = append(frame{true, opText, []byte(before)}.bytes(), answer...)
					}
					_, err = p.nc.Write(answer)
				}
				answered <- err
			}()
			must(t, c.Close(t.Context(), 1000, "")) // one that lost the answer would wait 5 s and say so
			must(t, <-answered)
			select {
			case <-ended: // the handshake passes over what comes before the answer,
			case msg := <-got: // unless the reader is faster
				if msg != before {
					t.Errorf("got %q", msg)
				}
				<-ended
			}
		}
	}
}

// The end of Close's ctx ends a read-ahead too.
func TestReadAhead_during_Close_of_a_silent_peer(t *testing.T) {
	c, p, _, ended := quietPair(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with the close frame
		p.read()
		cancel()
	}()
	if err := c.Close(ctx, 1000, ""); err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("Close: %v", err)
	}
	if err := <-ended; !strings.Contains(err.Error(), "cut short") {
		t.Errorf("Read: %v", err)
	}
}
