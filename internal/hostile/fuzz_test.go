package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// The fuzz targets have a whole Client read bytes that nobody wrote, in several ways at once. All of them must
// deliver the same messages, and end in the same way: none hangs, keeps a goroutine or allocates out of proportion.

// entry is a way into a Client.
type entry struct {
	name   string
	way    way
	bare   bool
	wrap   func(stomp []byte) []byte // nil: what is fuzzed is WebSocket already
	pieces int                       // bytes that are written at a time; 0: all
}

// ended is what came of a Client in one way.
type ended struct {
	frames []string
	err    error
}

// run has a Client read input.
func (e entry) run(t *testing.T, input []byte, opts ...stomp.ConnectOption) ended {
	t.Helper()
	if e.wrap != nil {
		input = e.wrap(input)
	}
	upgrade := ""
	if len(opts) > 0 { // WithCompression
		upgrade = acceptedWith(takeover)
	}
	script := attack{upgrade: upgrade}.script()
	goroutines, allocated := runtime.NumGoroutine(), allocatedBytes()
	nc, url, dial := e.way.connect(t, e.bare)
	s := newServer(nc, e.bare, false)
	var playing sync.WaitGroup // joined below
	playing.Go(func() {
		defer s.linger()
		if e.bare {
			s.listen()
		} else if s.upgrade(script.before, script.after) != nil {
			return
		}
		if s.await("CONNECT") != nil || s.say(rig.Connected12) != nil || s.await("SUBSCRIBE") != nil {
			return
		}
		pieces := e.pieces
		if pieces == 0 {
			pieces = len(input) + 1
		}
		for piece := range slices.Chunk(input, pieces) {
			if s.write(piece) != nil {
				return
			}
		}
		nc.(interface{ CloseWrite() error }).CloseWrite()
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var o outcome
	var frames []string
	attend(&o, ctx, url, append([]stomp.ConnectOption{dial, stomp.WithoutReconnect()}, opts...), func(f stomp.Frame) bool {
		frames = append(frames, fmt.Sprintf("%s %q %q", f.Command, f.Header, f.Body))
		return true
	})
	if o.refused != nil || o.err == nil || ctx.Err() != nil {
		t.Errorf("%s: it hangs: %v, %v", e.name, o.refused, o.err)
		nc.Close()
	}
	playing.Wait()
	if faults := s.close().faults; len(faults) > 0 {
		t.Errorf("%s: %v", e.name, faults)
	}
	if took := allocatedBytes() - allocated; took > 4<<20+2000*uint64(len(input)) {
		t.Errorf("%s: %d bytes were allocated for an input of %d", e.name, took, len(input))
	}
	if !leak.Settles(goroutines) {
		t.Errorf("%s: %d goroutines are left of %d", e.name, runtime.NumGoroutine(), goroutines)
	}
	return ended{frames, o.err}
}

// kind says how a session has ended, in words that do not depend on the connection.
func kind(err error) string {
	var broker *stomp.Error
	var protocol *stomp.ProtocolError
	var limit *stomp.LimitError
	var closed *stomp.CloseError
	switch {
	case errors.As(err, &protocol):
		return protocol.Error()
	case errors.As(err, &limit):
		return limit.Error()
	case errors.As(err, &closed):
		return closed.Error()
	case errors.As(err, &broker):
		return broker.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return "the end of the connection"
	case err != nil && strings.Contains(err.Error(), "the peer broke the WebSocket protocol"):
		return "a breach of the WebSocket protocol"
	}
	return fmt.Sprint(err)
}

// same fails the test unless two ways came to the same.
func same(t *testing.T, one, other entry, a, b ended) {
	t.Helper()
	compareFrames(t, one, other, a, b)
	if kind(a.err) != kind(b.err) {
		t.Errorf("%s ended with %v\n%s with %v", one.name, a.err, other.name, b.err)
	}
}

func compareFrames(t *testing.T, one, other entry, a, b ended) {
	t.Helper()
	if !slices.Equal(a.frames, b.frames) {
		t.Errorf("%s delivered %d: %.300q\n%s %d: %.300q", one.name, len(a.frames), a.frames, other.name, len(b.frames), b.frames)
	}
}

var tcp, secured = ways[0], ways[3]

// FuzzClient_STOMP reads arbitrary STOMP, in valid WebSocket frames and on a bare stream.
func FuzzClient_STOMP(f *testing.F) {
	golden, _ := filepath.Glob("../wire/testdata/golden/*.frame")
	if len(golden) == 0 {
		f.Fatal("there are no golden frames")
	}
	for _, path := range golden {
		frame, err := os.ReadFile(path)
		rig.OK(f, err)
		f.Add(frame)
		f.Add(append([]byte(a), frame...))
	}
	for _, seed := range []string{
		"", "\n\r\n", a + b, counted("x\x00y") + a, message("xyz", "content-length:1"), message("x", "content-length:67108865"), message("x", "content-length:9"),
		message("x", `y:\n\c\\\r`), message("x", `y:\t`), "ERROR\nmessage:a\nb\n\nc\x00", "ERROR\nmessage:half", "ERROR\nreceipt-id:x\n\n\x00" + a,
		"RECEIPT\nreceipt-id:x\n\n\x00" + a, rig.Connected12, "MESSAGE\r\nsubscription:s\r\n\r\nx\x00\r\n" + a, strings.Repeat(a, 20), "\x00", "SEND\n\n\x00",
		message("x", "content-length:1", "content-length:2"), "MESSAGE\n\n\x00", "MESSAGE\ndestination:/a\n\nx\x00" + a,
	} {
		f.Add([]byte(seed))
	}
	entries := []entry{
		{name: "in one frame", way: tcp, wrap: func(p []byte) []byte { return []byte(text(string(p))) }},
		{name: "in fragments", way: tcp, wrap: func(p []byte) []byte { return []byte(fragments(string(p), 7)) }},
		{name: "in pieces of TLS", way: secured, pieces: 11, wrap: func(p []byte) []byte { return []byte(blob(string(p))) }},
		{name: "on a stream", way: tcp, bare: true, wrap: func(p []byte) []byte { return p }},
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		results := make([]ended, len(entries))
		for i, e := range entries {
			results[i] = e.run(t, input)
		}
		for i, e := range entries[1:] {
			if e.bare && strings.Contains(kind(results[i+1].err), "(F3)") {
				// The end of a message may have mended a length that was too short, and a stream has none (W8).
				upTo := results[0]
				upTo.frames = upTo.frames[:min(len(upTo.frames), len(results[i+1].frames))]
				compareFrames(t, entries[0], e, upTo, results[i+1])
				continue
			}
			same(t, entries[0], e, results[0], results[i+1])
		}
	})
}

// FuzzClient_WebSocket reads arbitrary bytes after the upgrade, with and without compression.
func FuzzClient_WebSocket(f *testing.F) {
	for _, seed := range []string{
		"", text(a), blob(a) + text(b), fragments(a, 3), first(a) + ping("p") + last(b), ping("p") + pong("q") + text(a), text(a) + closing(1000, "bye") + text(b),
		closing(999, ""), frame(fin|opClose, ""), frame(fin|opClose, "\x03"), masked(fin|opText, a, "\x01\x02\x03\x04"), masked(fin|opText, a, "\x00\x00\x00\x00"), frame(fin|rsv2|opText, a),
		frame(fin|3, a), last(a), first(a) + first(b), frameHead(fin|opText, len(a), 8) + a, frameHead(fin|opText, uint64(1)<<63, 8), frame(opPing, ""), ping(strings.Repeat("p", 126)),
		text("\n"), text(""), first("") + next("") + last(""), text(a) + "\x81", text(strings.Repeat("\n", 70_000)) + text(a), text(strings.Repeat(a, 100)),
		deflated(true, a, b, a), deflated(false, a, b, a), frame(rsv1|opText, compressed(a)[:5]) + last(compressed(a)[5:]), frame(fin|rsv1|opText, stored(a)),
		frame(fin|rsv1|opText, compressed(a)[:20]) + text(b), frame(fin|rsv1|opText, finished(a)), text("ERROR\nmessage:x\n\ny\x00"), text("ERROR\nmessage:x\n\ny\x00")[:15],
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	entries := []entry{
		{name: "at once", way: tcp},
		{name: "at once, over TLS", way: secured},
		{name: "in pieces of TLS", way: secured, pieces: 1},
	}
	f.Fuzz(func(t *testing.T, input []byte, compression bool) {
		var opts []stomp.ConnectOption
		if compression {
			opts = append(opts, stomp.WithCompression())
		}
		results := make([]ended, len(entries))
		for i, e := range entries {
			if e.pieces == 1 && len(input) > 4<<10 {
				e.pieces = 1000
			}
			if results[i] = e.run(t, input, opts...); i > 0 {
				same(t, entries[0], e, results[0], results[i])
			}
		}
	})
}
