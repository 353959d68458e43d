package ws

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
)

// However frames are mixed and cut into pieces, messages come out whole and in order: those that are taken out of the
// buffer, and those that the library reads.
func TestRead_mixed_frames_in_any_pieces(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 7))
		var stream []byte
		var want [][]byte
		var types []MessageType
		for range 300 {
			payload := bytes.Repeat([]byte{byte('a' + len(want)%26)}, dice.IntN(1<<dice.IntN(18)))
			if dice.IntN(40) == 0 {
				stream = append(stream, frame{true, opPing, []byte("x")}.bytes()...)
			}
			typ := MessageType(1 + dice.IntN(2))
			rest, op := payload, byte(typ)
			for dice.IntN(10) == 0 { // a fragment
				n := dice.IntN(len(rest) + 1)
				stream = append(stream, frame{false, op, rest[:n]}.bytes()...)
				rest, op = rest[n:], opContinuation
				if dice.IntN(4) == 0 {
					stream = append(stream, frame{true, opPong, nil}.bytes()...)
				}
			}
			stream = append(stream, frame{true, op, rest}.bytes()...)
			want, types = append(want, payload), append(types, typ)
		}
		client, server := net.Pipe()
		if seed%2 == 1 {
			client, server = tcpPair(t)
		}
		c, _ := peered(t, client, server, DialOptions{})
		var writing sync.WaitGroup
		cuts := dice
		writing.Go(func() { // joined below
			for len(stream) > 0 {
				n, err := server.Write(stream[:min(len(stream), 1+cuts.IntN(1<<cuts.IntN(18)))])
				if err != nil {
					return
				}
				stream = stream[n:]
			}
		})
		dice = rand.New(rand.NewPCG(seed, 8)) // the first one belongs to the goroutine that writes
		for i := range want {
			got, final := []byte{}, false
			for !final {
				p, last, err := c.Read()
				must(t, err)
				got, final = append(got, p...), last
				for !final && dice.IntN(2) == 0 { // some of the rest in place
					into := make([]byte, 1+dice.IntN(1<<dice.IntN(18)))
					n, last, err := c.ReadInto(into)
					must(t, err)
					if n < len(into) != last && n > 0 {
						t.Fatalf("ReadInto gave %d of %d bytes, final %t", n, len(into), last)
					}
					got, final = append(got, into[:n]...), last
				}
			}
			if !bytes.Equal(got, want[i]) || c.ReadType() != types[i] {
				t.Fatalf("seed %d: message %d: %d bytes of type %d, want %d of type %d", seed, i, len(got), c.ReadType(), len(want[i]), types[i])
			}
		}
		writing.Wait()
		if c.BytesRead() == 0 || !c.b.in.frame.between() {
			t.Error("it does not stand between two frames")
		}
		c.CloseNow()
	}
}

// What Read handed out is valid until the next Read, also while the close handshake reads beside it; and what comes
// out is a part of the stream without a gap, whichever of the two has read it.
func TestClose_during_messages(t *testing.T) {
	var messages []string
	var flood []byte
	for i := range 2000 {
		messages = append(messages, fmt.Sprintf("%0300d", i))
		flood = append(flood, frame{true, opText, []byte(messages[i])}.bytes()...)
	}
	for range 50 {
		client, server := tcpPair(t)
		c, p := peered(t, client, server, DialOptions{})
		var peer sync.WaitGroup
		peer.Go(func() { // ends with the client's close frame
			peer.Go(func() { server.Write(flood) })
			for {
				f, err := p.read()
				if err != nil {
					return
				}
				if f.op == opClose {
					server.Write(frame{true, opClose, f.payload}.bytes())
				}
			}
		})
		var reading sync.WaitGroup
		first := make(chan struct{})
		reading.Go(func() { // ends with the connection
			for n := 0; ; n++ {
				got, final, err := c.Read()
				if err != nil {
					return
				}
				if n == 100 {
					close(first)
				}
				want := messages[n]
				if !final && strings.HasPrefix(want, string(got)) { // the handshake has taken the rest
					if got, _, err := c.Read(); err == nil {
						t.Errorf("after the start of message %d: %q", n, got)
					}
					return
				}
				if string(got) != want {
					t.Errorf("message %d of %d bytes: %q", n, len(got), got)
					return
				}
			}
		})
		<-first
		if err := c.Close(t.Context(), 1000, ""); err != nil {
			t.Error(err)
		}
		reading.Wait()
		server.Close()
		peer.Wait()
	}
}

// On a stream ReadInto is one read; between messages it reads nothing, after an error it repeats it.
func TestReadInto_beside_messages(t *testing.T) {
	near, far := tcpPair(t)
	s := Stream(near)
	defer s.CloseNow()
	_, err := far.Write([]byte("abc"))
	must(t, err)
	into := make([]byte, 2)
	for _, want := range []string{"ab", "c"} {
		n, final, err := s.ReadInto(into)
		must(t, err)
		if string(into[:n]) != want || final {
			t.Errorf("read %q, final %t; want %q", into[:n], final, want)
		}
	}
	far.Close()
	for range 2 {
		if n, _, err := s.ReadInto(into); n != 0 || err == nil {
			t.Errorf("after the end: %d bytes, %v", n, err)
		}
	}

	client, server := tcpPair(t)
	c, p := peered(t, client, server, DialOptions{ReadLimit: 10_000})
	if n, final, err := c.ReadInto(into); n != 0 || final || err != nil {
		t.Errorf("between messages: %d bytes, %t, %v", n, final, err)
	}
	go p.send(opText, string(make([]byte, 20_000))) // ends with the connection
	_, final, err := c.Read()
	must(t, err)
	if final {
		t.Fatal("all of it came at once")
	}
	if _, _, err := c.ReadInto(make([]byte, 30_000)); !errors.Is(err, ErrTooBig) {
		t.Errorf("beyond the limit: %v", err)
	}
}

// While held, a Write sends nothing, however many pongs wait: sending would block on a peer that does not read.
func TestHold_sends_nothing(t *testing.T) {
	client, server := tcpPair(t)
	c, _ := peered(t, client, server, DialOptions{})
	go func() { // ends with its last write
		ping := frame{true, opPing, make([]byte, 125)}.bytes()
		server.Write(append(bytes.Repeat(ping, 450), frame{true, opText, []byte("x")}.bytes()...))
	}()
	_, _, err := c.Read()
	must(t, err)
	before := c.BytesWritten()
	c.Hold(true)
	must(t, c.Write(Text, make([]byte, 16<<10)))
	c.Hold(false)
	if n := c.BytesWritten() - before; n != 0 {
		t.Errorf("%d bytes went out", n)
	}
	must(t, c.Flush())
	if n := c.BytesWritten() - before; n < 16<<10+450*125 {
		t.Errorf("after Flush %d bytes went out", n)
	}
}

// A connection that was aborted hands out nothing that was read ahead.
func TestCloseNow_drops_what_was_read(t *testing.T) {
	client, server := tcpPair(t)
	c, _ := peered(t, client, server, DialOptions{})
	_, err := server.Write(bytes.Repeat(frame{true, opText, []byte("message")}.bytes(), 2000))
	must(t, err)
	for range 100 {
		_, _, err := c.Read()
		must(t, err)
	}
	c.CloseNow()
	if p, _, err := c.Read(); err == nil {
		t.Errorf("after CloseNow %q was read", p)
	}
}
