package peer

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"
)

// masked is a text message as a client sends it.
func masked(first byte, payload string) []byte {
	key := [4]byte{1, 2, 3, 4}
	frame := new(webSocket).put(nil, []byte(payload))
	frame[0] = first
	frame[1] |= 0x80
	head := len(frame) - len(payload)
	out := append(append(bytes.Clone(frame[:head]), key[:]...), payload...)
	for i := range payload {
		out[head+4+i] ^= key[i%4]
	}
	return out
}

func TestWebSocket_next(t *testing.T) {
	var wire bytes.Buffer
	var want []string
	for _, n := range []int{1, 7, 8, 9, 125, 126, 127, 65_535, 65_536, largest} {
		want = append(want, strings.Repeat("abc", n)[:n])
	}
	for i, payload := range want {
		wire.Write(masked(0x80|opText+byte(i%2), payload)) // text and binary in turns
		wire.Write(masked(0x80|opText, "\n"))              // a heart-beat
		wire.Write(masked(0x80|0x9, "ping"))
	}
	wire.Write(masked(0x80|opClose, ""))
	var answer bytes.Buffer
	ws := &webSocket{r: bufio.NewReader(&wire), w: &answer}
	for _, payload := range want {
		if got, err := ws.next(); err != nil || string(got) != payload {
			t.Fatalf("%.20q (%d octets), %v, want %.20q (%d)", got, len(got), err, payload, len(payload))
		}
	}
	if got, err := ws.next(); err != io.EOF || answer.String() != "\x88\x00" {
		t.Errorf("after the close came %q, %v, and the answer was %q", got, err, answer.String())
	}
}

func TestWebSocket_next_refuses(t *testing.T) {
	for name, wire := range map[string][]byte{
		"a fragment":       masked(opText, "x"),
		"what has no mask": {0x80 | opText, 1, 'x'},
		"too much":         masked(0x80|opText, strings.Repeat("x", largest+1)),
		"half a message":   masked(0x80|opText, "four")[:8],
	} {
		ws := &webSocket{r: bufio.NewReader(bytes.NewReader(wire))}
		if got, err := ws.next(); err == nil {
			t.Errorf("%s is taken for %.20q", name, got)
		}
	}
}

func TestHeader(t *testing.T) {
	head, body := frame("SEND\ndestination:/a:b\nreceipt:r1\n\nreceipt:no\n\n\x00").split()
	if got := header(head, "destination"); got != "/a:b" {
		t.Errorf("destination %q", got)
	}
	if got := header(head, "receipt"); got != "r1" {
		t.Errorf("receipt %q", got)
	}
	if got := header(head, "tination"); got != "" {
		t.Errorf("half a name finds %q", got)
	}
	if string(body) != "receipt:no\n\n" {
		t.Errorf("body %q", body)
	}
}
