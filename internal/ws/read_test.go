package ws

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// W2, W3, W6: messages of any size, of both types, both ways.
func TestConn_W2_W3_W6_echo(t *testing.T) {
	for _, compression := range []bool{false, true} {
		url := serveHTTP(t, echo(AcceptOptions{Compression: compression}))
		c, err := Dial(t.Context(), target(t, url), DialOptions{Compression: compression})
		must(t, err)
		defer c.CloseNow()
		for _, typ := range []MessageType{Text, Binary} {
			for _, size := range []int{0, 1, 125, 126, maxPayload, maxPayload + 1, 65_535, 65_536, 65_537, 1 << 20} {
				msg := make([]byte, size)
				for i := range msg {
					msg[i] = byte(i*i>>3) & 0x7f
				}
				// The echo server reads the whole message before it answers: neither side blocks the other.
				must(t, c.Write(typ, msg))
				must(t, c.Flush())
				got, err := readMessage(c)
				must(t, err)
				if !bytes.Equal(got, msg) || c.ReadType() != typ {
					t.Fatalf("W2_W6: %d bytes of type %d came back as %d of type %d (compression %t)", size, typ, len(got), c.ReadType(), compression)
				}
			}
		}
		must(t, c.Close(t.Context(), 1000, ""))
	}
}

// A peer's frames, in whatever pieces, become messages.
func TestRead_makes_messages_of_frames(t *testing.T) {
	for _, tc := range []struct {
		name   string
		frames []frame
		want   string
	}{
		{"W2_one_frame", []frame{{true, opText, []byte("a")}}, "a"},
		{"W2_fragments", []frame{{false, opText, []byte("ab")}, {false, opContinuation, nil}, {true, opContinuation, []byte("c")}}, "abc"},
		{"W2_a_ping_between", []frame{{false, opText, []byte("ab")}, {true, opPing, []byte("x")}, {true, opContinuation, []byte("c")}}, "abc"},
		{"W4_heart_beat", []frame{{true, opText, []byte("\n")}}, "\n"},
		{"W2_empty", []frame{{true, opText, nil}}, ""},
	} {
		for _, together := range []bool{true, false} {
			t.Run(tc.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					client, server := net.Pipe()
					c, p := peered(t, client, server, DialOptions{})
					var stream []byte
					for _, f := range tc.frames {
						stream = append(stream, f.bytes()...)
					}
					step := len(stream)
					if !together {
						step = 1
					}
					go func() { // ends with its last write, or with the pipe
						for len(stream) > 0 {
							n, _ := server.Write(stream[:min(step, len(stream))])
							stream = stream[max(n, 1):]
						}
					}()
					got, err := readMessage(c)
					must(t, err)
					if string(got) != tc.want {
						t.Errorf("%q", got)
					}
					synctest.Wait()
					p.nc.Close()
				})
			})
		}
	}
}

func TestRead_errors(t *testing.T) {
	part := frame{false, opText, []byte("half")}.bytes()
	for _, tc := range []struct {
		name string
		sent []byte
		is   error
		text string
	}{
		{"W5_close_with_reason", frame{true, opClose, []byte(closing(1009, "too big"))}.bytes(), nil, `closed the WebSocket with 1009: "too big"`},
		{"W5_close_without_reason", frame{true, opClose, []byte(closing(1000, ""))}.bytes(), nil, "closed the WebSocket with 1000"},
		{"W5_close_without_status", frame{true, opClose, nil}.bytes(), nil, "without a status"},
		{"close_with_a_code_that_may_not_be_sent", frame{true, opClose, []byte(closing(1006, ""))}.bytes(), nil, "broke the WebSocket protocol: invalid status code"},
		{"EOF_between_messages", nil, io.EOF, "ended without a close frame"},
		{"EOF_in_a_header", []byte{0x81}, io.EOF, "ended without a close frame"},
		{"EOF_after_a_header_is_no_message", []byte{0x81, 5}, io.EOF, "ended without a close frame"},
		{"EOF_in_a_payload_is_no_message", []byte{0x81, 5, 'a'}, io.EOF, "ended without a close frame"},
		{"EOF_between_fragments_is_no_message", part, io.EOF, "ended without a close frame"},
		{"EOF_in_a_compressed_payload_is_no_message", []byte{0xc1, 50, 0xf2, 0x48}, io.EOF, "ended without a close frame"},
		{"unknown_opcode", []byte{0x83, 0}, nil, "broke the WebSocket protocol: received unknown opcode"},
		{"continuation_of_nothing", []byte{0x80, 0}, nil, "broke the WebSocket protocol"},
		{"new_message_inside_one", append(part, 0x81, 0), nil, "broke the WebSocket protocol"},
		{"reserved_bit", []byte{0xa1, 0}, nil, "broke the WebSocket protocol"},
		{"long_ping", append([]byte{0x89, 126, 0, 126}, make([]byte, 126)...), nil, "broke the WebSocket protocol"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			client, server := tcpPair(t)
			c, p := peered(t, client, server, DialOptions{Compression: true})
			_, err := p.nc.Write(tc.sent)
			must(t, err)
			p.nc.(*net.TCPConn).CloseWrite()

			msg, err := readMessage(c)
			if err == nil {
				t.Fatalf("a message of %q", msg)
			}
			if tc.is != nil && !errors.Is(err, tc.is) {
				t.Errorf("%v is not %v", err, tc.is)
			}
			if !strings.Contains(err.Error(), tc.text) || strings.Contains(err.Error(), "failed to") {
				t.Errorf("%v; want %q in it", err, tc.text)
			}
			var ce *CloseError
			if errors.As(err, &ce) != strings.HasPrefix(tc.name, "W5") {
				t.Errorf("a CloseError: %v", ce)
			}
			if _, _, again := c.Read(); again != err {
				t.Errorf("and then %v", again)
			}
		})
	}
}

// A control frame that does not come to its end: the library gives it 5 s, from its header on.
func TestRead_of_half_a_control_frame(t *testing.T) {
	for _, before := range []string{"", string(frame{false, opText, []byte("begun")}.bytes())} {
		synctest.Test(t, func(t *testing.T) {
			client, server := net.Pipe()
			c, _ := peered(t, client, server, DialOptions{})
			go io.WriteString(server, before+"\x89\x04pin") // ends with the connection
			start := time.Now()
			if _, err := readMessage(c); err == nil || err.Error() != "ws: read: the rest of a control frame did not come within 5 s" {
				t.Error(err)
			}
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestRead_W5_code_and_reason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		done := reading(c)
		p.send(opClose, closing(4500, "slow"))
		p.want(opClose, closing(4500, "slow")) // the reply left although nobody flushed
		var ce *CloseError
		if err := <-done; !errors.As(err, &ce) || ce.Code != 4500 || ce.Reason != "slow" {
			t.Fatal(err)
		}
		if _, err := p.read(); err != io.EOF {
			t.Errorf("then the connection is closed: %v", err)
		}
		must(t, c.Close(t.Context(), 1000, "")) // the peer was first: a clean end
		if err := c.Write(Text, []byte("a")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Write: %v", err)
		}
	})
}

// A peer that closes and does not read the reply delays the reader by closeReplyTimeout at most.
func TestRead_close_reply_that_nobody_reads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		start := time.Now()
		done := reading(c)
		p.send(opClose, closing(1000, ""))
		var ce *CloseError
		if err := <-done; !errors.As(err, &ce) {
			t.Fatal(err)
		}
		if d := time.Since(start); d != closeReplyTimeout {
			t.Errorf("after %v", d)
		}
	})
}

func TestRead_W6_limit(t *testing.T) {
	for _, size := range []int{1000, 1001, 200_000} {
		client, server := tcpPair(t)
		c, s := pair(t, client, server, DialOptions{}, AcceptOptions{ReadLimit: 1000})
		must(t, c.Write(Text, make([]byte, size)))
		flushed := make(chan error, 1)
		go func() { flushed <- c.Flush() }() // joined below
		_, err := readMessage(s)
		if size <= 1000 {
			must(t, err)
		} else if !errors.Is(err, ErrTooBig) || !strings.Contains(err.Error(), "1000 bytes") {
			t.Errorf("%d bytes: %v", size, err)
		} else {
			// The connection stands: the peer can be told.
			closed := reading(c)
			must(t, s.Close(t.Context(), 1009, "too big"))
			var ce *CloseError
			if err := <-closed; !errors.As(err, &ce) || ce.Code != 1009 {
				t.Errorf("the peer got %v", err)
			}
		}
		<-flushed
	}
}

// A quiet connection holds no chunk, whatever went before.
func TestConn_idle_holds_no_chunk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := pipePair(t)
		done := reading(s)
		for _, size := range []int{1, fillSize, 10_000, chunkSize, 1 << 20} {
			must(t, c.Write(Binary, make([]byte, size)))
			must(t, c.Flush())
			synctest.Wait()
			if s.piece != nil || s.b.in.buf != nil {
				t.Errorf("after a message of %d bytes: reading holds a chunk", size)
			}
			if b := c.b; b.out.waiting.from != nil || b.out.taken.from != nil {
				t.Errorf("after a message of %d bytes: writing holds a chunk", size)
			}
		}
		c.CloseNow()
		<-done
	})
}

func TestConn_counts_bytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		start := time.Now()
		done := reading(c)
		time.Sleep(3 * time.Second)
		if got := c.LastRead(); !got.Equal(start) {
			t.Errorf("before anything came: %v", got.Sub(start))
		}
		p.send(opText, "hello") // 2 + 5 bytes
		synctest.Wait()
		if got := c.LastRead().Sub(start); got != 3*time.Second || c.BytesRead() != 7 {
			t.Errorf("last read after %v, %d bytes", got, c.BytesRead())
		}
		must(t, c.Write(Text, []byte("hello")))
		if c.BytesWritten() != 0 {
			t.Errorf("%d bytes written before Flush", c.BytesWritten())
		}
		go p.read() // ends with the frame
		must(t, c.Flush())
		if c.BytesWritten() != 11 { // a client's are masked
			t.Errorf("%d bytes written", c.BytesWritten())
		}
		c.CloseNow()
		<-done
	})
}
