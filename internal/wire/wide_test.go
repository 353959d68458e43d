package wire_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

// A length above what 32 bits hold is never taken for what they leave of it, whatever an int is here.
func TestDecoder_F3_F12_lengths_above_32_bits(t *testing.T) {
	for _, length := range []int64{math.MaxInt32, 1<<31 + 5, 1<<32 + 5, 1<<40 + 5, math.MaxInt64} {
		for name, limit := range map[string]int64{"default": 0, "huge": math.MaxInt64} {
			for _, whole := range []bool{true, false} {
				t.Run(fmt.Sprint(length, "_", name, "_", whole), func(t *testing.T) {
					d := wire.NewDecoder(wire.DecoderConfig{From: wire.FromServer, Limits: wire.Limits{Body: limit}})
					d.SetVersion(wire.V12)
					text := fmt.Sprintf("MESSAGE\nsubscription:a\nmessage-id:b\ndestination:c\ncontent-length:%d\n\nhello\x00", length)
					var f wire.Frame
					var ok bool
					var err error
					if whole {
						d.Feed([]byte(text), true)
						ok, err = d.Next(&f)
					}
					for i := 0; i < len(text) && err == nil && !whole; i++ {
						d.Feed([]byte(text[i:i+1]), false)
						ok, err = d.Next(&f)
					}
					var tooLong *wire.LimitError
					most := (wire.Limits{Body: limit}).WithDefaults().Body
					switch {
					case ok:
						t.Errorf("a frame with a body of %d bytes", len(f.Body))
					case length > most && (!errors.As(err, &tooLong) || tooLong.Size != length || tooLong.Limit != most):
						t.Errorf("error %v, want one of the limit of %d", err, most)
					case length <= most && err != nil:
						t.Errorf("%v, want to wait for more", err)
					}
					if room := len(d.Room()); err == nil && room > 1<<20 {
						t.Errorf("room for %d bytes is made on the word of a length", room)
					}
				})
			}
		}
	}
}

func TestDecoder_F3_length_above_64_bits(t *testing.T) {
	d := wire.NewDecoder(wire.DecoderConfig{From: wire.FromServer})
	d.SetVersion(wire.V12)
	d.Feed([]byte("MESSAGE\ncontent-length:18446744073709551621\n\nhello\x00"), true) // 2^64+5
	var f wire.Frame
	var broken *wire.ProtocolError
	if ok, err := d.Next(&f); ok || !errors.As(err, &broken) || broken.Clause != "F3" {
		t.Errorf("%t, %v", ok, err)
	}
}
