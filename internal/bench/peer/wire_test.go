package peer

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// maskedFrame is what a client sends: one frame, with a mask.
func maskedFrame(op byte, payload string) []byte {
	b := webSocket{}.put(nil, []byte(payload))
	head := len(b) - len(payload)
	b[0], b[1] = final|op, b[1]|masked
	key := []byte{0x12, 0x34, 0x56, 0x78}
	whole := append(bytes.Clone(b[:head]), key...)
	for i := range len(payload) {
		whole = append(whole, payload[i]^key[i%4])
	}
	return whole
}

func TestWebSocket_cuts_whole_frames_alone(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 9, 125, 126, 65535, 65536, largest} {
		payload := strings.Repeat("abcdefghijk", n/11+1)[:n]
		whole := maskedFrame(opBinary, payload)
		got, size, err := webSocket{}.cut(append(bytes.Clone(whole), 0x81))
		if string(got) != payload || size != len(whole) || err != nil {
			t.Errorf("%d bytes: %d of %d bytes, %v, right: %v", n, size, len(whole), err, string(got) == payload)
		}
		for _, k := range []int{0, 1, 2, 3, 5, len(whole) - 1} {
			part := bytes.Clone(whole[:min(k, len(whole)-1)])
			if _, size, err := (webSocket{}).cut(part); size != 0 || err != nil || !bytes.Equal(part, whole[:len(part)]) {
				t.Errorf("%d bytes, the first %d: size %d, %v, or they were changed", n, len(part), size, err)
			}
		}
	}
}

func TestWebSocket_refuses_what_it_cannot_take(t *testing.T) {
	for name, b := range map[string][]byte{
		"no mask":           {0x81, 0x01, 'a'},
		"first of several":  {0x01, 0x81},
		"continuation":      {0x80, 0x81},
		"compressed":        {0xc1, 0x81},
		"unknown operation": {0x83, 0x81},
		"too long":          maskedFrame(opText, strings.Repeat("x", largest+1)),
		"beyond all":        append(binary.BigEndian.AppendUint64([]byte{0x81, 0xff}, 1<<63), 0, 0, 0, 0, 'a'),
	} {
		if _, _, err := (webSocket{}).cut(b); err == nil || err == io.EOF {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWebSocket_tells_control_frames_from_messages(t *testing.T) {
	if message, size, err := (webSocket{}).cut(maskedFrame(0x9, "ping")); len(message) != 0 || size != 10 || err != nil {
		t.Errorf("a ping: %q, %d, %v", message, size, err)
	}
	if _, _, err := (webSocket{}).cut(maskedFrame(opClose, "")); err != io.EOF {
		t.Errorf("a close frame: %v, want io.EOF", err)
	}
}

func TestStream_cuts_at_the_NUL(t *testing.T) {
	for in, want := range map[string]string{"": "", "SEND\n": "", "a\x00": "a\x00", "\na\x00b": "\na\x00"} {
		if got, size, err := (stream{}).cut([]byte(in)); string(got) != want || size != len(want) || err != nil {
			t.Errorf("%q: %q, %d, %v", in, got, size, err)
		}
	}
	if _, _, err := (stream{}).cut(make([]byte, largest)); err != nil {
		t.Error(err)
	}
	if _, _, err := (stream{}).cut(bytes.Repeat([]byte("x"), largest+1)); err == nil {
		t.Error("there is no end to a frame")
	}
}

func TestHeader_is_the_value_of_a_whole_name(t *testing.T) {
	head, body := split([]byte("\r\n\nSEND\ndestination:/a:b\nmy-receipt:no\nreceipt:r1\n\nid:no\n\n\x00"))
	for name, want := range map[string]string{"\ndestination:": "/a:b", "\nreceipt:": "r1", "\nid:": ""} {
		if got := header(head, []byte(name)); string(got) != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if string(body) != "id:no\n\n" {
		t.Errorf("body %q", body)
	}
}
