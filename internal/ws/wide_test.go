package ws

import (
	"encoding/binary"
	"fmt"
	"testing"
)

// wideFrame makes the start of a text frame that announces size bytes.
func wideFrame(size uint64, payload string) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0x81, 127}, size), payload...)
}

// A length above what 32 bits hold is never taken for what they leave of it, whatever an int is here.
func TestFrames_W6_lengths_above_32_bits(t *testing.T) {
	for _, size := range []uint64{1<<31 + 5, 1<<32 + 5, 1<<63 - 1} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			p := wideFrame(size, "hello and more")
			if typ, message, n := singleFrameMessage(p); n != 0 {
				t.Errorf("a message of type %d, %q, in a frame of %d bytes", typ, message, n)
			}
			var f frameTracker
			if n := f.advance(p); n != len(p) || f.between() {
				t.Errorf("%d of %d bytes belong to the frame, and it ends there: %t", n, len(p), f.between())
			}
			if want := size - uint64(len("hello and more")); f.left != want {
				t.Errorf("%d bytes are left, want %d", f.left, want)
			}
		})
	}
}

// A limit above what 32 bits hold is none that a short message exceeds.
func TestConn_W6_a_limit_above_32_bits(t *testing.T) {
	for _, limit := range []int64{1<<32 + 1, 1<<63 - 1} {
		c := &Conn{readLimit: limit}
		if err := c.checkLimit(1 << 20); err != nil {
			t.Error(err)
		}
		if err := c.checkLimit(limit); err != nil {
			t.Error(err)
		}
	}
}
