package ws

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// countConn counts the writes to a connection.
type countConn struct {
	net.Conn
	writes, largest atomic.Int64
}

func (c *countConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	c.largest.Store(max(c.largest.Load(), int64(len(p))))
	return c.Conn.Write(p)
}

// Many messages share one write to the connection.
func TestWrite_gathers(t *testing.T) {
	client, server := tcpPair(t)
	counted := &countConn{Conn: client}
	c, s := pair(t, counted, server, DialOptions{}, AcceptOptions{})
	for _, n := range []int{1, 8, 64} {
		counted.writes.Store(0)
		for i := range n {
			must(t, c.Write(Text, fmt.Appendf(nil, "message %d", i)))
		}
		if counted.writes.Load() != 0 {
			t.Errorf("%d writes before Flush", counted.writes.Load())
		}
		select {
		case <-c.Pending():
			t.Error("Pending, although a Flush will follow")
		default:
		}
		if done, err := c.TryFlush(); done || err != nil {
			t.Errorf("TryFlush bypassed a connection that is not a plain socket: %t, %v", done, err)
		}
		must(t, c.Flush())
		if counted.writes.Load() != 1 {
			t.Errorf("%d messages in %d writes", n, counted.writes.Load())
		}
		for i := range n {
			if got, err := readMessage(s); err != nil || string(got) != fmt.Sprintf("message %d", i) {
				t.Fatalf("%q, %v", got, err)
			}
		}
		must(t, c.Flush())
		if done, err := c.TryFlush(); !done || err != nil {
			t.Errorf("TryFlush of nothing: %t, %v", done, err)
		}
		if counted.writes.Load() != 1 {
			t.Error("a Flush of nothing wrote something")
		}
	}
}

// W2: a message is one frame, with the bits that a client's has to have, and never masked with the same key; also
// where pongs lie in between.
func TestWrite_W2_one_frame(t *testing.T) {
	client, server := tcpPair(t)
	c, p := peered(t, client, server, DialOptions{})
	keys := map[string]bool{}
	for _, size := range []int{0, 1, 7, 8, 125, 126, 1000, fillSize, maxPayload} {
		for _, typ := range []MessageType{Text, Binary} {
			p.send(opPing, "x")
			p.send(opText, "behind it")
			_, err := readMessage(c)
			must(t, err)
			pong := len(c.b.out.waiting.p)
			msg := make([]byte, size)
			for i := range msg {
				msg[i] = byte(i) & 0x7f
			}
			must(t, c.Write(typ, msg))
			head := c.b.out.waiting.p[pong:]
			if head[0] != 0x80|byte(typ) || head[1]&0x80 == 0 {
				t.Errorf("%d bytes of type %d begin with %x", size, typ, head[:2])
			}
			n := headSize(head[1])
			keys[string(head[n-4:n])] = true
			must(t, c.Flush())
			p.want(opPong, "x")
			p.want(byte(typ), string(msg))
		}
	}
	if len(keys) < 17 { // of 18: two may be the same by chance
		t.Errorf("%d keys for 18 frames", len(keys))
	}
}

// W2: fragments below 64 KiB; and a long message is never gathered as a whole.
func TestWrite_W2_fragments(t *testing.T) {
	sizes := []int{maxPayload, maxPayload + 1, 65_536, 300_000, 5 << 20}
	for i, size := range slices.Concat(sizes, sizes) {
		compressed := i >= len(sizes)
		client, server := tcpPair(t)
		counted := &countConn{Conn: client}
		c, p := peered(t, counted, server, DialOptions{Compression: compressed})
		msg := make([]byte, size)
		rand.NewChaCha8([32]byte{}).Read(msg) // does not compress, so that compressed frames are large as well
		written := make(chan error, 1)
		go func() { // joined below
			written <- errors.Join(c.Write(Binary, msg), c.Flush())
		}()
		got, frames := 0, 0
		for last := false; !last; frames++ {
			f, err := p.read()
			must(t, err)
			if op := f.op; (frames == 0) != (op == opBinary) || frames > 0 && op != opContinuation {
				t.Fatalf("frame %d has opcode %d", frames, op)
			}
			if len(f.payload) >= 64<<10 {
				t.Errorf("a frame of %d bytes", len(f.payload))
			}
			got, last = got+len(f.payload), f.fin
		}
		must(t, <-written)
		if got != size && !compressed || (frames == 1) != (size <= maxPayload) {
			t.Errorf("%d bytes came as %d in %d frames (compressed: %t)", size, got, frames, compressed)
		}
		if counted.largest.Load() > chunkSize+1024 { // compression may add a little
			t.Errorf("a write of %d bytes", counted.largest.Load())
		}
	}
}

func TestWrite_of_no_type(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := pipePair(t)
		if err := c.Write(0, []byte("a")); err == nil || !strings.Contains(err.Error(), "neither Text nor Binary") {
			t.Error(err)
		}
	})
}

// A ping is answered by whoever flushes, while the reader goes on reading.
func TestPending_announces_a_pong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		done := reading(c)
		p.send(opPing, "one")
		p.send(opPing, "two") // the reader was not blocked by the first
		synctest.Wait()
		<-c.Pending()
		go c.Flush() // ends when all is read
		p.want(opPong, "one")
		p.want(opPong, "two")
		synctest.Wait()
		select {
		case <-c.Pending():
			// A stale signal is allowed; a Flush then has nothing to do.
			must(t, c.Flush())
		default:
		}
		c.CloseNow()
		<-done
	})
}

// The connection to a peer that sends pings and never reads is aborted before the answers fill the memory.
func TestConn_ends_at_a_flood_of_pings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		c, p := peered(t, client, server, DialOptions{})
		done := reading(c)
		ping := frame{true, opPing, make([]byte, 125)}.bytes()
		sent := 0
		for {
			if _, err := p.nc.Write(ping); err != nil {
				break
			}
			sent++
		}
		if err := <-done; err == nil || !strings.Contains(err.Error(), "does not read") {
			t.Error(err)
		}
		if sent < 8000 || sent > 8100 { // 131 bytes each, a client's answer
			t.Errorf("cut after %d pings", sent)
		}
		if err := c.Flush(); err == nil || !strings.Contains(err.Error(), "does not read") {
			t.Error(err)
		}
	})
}
