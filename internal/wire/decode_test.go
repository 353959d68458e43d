package wire_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestDecoder_F5_C7_W2_between_frames(t *testing.T) {
	runAll(t, []decodeCase{
		{
			name: "F5_EOLs_between_frames_are_heart_beats", version: wire.V12,
			messages: []string{"\n", "\n\r\n\nRECEIPT\nreceipt-id:1\n\n\x00\r\n\n", "\nRECEIPT\nreceipt-id:2\n\n\x00"},
			frames:   []wire.Frame{frame("RECEIPT", "", "receipt-id", "1"), frame("RECEIPT", "", "receipt-id", "2")}, beats: 7,
		}, {
			name: "F5_CR_LF_in_1.0", version: wire.V10,
			messages: one("\r\n\n\r\n"), beats: 3,
		}, {
			name: "F5_CR_LF_in_1.1", version: wire.V11,
			messages: one("\r\n\n\r\n"), beats: 3,
		}, {
			name:     "F5_before_a_version_is_agreed",
			messages: one("\n\r\nCONNECTED\n\n\x00\n"),
			frames:   one(wire.Frame{Command: "CONNECTED"}), beats: 3,
		}, {
			name: "F5_a_CR_waits_for_its_LF", version: wire.V12,
			messages: []string{"\r", "\n"}, beats: 1,
		}, {
			name: "F5_CR_without_LF", version: wire.V12,
			messages: one("\n\rMESSAGE\n\n\x00"),
			err:      "protocol error: a CR between frames that no LF follows (F5)",
		}, {
			name: "F5_two_CRs", version: wire.V12,
			messages: one("\r\r\n"),
			err:      "protocol error: a CR between frames that no LF follows (F5)",
		}, {
			name:     "C7_the_agreed_version_reaches_what_follows_in_the_same_piece",
			messages: one("CONNECTED\nversion:1.1\nsession:a\\cb\n\n\x00\nMESSAGE\na:b\\cc\r\n\n\x00"),
			frames: []wire.Frame{
				frame("CONNECTED", "", "version", "1.1", "session", "a\\cb"),
				frame("MESSAGE", "", "a", "b:c\r"),
			},
			beats: 1,
		}, {
			name: "W2_frames_and_messages_need_not_match", version: wire.V12,
			messages: []string{"MESSAGE\n\na\x00MESS", "AGE\n\n", "b\x00MESSAGE\n\nc\x00"},
			frames:   []wire.Frame{frame("MESSAGE", "a"), frame("MESSAGE", "b"), frame("MESSAGE", "c")},
		}, {
			name: "W2_empty_messages", version: wire.V12,
			messages: []string{"", "MESSAGE\n", "", "\na", "", "\x00", ""},
			frames:   one(frame("MESSAGE", "a")),
		},
	})
}

// Each error stays, and no frame comes after it.
func TestDecoder_errors_stay(t *testing.T) {
	for name, stream := range map[string]string{
		"F1_head":   "MESSAGE\n\x00",
		"F2_entry":  "MESSAGE\na\n\n\x00",
		"F3_body":   "MESSAGE\ncontent-length:1\n\nab\x00",
		"F5_beat":   "\r\r",
		"F9_body":   "RECEIPT\n\nx",
		"F12_limit": "MESSAGE\ncontent-length:99999999999\n\n",
		"F14_first": "HELO\n",
	} {
		t.Run(name, func(t *testing.T) {
			d := wire.NewDecoder(wire.DecoderConfig{})
			d.SetVersion(wire.V12)
			d.Feed([]byte("RECEIPT\nreceipt-id:1\n\n\x00"+stream+"\nRECEIPT\nreceipt-id:2\n\n\x00"), true)
			var f wire.Frame
			if ok, err := d.Next(&f); !ok || err != nil {
				t.Fatalf("the frame before it: %t, %v", ok, err)
			}
			_, first := d.Next(&f)
			if first == nil {
				t.Fatal("no error")
			}
			var p *wire.ProtocolError
			var l *wire.LimitError
			if !errors.As(first, &p) && !errors.As(first, &l) {
				t.Errorf("an error of type %T", first)
			}
			for range 3 {
				if ok, err := d.Next(&f); ok || err != first {
					t.Errorf("then: %t, %v", ok, err)
				}
				d.Feed([]byte("\x00\nRECEIPT\nreceipt-id:3\n\n\x00"), true)
			}
			if got := wire.Get(f.Header, "receipt-id"); got != "1" {
				t.Errorf("Next changed the frame to that of receipt %q", got)
			}
			if d.Partial() {
				t.Error("Partial after an error")
			}
		})
	}
}

func TestDecoder_feeding_too_early_panics(t *testing.T) {
	d := wire.NewDecoder(wire.DecoderConfig{})
	d.Feed([]byte("\n"), false)
	defer func() {
		if recover() == nil {
			t.Error("bytes were lost without a word")
		}
	}()
	d.Feed([]byte("\n"), false)
}

func TestDecoder_counters(t *testing.T) {
	d := wire.NewDecoder(wire.DecoderConfig{Repair: true})
	d.SetVersion(wire.V12)
	var f wire.Frame
	for _, step := range []struct {
		in              string
		final           bool
		frames          int
		beats, repaired uint64
		partial         bool
	}{
		{"\n\r", false, 0, 1, 0, false}, // a CR alone is not yet a heart-beat, and no frame either
		{"\nM", false, 0, 2, 0, true},
		{"ESSAGE\ncontent-length:1\n\n", false, 0, 2, 0, true},
		{"a", false, 0, 2, 0, true},
		{"b\x00", false, 0, 2, 0, true},
		{"", true, 1, 2, 1, false},
		{"RECEIPT\n\n\x00RECEIPT\n\n\x00\n", true, 2, 3, 1, false},
	} {
		d.Feed([]byte(step.in), step.final)
		frames := 0
		for {
			ok, err := d.Next(&f)
			if err != nil {
				t.Fatalf("at %q: %v", step.in, err)
			}
			if !ok {
				break
			}
			frames++
		}
		if frames != step.frames || d.HeartBeats() != step.beats || d.Repaired() != step.repaired || d.Partial() != step.partial {
			t.Errorf("after %q: %d frames, %d heart-beats, %d repairs, partial %t", step.in, frames, d.HeartBeats(), d.Repaired(), d.Partial())
		}
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Forty bytes cost what forty bytes may cost, whatever they announce (F12).
func TestDecoder_F12_nothing_is_reserved_on_the_word_of_content_length(t *testing.T) {
	stream := []byte("MESSAGE\ncontent-length:67108864\n\nabcdefg")
	got := allocated(func() {
		d := wire.NewDecoder(wire.DecoderConfig{})
		d.SetVersion(wire.V12)
		d.Feed(stream, false)
		var f wire.Frame
		if ok, err := d.Next(&f); ok || err != nil {
			t.Fatalf("%t, %v", ok, err)
		}
	})
	if got > 128<<10 {
		t.Errorf("%d bytes allocated for %d bytes of input", got, len(stream))
	}
}

// A head that never ends is refused at its limit and not gathered (F12).
func TestDecoder_F12_endless_head(t *testing.T) {
	stream := append([]byte("MESSAGE\na:"), slices.Repeat([]byte("x"), 8<<20)...)
	for name, chunk := range map[string]int{"in_one_piece": len(stream), "in_pieces": 1000, "in_two": 5 << 20} {
		t.Run(name, func(t *testing.T) {
			got := allocated(func() {
				d := wire.NewDecoder(wire.DecoderConfig{})
				var f wire.Frame
				for piece := range slices.Chunk(stream, chunk) {
					d.Feed(piece, false)
					if _, err := d.Next(&f); err != nil {
						if text := "header of 65537 exceeds the limit of 65536 bytes"; err.Error() != text {
							t.Errorf("error %q, want %q", err, text)
						}
						return
					}
				}
				t.Error("no error")
			})
			if got > 512<<10 {
				t.Errorf("%d bytes allocated", got)
			}
		})
	}
}
