package broker

import (
	"bytes"
	"strings"
	"testing"
)

func TestTail_keeps_the_last_bytes(t *testing.T) {
	var all bytes.Buffer
	console := new(tail)
	write := func(p []byte) {
		all.Write(p)
		if n, err := console.Write(p); n != len(p) || err != nil {
			t.Fatalf("Write: %d, %v", n, err)
		}
		want := all.String()
		want = want[max(0, len(want)-tailSize):]
		if got := console.String(); got != want {
			t.Fatalf("after %d bytes it holds %d, want the last %d", all.Len(), len(got), len(want))
		}
	}
	for i := range 3_000 { // many lines, of several lengths
		write([]byte(strings.Repeat(string(rune('a'+i%26)), i%130) + "\n"))
	}
	write(bytes.Repeat([]byte("x"), tailSize))
	write(append(bytes.Repeat([]byte("y"), 3*tailSize), "the end"...))
	if cap(console.buf) > 4*tailSize {
		t.Errorf("it holds on to %d bytes", cap(console.buf))
	}
}
