package ws

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// rawFrame makes a frame with that first byte, and a mask of zeroes if it is to have one.
func rawFrame(first byte, payload []byte, masked bool) []byte {
	var mask byte
	if masked {
		mask = 0x80
	}
	f := []byte{first}
	switch n := len(payload); {
	case n < 126:
		f = append(f, mask|byte(n))
	case n < 1<<16:
		f = binary.BigEndian.AppendUint16(append(f, mask|126), uint16(n))
	default:
		f = binary.BigEndian.AppendUint64(append(f, mask|127), uint64(n))
	}
	if masked {
		f = append(f, 0, 0, 0, 0)
	}
	return append(f, payload...)
}

// However the stream is cut into pieces, advance stops at the end of each frame.
func TestFrameTracker_ends_at_each_frame(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var ends []int
	for _, size := range []int{0, 1, 125, 126, 127, 1000, 65535, 65536, 70000, 0, 5} {
		for _, masked := range []bool{false, true} {
			stream = append(stream, rawFrame(0x81, make([]byte, size), masked)...)
			ends = append(ends, len(stream))
		}
	}
	for range 200 {
		var f frameTracker
		at, frame := 0, 0
		for at < len(stream) {
			if f.between() != (frame > 0 && at == ends[frame-1] || at == 0) {
				t.Fatalf("between is %t at byte %d", f.between(), at)
			}
			p := stream[at:min(len(stream), at+1+dice.IntN(1<<dice.IntN(18)))]
			n := f.advance(p)
			if want := min(len(p), ends[frame]-at); n != want {
				t.Fatalf("of %d bytes at %d, %d belong to the frame, want %d", len(p), at, n, want)
			}
			if at += n; at == ends[frame] {
				frame++
			}
		}
		if !f.between() {
			t.Fatal("not between frames at the end")
		}
	}
}

func TestSingleFrameMessage_takes_nothing_else(t *testing.T) {
	body := []byte("MESSAGE\n\n\x00")
	long := bytes.Repeat([]byte("x"), 40_000)
	for name, c := range map[string]struct {
		p    []byte
		typ  MessageType
		want []byte
	}{
		"text":             {rawFrame(0x81, body, false), Text, body},
		"binary":           {rawFrame(0x82, body, false), Binary, body},
		"empty":            {rawFrame(0x81, nil, false), Text, []byte{}},
		"followed":         {append(rawFrame(0x81, body, false), 0x81, 3), Text, body},
		"long":             {rawFrame(0x82, long, false), Binary, long},
		"nothing":          {nil, 0, nil},
		"half a head":      {rawFrame(0x82, long, false)[:3], 0, nil},
		"one byte short":   {rawFrame(0x81, body, false)[:1+1+len(body)-1], 0, nil},
		"masked":           {rawFrame(0x81, body, true), 0, nil},
		"a first fragment": {rawFrame(0x01, body, false), 0, nil},
		"a last fragment":  {rawFrame(0x80, body, false), 0, nil},
		"compressed":       {rawFrame(0xc1, body, false), 0, nil},
		"another RSV":      {rawFrame(0x91, body, false), 0, nil},
		"a ping":           {rawFrame(0x89, body, false), 0, nil},
		"a close":          {rawFrame(0x88, nil, false), 0, nil},
		"unknown":          {rawFrame(0x83, body, false), 0, nil},
		"a negative size":  {append([]byte{0x81, 127}, bytes.Repeat([]byte{0xff}, 60)...), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			typ, got, size := singleFrameMessage(c.p)
			if typ != c.typ || !bytes.Equal(got, c.want) || (size > 0) != (c.typ != 0) {
				t.Errorf("got type %d and %d bytes (frame of %d), want %d and %d", typ, len(got), size, c.typ, len(c.want))
			}
		})
	}
}

// Masking goes byte by byte (RFC 6455, section 5.3), whatever the length.
func TestMask_of_any_length(t *testing.T) {
	key := []byte{0x12, 0x34, 0x56, 0x78}
	for n := range 70 {
		src, want := make([]byte, n), make([]byte, n)
		for i := range src {
			src[i] = byte(3 * i)
			want[i] = src[i] ^ key[i%4]
		}
		got := make([]byte, n)
		if mask(got, src, binary.LittleEndian.Uint32(key)); !bytes.Equal(got, want) {
			t.Errorf("%d bytes became %x, want %x", n, got, want)
		}
	}
}
