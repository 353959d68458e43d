package peer

import (
	"bufio"
	"net"
	"strings"
	"sync/atomic"
	"testing"
)

const upgrade = "GET /ws HTTP/1.1\r\nHost: h\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n"

func newConn() *conn { return &conn{sends: new(atomic.Uint64)} }

// All that came in one read is answered at once, in order; what is incomplete waits.
func TestConn_answers_what_is_complete(t *testing.T) {
	c := newConn()
	if taken, out, err := c.answer(nil, []byte(upgrade[:40])); taken != 0 || len(out) != 0 || err != nil {
		t.Errorf("half a request: %d, %q, %v", taken, out, err)
	}
	send := maskedFrame(opText, "SEND\ndestination:/echo\n\n\nreceipt:in-the-body\x00")
	in := []byte(upgrade)
	for _, m := range []string{
		"CONNECT\naccept-version:1.2\n\n\x00",
		"SUBSCRIBE\nreceipt-id:no\nreceipt:r1\nid:one\n\n\x00",
		"SUBSCRIBE\nid:two\n\n\x00",
		"\n", // a heart-beat
		"SEND\ndestination:/a\nreceipt:r\\c2\n\n\x00",
	} {
		in = append(in, maskedFrame(opText, m)...)
	}
	in = append(in, maskedFrame(0xa, "SEND\n\n\x00")...) // a pong, whatever it holds
	in = append(in, send...)
	whole := len(in)
	in = append(in, send[:len(send)-1]...)
	taken, out, err := c.answer([]byte("before;"), in)
	want := "before;HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: v12.stomp\r\n\r\n"
	for _, m := range []string{
		string(connected),
		"RECEIPT\nreceipt-id:r1\n\n\x00",
		"RECEIPT\nreceipt-id:r\\c2\n\n\x00",
		string(AppendMessage(nil, "one", []byte("\nreceipt:in-the-body"))),
	} {
		want = string(webSocket{}.put([]byte(want), []byte(m)))
	}
	if taken != whole || string(out) != want || err != nil {
		t.Errorf("took %d of %d, %v\n%q\nwant\n%q", taken, whole, err, out, want)
	}
	if n := c.sends.Load(); n != 2 {
		t.Errorf("%d SENDs are counted, want 2", n)
	}
}

// What is measured is the client's allocations: the peer has none.
func TestConn_answers_without_allocating(t *testing.T) {
	for name, f := range map[string]framing{"WebSocket": webSocket{}, "TCP": stream{}} {
		c := newConn()
		c.framing, c.subscriptions = f, []string{"s"}
		frame := "SEND\ndestination:/echo\nreceipt:r1\n\n" + strings.Repeat("x", 256) + "\x00"
		wire := f.put(nil, []byte(frame))
		if f == (webSocket{}) {
			wire = maskedFrame(opText, frame)
		}
		in, out := make([]byte, len(wire)), make([]byte, 0, 1024)
		if n := testing.AllocsPerRun(100, func() {
			copy(in, wire)
			_, out, _ = c.answer(out[:0], in)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if len(out) < len("RECEIPT")+256 {
			t.Errorf("%s: the answer is %q", name, out)
		}
	}
}

// A fault of the client's is the peer's error, and ends the connection.
func TestPeer_complains_of_its_client(t *testing.T) {
	for name, sent := range map[string]string{
		"no request":      "GET nothing\r\n\r\n",
		"no mask":         upgrade + "\x81\x01a",
		"fragments":       upgrade + string([]byte{opText, 0x81}),
		"no count":        "SEND\ndestination:/flood\nsize:10\n\n\x00",
		"no size":         "SEND\ndestination:/flood\ncount:10\n\n\x00",
		"no subscription": string(FloodRequest(1, 10)),
		"no way back":     "SEND\ndestination:/echo\n\n\x00",
		"no end":          strings.Repeat("x", largest+1),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			nc, err := net.Dial("tcp", p.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			if _, err := nc.Write([]byte(sent)); err != nil {
				t.Fatal(err)
			}
			for br := bufio.NewReader(nc); err == nil; {
				_, err = br.ReadString('\n') // to the end of the connection
			}
			if err := p.Close(); err == nil {
				t.Error("the peer has no complaint")
			}
		})
	}
}

// A goodbye is answered, and no fault.
func TestPeer_answers_a_goodbye(t *testing.T) {
	p, err := Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	nc, err := net.Dial("tcp", p.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := nc.Write(append([]byte(upgrade), maskedFrame(opClose, "")...)); err != nil {
		t.Fatal(err)
	}
	var last string
	for br := bufio.NewReader(nc); err == nil; {
		var line string
		line, err = br.ReadString('\n')
		last = line
	}
	if last != string(goodbye) {
		t.Errorf("the last words are %q, want a close frame", last)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
