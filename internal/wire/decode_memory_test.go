package wire_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/webstomp/webstomp/internal/wire"
)

// At most three allocations make a frame: its header's text, its entries, its body.
func TestDecoder_allocations(t *testing.T) {
	for name, f := range map[string]wire.Frame{"plain": message(256), "escaped": withColons(256)} {
		t.Run(name, func(t *testing.T) {
			stream := encoded(t, wire.V12, f)
			d := wire.NewDecoder(wire.DecoderConfig{})
			d.SetVersion(wire.V12)
			var f wire.Frame
			got := testing.AllocsPerRun(100, func() {
				d.Feed(stream, true)
				if ok, err := d.Next(&f); !ok || err != nil {
					t.Fatalf("%t, %v", ok, err)
				}
				if ok, err := d.Next(&f); ok || err != nil {
					t.Fatalf("%t, %v", ok, err)
				}
			})
			if got > 3 {
				t.Errorf("%v allocations", got)
			}
		})
	}
	t.Run("heart_beats_cost_none", func(t *testing.T) {
		d := wire.NewDecoder(wire.DecoderConfig{})
		beat := []byte("\n")
		var f wire.Frame
		if got := testing.AllocsPerRun(100, func() {
			d.Feed(beat, true)
			if ok, err := d.Next(&f); ok || err != nil {
				t.Fatalf("%t, %v", ok, err)
			}
		}); got > 0 {
			t.Errorf("%v allocations", got)
		}
	})
}

// Frames share no memory with each other, nor with the decoder.
func TestDecoder_a_frame_is_its_receivers(t *testing.T) {
	stream := "MESSAGE\na:1\n\nxxxx\x00MESSAGE\na:2\n\nyyyy\x00"
	for name, pieces := range map[string][]piece{"in_one_piece": whole(one(stream)), "byte_by_byte": byteByByte(one(stream))} {
		t.Run(name, func(t *testing.T) {
			got := decode(wire.DecoderConfig{}, wire.V12, pieces)
			first := got.frames[0].Body
			first = append(first, "more"...)
			first[0] = 'z'
			want := []wire.Frame{frame("MESSAGE", string(got.frames[0].Body), "a", "1"), frame("MESSAGE", "yyyy", "a", "2")}
			if diff := (result{frames: want}).same(got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What was fed is the caller's again once Next has returned false or an error: nothing refers to it any more.
func TestDecoder_keeps_no_reference_to_what_was_fed(t *testing.T) {
	for name, stream := range map[string]string{
		"between_frames": "MESSAGE\na:b\n\nx\x00\n",
		"in_a_head":      "MESSAGE\na:b\n\nx\x00MESSAGE\na",
		"in_a_body":      "MESSAGE\na:b\n\nx\x00MESSAGE\n\na",
		"after_an_error": "MESSAGE\na:b\n\nx\x00MESSAGE\na\n\n\x00and more",
	} {
		t.Run(name, func(t *testing.T) {
			d := wire.NewDecoder(wire.DecoderConfig{})
			var first wire.Frame
			fed := func() weak.Pointer[byte] {
				p := append(make([]byte, 0, 4<<10), stream...) // large enough not to share its block with others
				d.Feed(p, false)
				if ok, err := d.Next(&first); !ok || err != nil {
					t.Fatalf("%t, %v", ok, err)
				}
				var f wire.Frame
				if ok, _ := d.Next(&f); ok {
					t.Fatalf("a second frame %q", f)
				}
				return weak.Make(&p[0])
			}()
			runtime.GC()
			if fed.Value() != nil {
				t.Error("still referred to")
			}
			runtime.KeepAlive(d)
			runtime.KeepAlive(first)
		})
	}
}

// A large head that came in pieces leaves no large buffer behind in an idle decoder.
func TestDecoder_F12_an_idle_decoder_is_small(t *testing.T) {
	stream := "MESSAGE\na:" + strings.Repeat("x", 60<<10) + "\n\n\x00"
	pieces := []piece{{[]byte(stream[:50<<10]), false}, {[]byte(stream[50<<10:]), true}}
	idle := make([]*wire.Decoder, 100)
	for i := range idle {
		idle[i] = wire.NewDecoder(wire.DecoderConfig{})
	}
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	for _, d := range idle {
		for _, p := range pieces {
			var f wire.Frame
			d.Feed(p.p, p.final)
			for {
				ok, err := d.Next(&f)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
			}
		}
	}
	if each := (heap() - before) / int64(len(idle)); each > 8<<10 {
		t.Errorf("%d bytes in each", each)
	}
	runtime.KeepAlive(idle)
}
