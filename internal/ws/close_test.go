//go:build !js

package ws

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
)

// W5: both ends learn of a close; what waited goes out before it.
func TestClose_W5_both_ends_learn_of_it(t *testing.T) {
	for _, reader := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			c, s := pipePair(t)
			var done <-chan error
			if reader {
				done = reading(c)
			}
			got := make(chan string, 1)
			closed := make(chan error, 1)
			go func() { // joined below
				msg, _ := readMessage(s)
				got <- string(msg)
				_, _, err := s.Read()
				closed <- err
			}()
			must(t, c.Write(Text, []byte("the last one")))
			must(t, c.Close(t.Context(), 1001, strings.Repeat("ä", 100)))
			if msg := <-got; msg != "the last one" {
				t.Errorf("before the close: %q", msg)
			}
			var ce *CloseError
			if err := <-closed; !errors.As(err, &ce) || ce.Code != 1001 || ce.Reason != strings.Repeat("ä", 61) {
				t.Errorf("the peer got %v", err)
			}
			if reader {
				if err := <-done; !errors.As(err, &ce) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("our reader got %v", err)
				}
			}
			if err := c.Close(t.Context(), 1000, ""); !errors.Is(err, net.ErrClosed) {
				t.Errorf("Close again: %v", err)
			}
			must(t, c.CloseNow())
		})
	}
}

func TestClose_answered_with_another_code(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		go func() { // ends with its frame
			p.read()
			p.nc.Write(frame{true, opText, []byte("still here")}.bytes())
			p.nc.Write(frame{true, opClose, []byte(closing(1011, ""))}.bytes())
		}()
		must(t, c.Close(t.Context(), 1000, "bye"))
	})
}

func TestClose_of_a_silent_peer(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ctx   time.Duration // 0: no end
		peer  func(*peer)
		after time.Duration
		is    error
		text  string
	}{
		{"no_answer_and_ctx_ends", 3 * time.Second, func(p *peer) { io.Copy(io.Discard, p.br) }, 3 * time.Second, context.DeadlineExceeded, "cut short"},
		{"does_not_read_and_ctx_ends", 3 * time.Second, func(*peer) {}, 3 * time.Second, context.DeadlineExceeded, "cut short"},
		{"no_answer", 0, func(p *peer) { io.Copy(io.Discard, p.br) }, 5 * time.Second, nil, "did not answer"},
		{"does_not_read", 0, func(*peer) {}, 6 * time.Second, net.ErrClosed, "did not take the close frame"},
		{"ends_the_connection", 0, func(p *peer) { p.read(); p.read(); p.nc.Close() }, 0, io.EOF, "without a close frame"},
	} {
		for _, reader := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := net.Pipe()
					c, p := peered(t, client, server, DialOptions{})
					var done <-chan error
					if reader {
						done = reading(c)
					}
					go tc.peer(p) // ends with the connection
					ctx := t.Context()
					if tc.ctx > 0 {
						var cancel context.CancelFunc
						ctx, cancel = context.WithTimeout(ctx, tc.ctx)
						defer cancel()
					}
					if tc.is != net.ErrClosed { // else the close frame itself is what is not read
						must(t, c.Write(Text, []byte("a")))
					}
					start := time.Now()
					err := c.Close(ctx, 1000, "")
					if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) {
						// The connection's end can overtake: the reader has met it, and the library says closed.
						if !(reader && tc.is == io.EOF && err == nil) {
							t.Errorf("%v", err)
						}
					}
					if d := time.Since(start); d != tc.after {
						t.Errorf("after %v, want %v", d, tc.after)
					}
					if reader {
						if err := <-done; !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
							t.Errorf("the reader got %v", err)
						}
					}
				})
			})
		}
	}
}

func TestClose_with_a_code_that_may_not_be_sent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pipePair(t)
		if err := c.Close(t.Context(), 1006, ""); err == nil || !strings.Contains(err.Error(), "cannot be set") {
			t.Error(err)
		}
	})
}

// CloseNow ends every call that blocks.
func TestCloseNow_ends_whatever_blocks(t *testing.T) {
	for _, stream := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			defer server.Close()
			var c *Conn
			if stream {
				c = Stream(client)
			} else {
				c, _ = peered(t, client, server, DialOptions{})
			}
			done := reading(c)
			must(t, c.Write(Text, []byte("a")))
			flushed := make(chan error, 1)
			go func() { flushed <- c.Flush() }() // joined below
			pinged := make(chan error, 1)
			go func() { pinged <- c.Ping(context.Background()) }() // joined below
			synctest.Wait()
			start := time.Now()
			must(t, c.CloseNow())
			for what, err := range map[string]error{"Read": <-done, "Flush": <-flushed, "Ping": <-pinged, "Write": c.Write(Text, nil), "Flush again": c.Flush()} {
				if stream && (what == "Ping" || what == "Write") {
					continue // it has no pings, and writing nothing needs no connection
				}
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("%s: %v", what, err)
				}
			}
			if !stream {
				if err := c.Ping(t.Context()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Ping after CloseNow: %v", err)
				}
			}
			must(t, c.CloseNow())
			if d := time.Since(start); d != 0 {
				t.Errorf("after %v", d)
			}
		})
	}
}

// CloseNow during a Close that waits for its peer.
func TestCloseNow_during_Close(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		go io.Copy(io.Discard, p.br) // ends with the connection
		closed := make(chan error, 1)
		start := time.Now()
		go func() { closed <- c.Close(context.Background(), 1000, "") }() // joined below
		synctest.Wait()
		must(t, c.CloseNow())
		if err := <-closed; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("after %v", d)
		}
	})
}

// A TLS connection would spend 5 s on its close_notify to a peer that does not read.
func TestCloseNow_of_TLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		cert, pool := certificate(t, "broker.test")
		c := Stream(secured(t, client, server, cert, &tls.Config{RootCAs: pool, ServerName: "broker.test"}))
		start := time.Now()
		must(t, c.CloseNow())
		if d := time.Since(start); d != 0 {
			t.Errorf("after %v", d)
		}
	})
}

// A stream that is a WebSocket itself, as a user's dialer may make it, is closed at once too while it is being read.
func TestCloseNow_of_a_nested_WebSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer server.Close()
		p := &peer{t: t, nc: server, br: bufio.NewReader(server)}
		upgraded := make(chan error, 1)
		go func() { upgraded <- p.upgrade() }() // joined below
		foreign, _, err := websocket.Dial(t.Context(), "ws://broker.test", &websocket.DialOptions{HTTPClient: clientOver(client)})
		must(t, err)
		must(t, <-upgraded)
		c := Stream(websocket.NetConn(context.Background(), foreign, websocket.MessageBinary))
		done := reading(c)
		synctest.Wait()
		start := time.Now()
		must(t, c.CloseNow())
		if err := <-done; !errors.Is(err, net.ErrClosed) || time.Since(start) != 0 {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

// secured does a TLS handshake over a pipe and returns the client's end.
func secured(t *testing.T, client, server net.Conn, cert tls.Certificate, cfg *tls.Config) net.Conn {
	t.Helper()
	done := make(chan error, 1)
	go func() { // joined below
		done <- tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true}).Handshake()
	}()
	c := tls.Client(client, cfg)
	must(t, c.Handshake())
	must(t, <-done)
	return c
}

// W5: behind a close frame no data goes out (RFC 6455, section 5.5.1): neither behind the reply to the peer's,
// however long that takes to leave, nor behind the library's own to a peer that breaks the protocol.
func TestWrite_W5_nothing_behind_a_close_frame(t *testing.T) {
	for name, sent := range map[string][]byte{
		"a_reply":     frame{true, opClose, []byte(closing(1012, "restart"))}.bytes(),
		"a_complaint": {0xc1, 1, 'x'}, // RSV1
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				c, p := peered(t, client, server, DialOptions{})
				must(t, c.Write(Text, []byte("before")))
				go p.nc.Write(sent) // ends with the reader
				done := reading(c)
				synctest.Wait() // the close frame waits for the peer to read
				for range 2 {
					if err := c.Write(Text, []byte("behind")); !errors.Is(err, net.ErrClosed) {
						t.Errorf("Write: %v", err)
					}
				}
				go c.Flush() // ends with the connection
				p.want(opText, "before")
				if f, err := p.read(); err != nil || f.op != opClose {
					t.Errorf("the peer got opcode %d, %v", f.op, err)
				}
				go c.CloseNow()
				if f, err := p.read(); err == nil {
					t.Errorf("the peer got opcode %d and %q behind it", f.op, f.payload)
				}
				<-done
			})
		})
	}
}

// The bytes of a long message, which the library writes in pieces, are not taken for a close frame.
func TestWrite_takes_no_payload_for_a_close_frame(t *testing.T) {
	client, server := tcpPair(t)
	c, s := pair(t, client, server, DialOptions{}, AcceptOptions{})
	long := bytes.Repeat([]byte{0x88}, 300_000)
	for _, msg := range [][]byte{long, []byte("short"), long, []byte("short")} {
		written := make(chan error, 1)
		go func() { written <- errors.Join(c.Write(Binary, msg), c.Flush()) }() // joined below
		got, err := readMessage(s)
		must(t, err)
		must(t, <-written)
		if !bytes.Equal(got, msg) {
			t.Errorf("%d bytes came as %d", len(msg), len(got))
		}
	}
}
