package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// maskedFrame is what a client sends: one frame, with a mask.
func maskedFrame(op byte, payload string) []byte {
	b := appendFrameHead(nil, len(payload))
	b[0], b[1] = final|op, b[1]|masked
	key := []byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, key...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

func TestCutFrame(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 65535, 65536} {
		payload := strings.Repeat("abcdefghijk", n/11+1)[:n]
		whole := maskedFrame(opBinary, payload)
		op, got, size, err := cutFrame(append(bytes.Clone(whole), 0x81))
		if op != opBinary || string(got) != payload || size != len(whole) || err != nil {
			t.Errorf("%d octets: op %d, %d of %d octets, %v, right: %v", n, op, size, len(whole), err, string(got) == payload)
		}
		for _, k := range []int{0, 1, 2, 3, 5, len(whole) - 1} {
			part := bytes.Clone(whole[:min(k, len(whole)-1)])
			if _, _, size, err := cutFrame(part); size != 0 || err != nil || !bytes.Equal(part, whole[:len(part)]) {
				t.Errorf("%d octets, the first %d: size %d, %v, or they were changed", n, len(part), size, err)
			}
		}
	}
}

func TestCutFrameRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"no mask":           {0x81, 0x01, 'a'},
		"first of several":  {0x01, 0x81},
		"continuation":      {0x80, 0x81},
		"compressed":        {0xc1, 0x81},
		"unknown operation": {0x83, 0x81},
	} {
		if _, _, _, err := cutFrame(b); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	huge := binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63)
	if _, _, size, err := cutFrame(append(huge, 0, 0, 0, 0, 'a')); size != 0 || err != nil {
		t.Errorf("a length beyond all: %d, %v", size, err)
	}
}

// All that came in one read is answered at once, in order; what is incomplete waits.
func TestAnswer(t *testing.T) {
	p := &peer{echo: []byte("ECHO;")}
	send := maskedFrame(opText, "SEND\ndestination:/a\n\n\nreceipt:in-the-body\x00")
	var in []byte
	for _, m := range []string{
		"CONNECT\naccept-version:1.2\n\n\x00",
		"SUBSCRIBE\nreceipt-id:no\nreceipt:r1\nid:1\n\n\x00",
		"\n", // a heart-beat
		"SEND\ndestination:/a\nreceipt:r\\c2\n\n\x00",
	} {
		in = append(in, maskedFrame(opText, m)...)
	}
	in = append(in, maskedFrame(0xa, "SEND\n\n\x00")...) // a pong, whatever it holds
	in = append(in, send...)
	whole := len(in)
	in = append(in, send[:len(send)-1]...)
	taken, out, err := p.answer(in, []byte("before;"))
	want := "before;" + string(connected) + string(appendFrame(nil, []byte("RECEIPT\nreceipt-id:r1\n\n\x00"))) +
		string(appendFrame(nil, []byte("RECEIPT\nreceipt-id:r\\c2\n\n\x00"))) + "ECHO;ECHO;"
	if taken != whole || string(out) != want || err != nil {
		t.Errorf("took %d of %d, %v\n%q\nwant\n%q", taken, whole, err, out, want)
	}
}

// What is measured is the client's allocations: the peer has none.
func TestAnswerAllocatesNothing(t *testing.T) {
	p := &peer{echo: []byte("ECHO;")}
	frame := maskedFrame(opText, string(sendFrame("r1")))
	in, out := make([]byte, len(frame)), make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() {
		copy(in, frame)
		_, out, _ = p.answer(in, out[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if len(out) < len("ECHO;")+len("r1") {
		t.Errorf("the answer is %q", out)
	}
}

// A fault of the client's is the peer's error, and ends the connection.
func TestPeerComplains(t *testing.T) {
	for name, sent := range map[string]string{
		"not a request":   "SEND\n\n",
		"does not wait":   request + "early",
		"sends no mask":   request + "|" + "\x81\x01a",
		"sends too much":  request + "|" + string(maskedFrame(opText, strings.Repeat("x", inSize+1))),
		"sends fragments": request + "|" + string([]byte{opText, 0x81}),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := discarding(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			nc, err := net.Dial("tcp", p.ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			br := bufio.NewReader(nc)
			for i, part := range strings.Split(sent, "|") {
				if i > 0 { // the upgrade is answered
					for line := "?"; line != "\r\n"; {
						if line, err = br.ReadString('\n'); err != nil {
							t.Fatal(err)
						}
					}
				}
				if _, err := nc.Write([]byte(part)); err != nil {
					t.Fatal(err)
				}
			}
			if line, err := br.ReadString('\n'); err == nil {
				t.Errorf("the peer goes on: %q", line)
			}
			if err := p.close(); err == nil {
				t.Error("the peer has no complaint")
			}
		})
	}
}

const request = "GET /ws HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: MTIzNDU2Nzg5MDEyMzQ1Ng==\r\n\r\n"

// A flood sends as many messages as it is asked for, in turns.
func TestFlood(t *testing.T) {
	p, err := flooding(t.Context(), []byte("a"), []byte("b"), []byte("c"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	b, err := dialBare(t.Context(), p.url(), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer b.ws.CloseNow()
	i := 0
	for _, n := range []int{1, 4, 200_000} { // the last is more than a cycle
		p.flood(n)
		for range n {
			m, err := b.read()
			if err != nil {
				t.Fatal(err)
			}
			if want := "abc"[i%3]; len(m) != 1 || m[0] != want {
				t.Fatalf("message %d is %q, want %q", i, m, want)
			}
			i++
		}
	}
	if p, err := flooding(t.Context(), []byte("a"), []byte("bc")); err == nil {
		p.close()
		t.Error("messages of two lengths are taken")
	}
}

// Both sides send the same octets.
func TestSendFrameIsTheClients(t *testing.T) {
	near, far := net.Pipe()
	written := make(chan string, 2)
	go func() { // ends with the pipe, joined by the end of written
		defer close(written)
		br := bufio.NewReader(far)
		for i := range 3 {
			frame, err := br.ReadString(0)
			if err != nil {
				return
			}
			if i > 0 {
				written <- strings.TrimLeft(frame, "\n")
			} else if _, err := far.Write([]byte("CONNECTED\nversion:1.2\nheart-beat:0,0\n\n\x00")); err != nil {
				return
			}
		}
	}()
	c, err := stomp.Connect(t.Context(), "pipe:", stomp.WithHeartBeat(0, 0), stomp.WithoutReconnect(),
		stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil }))
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(bodyOf(bodySize))
	if err := c.Send(t.Context(), destination, body); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SendAsync(t.Context(), destination, body); err != nil {
		t.Fatal(err)
	}
	without, with := <-written, <-written
	c.Close()
	far.Close()
	for range written {
	}
	if want := string(sendFrame("")); without != want {
		t.Errorf("the client writes\n%q, want\n%q", without, want)
	}
	_, rest, _ := strings.Cut(with, "receipt:")
	id, _, _ := strings.Cut(rest, "\n")
	if want := string(sendFrame(id)); with != want {
		t.Errorf("the client writes\n%q, want\n%q", with, want)
	}
}
