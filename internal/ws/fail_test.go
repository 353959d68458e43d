//go:build !js

package ws

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// failed runs Fail, and returns when it is over.
func failed(c *Conn, code int, reason string) <-chan struct{} {
	done := make(chan struct{})
	go func() { // ends with Fail
		c.Fail(code, reason)
		close(done)
	}()
	return done
}

// What waits and the close frame go out, with no more of the reason than fits; what comes is dropped until the peer
// closes.
func TestFail_W9_tells_the_peer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		must(t, c.Write(Text, []byte("waits")))
		start := time.Now()
		done := failed(c, 1009, strings.Repeat("ä", 70)+"\xff")
		go io.Copy(server, neverEnds{}) // ends with the connection
		p.want(opText, "waits")
		p.want(opClose, closing(1009, strings.Repeat("ä", 61)))
		for _, err := range []error{c.Write(Text, nil), c.Flush(), c.Write(Binary, make([]byte, 3*chunkSize)), c.Ping(t.Context())} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("after it: %v", err)
			}
		}
		if _, err := c.TryFlush(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("TryFlush after it: %v", err)
		}
		server.Close()
		<-done
		if d := time.Since(start); d != 0 {
			t.Errorf("it took %v", d)
		}
		if _, _, err := c.Read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Read after it: %v", err)
		}
	})
}

type neverEnds struct{}

func (neverEnds) Read(p []byte) (int, error) { return len(p), nil }

// Fail is over in time whatever the peer does, and CloseNow ends it.
func TestFail_is_bounded(t *testing.T) {
	for name, c := range map[string]struct {
		peer  func(p *peer)
		write bool // somebody writes already
		cut   time.Duration
		after time.Duration
	}{
		"does_not_close":            {peer: func(p *peer) { io.Copy(io.Discard, p.br) }, after: failTimeout},
		"does_not_read":             {peer: func(*peer) {}, after: failTimeout},
		"holds_up_a_writer":         {peer: func(*peer) {}, write: true, after: writerGrace},
		"does_not_close_and_is_cut": {peer: func(p *peer) { io.Copy(io.Discard, p.br) }, cut: time.Millisecond, after: time.Millisecond},
		"does_not_read_and_is_cut":  {peer: func(*peer) {}, cut: time.Millisecond, after: time.Millisecond},
		"closes":                    {peer: func(p *peer) { p.read(); p.nc.Close() }, after: 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, server := net.Pipe()
				conn, p := peered(t, client, server, DialOptions{})
				start := time.Now()
				var writing sync.WaitGroup
				if c.write {
					must(t, conn.Write(Text, []byte("held up")))
					writing.Go(func() { // joined below
						conn.Flush()
						conn.Flush() // waits for nobody
					})
					synctest.Wait()
				}
				pinged := make(chan time.Duration, 1)
				go func() { // joined below
					conn.Ping(t.Context())
					pinged <- time.Since(start)
				}()
				synctest.Wait()
				go c.peer(p) // ends with the connection
				done := failed(conn, 1002, "no")
				if c.cut > 0 {
					time.Sleep(c.cut)
					conn.CloseNow()
				}
				<-done
				if d := time.Since(start); d != c.after {
					t.Errorf("over after %v, want %v", d, c.after)
				}
				writing.Wait()
				if d := time.Since(start); d != c.after {
					t.Errorf("the writer is held up for %v", d)
				}
				if d := <-pinged; d != 0 {
					t.Errorf("a ping is held up for %v", d)
				}
			})
		})
	}
}

// The close frame comes after whole frames, while a writer writes all kinds of messages, the library's among them;
// and over a socket it is not lost for what was left unread.
func TestFail_amid_writing(t *testing.T) {
	for _, compression := range []bool{false, true} {
		for round := range 30 {
			client, server := tcpPair(t)
			c, p := peered(t, client, server, DialOptions{Compression: compression})
			var writing sync.WaitGroup
			writing.Go(func() { // joined below
				big, small := make([]byte, 150_000), []byte("small")
				for {
					for _, m := range [][]byte{small, big, small} {
						if c.Write(Binary, m) != nil {
							return
						}
					}
					if round%2 == 0 && c.Flush() != nil {
						return
					}
				}
			})
			unread := bytes.Repeat(frame{true, opText, []byte("unread")}.bytes(), 1000)
			_, err := server.Write(unread)
			must(t, err)
			var done <-chan struct{}
			var began time.Time
			var f frame
			for n := 0; f.op != opClose; n++ {
				if n == round%7 {
					began = time.Now()
					done = failed(c, 1002, "no")
				}
				f, err = p.read()
				if err != nil && !began.IsZero() && time.Since(began) >= writerGrace {
					break // this machine is so busy that Fail has given up
				}
				if err != nil {
					t.Fatalf("round %d: before the close frame: %v", round, err)
				}
				if f.op != opContinuation && f.op != opBinary && f.op != opClose {
					t.Fatalf("round %d: a torn frame: opcode %d", round, f.op)
				}
			}
			if err != nil {
				<-done
				writing.Wait()
				continue
			}
			if string(f.payload) != closing(1002, "no") {
				t.Errorf("round %d: the close frame says %q", round, f.payload)
			}
			// Fail has closed before that where this machine was too busy to come here in time.
			if err := server.(*net.TCPConn).CloseWrite(); err != nil && time.Since(began) < failTimeout {
				t.Errorf("round %d: %v", round, err)
			}
			<-done
			if rest, err := p.br.Peek(1); err == nil {
				t.Errorf("round %d: %x comes behind the close frame", round, rest)
			}
			writing.Wait()
		}
	}
}

// Where the library is in the middle of a frame, the close frame waits for its end.
func TestSink_close_frame_waits_for_the_end_of_a_frame(t *testing.T) {
	var sent bytes.Buffer
	s := sink{conn: &sent, pending: make(chan struct{}, 1), client: true}
	long := rawFrame(0x82, make([]byte, 1000), true)
	must(t, s.write(long[:300]))
	s.beginFail(1002, "no")
	must(t, s.flushLast())
	if sent.Len() != 300 {
		t.Errorf("%d bytes were written, want 300", sent.Len())
	}
	must(t, s.write(append(bytes.Clone(long[300:]), "more"...)))
	if err := s.write(long); err != net.ErrClosed {
		t.Errorf("after that: %v", err)
	}
	rest := sent.Bytes()[len(long):]
	if !bytes.Equal(sent.Bytes()[:len(long)], long) || len(rest) != 2+4+4 || rest[0] != 0x88 {
		t.Errorf("behind the frame comes %x", rest)
	}
	mask(rest[6:], bytes.Clone(rest[6:]), binary.LittleEndian.Uint32(rest[2:]))
	if string(rest[6:]) != closing(1002, "no") {
		t.Errorf("the close frame says %q", rest[6:])
	}
}

// The library's own close frame, for a breach that it has noticed, is the only one.
func TestFail_after_the_library_has_said_why(t *testing.T) {
	client, server := tcpPair(t)
	c, p := peered(t, client, server, DialOptions{})
	_, err := server.Write(rawFrame(0x83, nil, false))
	must(t, err)
	if _, _, err := c.Read(); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
	done := failed(c, 1002, "ours")
	f, err := p.read()
	must(t, err)
	if f.op != opClose || !strings.HasPrefix(string(f.payload), closing(1002, "received unknown opcode")) {
		t.Errorf("opcode %d, %q", f.op, f.payload)
	}
	server.Close()
	<-done
}

// On a stream nothing is sent.
func TestFail_of_a_stream(t *testing.T) {
	client, server := net.Pipe()
	c := Stream(client)
	must(t, c.Write(Text, []byte("waits")))
	done := failed(c, 1002, "no")
	if rest, err := io.ReadAll(server); err != nil || len(rest) > 0 {
		t.Errorf("%q, %v", rest, err)
	}
	<-done
}
