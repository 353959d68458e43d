package ws

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// Of what one read has brought, takeMessage takes the messages in one frame, and read gets all other frames, one at a
// time.
func TestSource_takeMessage_leaves_other_frames_to_the_library(t *testing.T) {
	frames := []frame{
		{true, opText, []byte("first")}, // nothing is read ahead yet: the library's
		{true, opText, []byte("a")},
		{true, opPing, []byte("ping")},
		{true, opBinary, []byte("b")},
		{true, opText, nil},
		{false, opText, []byte("half")},
		{true, opContinuation, []byte("rest")},
		{true, opText, []byte("c")},
		{true, opClose, nil},
	}
	var stream []byte
	for _, f := range frames {
		stream = append(stream, f.bytes()...)
	}
	s := source{conn: bytes.NewReader(stream), handshakeDone: true, client: true, bypass: true}
	var got []string
	p := make([]byte, fillSize)
	for {
		if typ, msg, ok := s.takeMessage(); ok {
			got = append(got, map[MessageType]string{Text: "text ", Binary: "binary "}[typ]+string(msg))
			continue
		}
		n, err := s.read(p)
		if err == io.EOF {
			break
		}
		must(t, err)
		got = append(got, "library "+string(p[2:n]))
	}
	want := []string{"library first", "text a", "library ping", "binary b", "text ", "library half", "library rest", "text c", "library "}
	if !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

// After stopBypass the library reads everything, also what was read ahead.
func TestSource_stopBypass_leaves_messages_to_the_library(t *testing.T) {
	a, b := frame{true, opText, []byte("a")}.bytes(), frame{true, opText, []byte("b")}.bytes()
	s := source{conn: bytes.NewReader(append(a, b...)), handshakeDone: true, client: true, bypass: true}
	p := make([]byte, fillSize)
	n, err := s.read(p)
	must(t, err)
	s.stopBypass()
	if _, msg, ok := s.takeMessage(); ok {
		t.Errorf("%q was taken", msg)
	}
	m, err := s.read(p[n:])
	must(t, err)
	if got := p[:n+m]; !bytes.Equal(got, append(a, b...)) {
		t.Errorf("read %q", got)
	}
}

// W5: the library's close frame is noticed, in whatever pieces it is written, and no message follows it.
func TestSink_W5_no_message_follows_a_close_frame(t *testing.T) {
	var sent bytes.Buffer
	s := sink{conn: &sent, pending: make(chan struct{}, 1), client: true, bypass: true}
	must(t, s.addMessage(Text, []byte("before")))
	before := len(s.waiting.p)
	ping := rawFrame(0x89, []byte{0x88}, true) // a ping whose payload looks like a close frame
	for _, piece := range [][]byte{ping[:1], ping[1:4], ping[4:]} {
		must(t, s.write(piece))
	}
	must(t, s.addMessage(Text, []byte("behind the ping")))
	for _, piece := range slices.Collect(slices.Chunk(rawFrame(0x88, []byte(closing(1000, "")), true), 1)) {
		must(t, s.write(piece))
	}
	if err := s.addMessage(Text, []byte("behind the close frame")); err != net.ErrClosed {
		t.Errorf("addMessage: %v", err)
	}
	must(t, s.flush(true))
	if want := before + len(ping) + (6 + len("behind the ping")) + (6 + 2); sent.Len() != want {
		t.Errorf("%d bytes were written, want %d", sent.Len(), want)
	}
}

// gated is a connection whose every Write waits for the gate, and fails with err.
type gated struct {
	gate chan struct{}
	err  error
	sent bytes.Buffer
}

func (g *gated) Write(p []byte) (int, error) {
	<-g.gate
	if g.err != nil {
		return 0, g.err
	}
	return g.sent.Write(p)
}

// Flushes take turns; a tryFlush leaves everything to the one under way. A failure ends all of them.
func TestSink_flushes_take_turns(t *testing.T) {
	boom := errors.New("boom")
	for _, fails := range []error{nil, boom} {
		synctest.Test(t, func(t *testing.T) {
			conn := &gated{gate: make(chan struct{}), err: fails}
			s := sink{conn: conn, pending: make(chan struct{}, 1)}
			var flushes sync.WaitGroup
			for _, piece := range []string{"a", "b", "c"} {
				must(t, s.write([]byte(piece)))
				flushes.Go(func() { // joined below
					if err := s.flush(true); err != fails {
						t.Errorf("flush: %v, want %v", err, fails)
					}
				})
				synctest.Wait()
			}
			if done, err := s.tryFlush(); done || err != nil {
				t.Errorf("tryFlush beside a flush: %t, %v", done, err)
			}
			close(conn.gate)
			flushes.Wait()
			if got := conn.sent.String(); fails == nil && got != "abc" {
				t.Errorf("%q was written", got)
			}
			if s.writing || s.writeDone.Waiting() || s.taken.from != nil || s.waiting.from != nil {
				t.Errorf("afterwards somebody writes, waits, or memory is held: %+v", &s.taken)
			}
		})
	}
}

// Where the library may be bypassed depends on the side, on compression and on how this was built.
func TestDial_bypasses_the_library(t *testing.T) {
	for _, compression := range []bool{false, true} {
		client, server := tcpPair(t)
		c, s := pair(t, client, server, DialOptions{Compression: compression}, AcceptOptions{Compression: compression})
		if c.b.in.bypass != bypassLibrary || c.b.out.bypass != (bypassLibrary && !compression) {
			t.Errorf("a client with compression %t bypasses it: reading %t, writing %t", compression, c.b.in.bypass, c.b.out.bypass)
		}
		if s.b.in.bypass || s.b.out.bypass {
			t.Error("a server bypasses it")
		}
	}
}
