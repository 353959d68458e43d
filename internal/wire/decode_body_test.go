package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestDecoder_F3_F4_F9_bodies(t *testing.T) {
	client := wire.DecoderConfig{From: wire.FromClient}
	runAll(t, []decodeCase{
		{
			name: "F3_content_length_body_holds_NUL", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:5\n\na\x00b\x00\x00\x00MESSAGE\n\n\x00"),
			frames:   []wire.Frame{frame("MESSAGE", "a\x00b\x00\x00", "content-length", "5"), {Command: "MESSAGE"}},
		}, {
			name: "F3_content_length_of_zero", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:0\n\n\x00RECEIPT\ncontent-length:0\n\n\x00"),
			frames:   []wire.Frame{frame("MESSAGE", "", "content-length", "0"), frame("RECEIPT", "", "content-length", "0")},
		}, {
			name: "F3_leading_zeros", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:00000000000000000000002\n\nab\x00"),
			frames:   one(frame("MESSAGE", "ab", "content-length", "00000000000000000000002")),
		}, {
			name: "F3_CR_LF_and_heart_beats_in_the_body", version: wire.V12,
			messages: one("MESSAGE\r\ncontent-length:4\r\n\r\n\r\n\n\n\x00\n"),
			frames:   one(frame("MESSAGE", "\r\n\n\n", "content-length", "4")), beats: 1,
		}, {
			name: "F3_over_several_messages", version: wire.V12,
			messages: []string{"MESSAGE\ncontent-length:4\n\nab", "cd", "\x00"},
			frames:   one(frame("MESSAGE", "abcd", "content-length", "4")),
		}, {
			name: "F3_no_NUL_behind_it", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:3\n\nabcd\x00"),
			err:      "protocol error: no NUL after the 3 bytes of content-length in MESSAGE (F3)",
		}, {
			name: "F3_not_a_number", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:3a\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_empty", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_signed", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:+3\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_negative", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:-1\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_padded_in_1.2", version: wire.V12,
			messages: one("MESSAGE\ncontent-length: 3\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_overflow", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:9223372036854775808\n\nabc\x00"),
			err:      "protocol error: content-length of MESSAGE is not a number of bytes (F3)",
		}, {
			name: "F3_bad_on_a_frame_without_a_body", version: wire.V12,
			messages: one("RECEIPT\ncontent-length:x\n\n\x00"),
			err:      "protocol error: content-length of RECEIPT is not a number of bytes (F3)",
		}, {
			name: "F3_F8_the_first_content_length_counts", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:3\ncontent-length:x\n\na\x00b\x00"),
			frames:   one(frame("MESSAGE", "a\x00b", "content-length", "3", "content-length", "x")),
		}, {
			name: "F4_up_to_the_first_NUL", version: wire.V12,
			messages: one("MESSAGE\n\nab\n\ncd\x00\nERROR\nmessage:m\n\n\nx\n\x00"),
			frames:   []wire.Frame{frame("MESSAGE", "ab\n\ncd"), frame("ERROR", "\nx\n", "message", "m")}, beats: 1,
		}, {
			name: "F4_over_several_messages", version: wire.V12, cfg: wire.DecoderConfig{Repair: true},
			messages: []string{"MESSAGE\n\nab", "cd", "e\x00"},
			frames:   one(frame("MESSAGE", "abcde")),
		}, {
			name: "F9_SEND_MESSAGE_and_ERROR_carry_one", version: wire.V12, cfg: wire.DecoderConfig{From: wire.FromEither},
			messages: one("SEND\n\na\x00MESSAGE\n\nb\x00ERROR\n\nc\x00"),
			frames:   []wire.Frame{frame("SEND", "a"), frame("MESSAGE", "b"), frame("ERROR", "c")},
		}, {
			name: "F9_announced", version: wire.V12,
			messages: one("RECEIPT\ncontent-length:1\n\n"),
			err:      "protocol error: RECEIPT announces a body of 1 bytes and cannot carry one (F9)",
		}, {
			name: "F9_unannounced", version: wire.V12, cfg: client,
			messages: one("SUBSCRIBE\nid:1\n\nx"),
			err:      "protocol error: SUBSCRIBE came with a body and cannot carry one (F9)",
		}, {
			name: "F9_an_EOL_is_a_body_too", version: wire.V12,
			messages: one("CONNECTED\n\n\n\x00"),
			err:      "protocol error: CONNECTED came with a body and cannot carry one (F9)",
		}, {
			name: "F9_behind_a_content_length_of_zero", version: wire.V12, cfg: wire.DecoderConfig{Repair: true},
			messages: one("RECEIPT\ncontent-length:0\n\nx\x00"),
			err:      "protocol error: RECEIPT came with a body and cannot carry one (F9)",
		},
	})
}

func TestDecoder_W8_repair(t *testing.T) {
	on := wire.DecoderConfig{Repair: true}
	tight := wire.DecoderConfig{Repair: true, Limits: wire.Limits{Body: 8}}
	const tooShort = "protocol error: no NUL after the 3 bytes of content-length in MESSAGE, nor at the end of its message (F3)"
	const strict = "protocol error: no NUL after the 3 bytes of content-length in MESSAGE (F3)"
	const tooLong = "body of 9 exceeds the limit of 8 bytes"
	repaired := func(body string) []wire.Frame { return one(frame("MESSAGE", body, "content-length", "3")) }
	runAll(t, []decodeCase{
		{
			name: "W8_body_reaches_to_the_last_NUL", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:3\n\na\ufffd\ufffd\x00"),
			frames:   repaired("a\ufffd\ufffd"), repaired: 1,
		}, {
			name: "W8_EOLs_behind_it_are_heart_beats", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\na\n\ufffd\x00\n\r\n", "\n", "RECEIPT\nreceipt-id:1\n\n\x00"},
			frames:   append(repaired("a\n\ufffd"), frame("RECEIPT", "", "receipt-id", "1")), beats: 3, repaired: 1,
		}, {
			name: "W8_NULs_inside", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:3\n\n\x00\ufffd\x00\x00x\x00"),
			frames:   repaired("\x00\ufffd\x00\x00x"), repaired: 1,
		}, {
			name: "W8_content_length_of_zero", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:0\n\nab\x00"),
			frames:   one(frame("MESSAGE", "ab", "content-length", "0")), repaired: 1,
		}, {
			name: "W8_over_several_messages", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\nconten", "t-length:3\n\na\ufffd", "z\x00"},
			err:      strict,
		}, {
			name: "W8_F3_not_with_the_next_message", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\nabc", "MESSAGE\n\nde\x00"},
			err:      strict,
		}, {
			name: "W8_F3_not_where_the_body_goes_on_in_the_next_message", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\nab", "c\ufffd\x00"},
			err:      strict,
		}, {
			name: "W8_F3_not_where_the_head_began_in_another_message", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n", "\nabc\ufffd\x00"},
			err:      strict,
		}, {
			name: "W8_in_the_message_after_one_that_was_split", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\nab", "c\x00", "MESSAGE\ncontent-length:3\n\nabcd\x00"},
			frames:   append(repaired("abc"), repaired("abcd")...), repaired: 1,
		}, {
			name: "W8_F3_the_NUL_may_come_in_the_next_message", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\nabc", "\x00\n"},
			frames:   repaired("abc"), beats: 1,
		}, {
			name: "W8_a_right_content_length_is_not_touched", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:3\n\nabc\x00MESSAGE\n\nd\x00"),
			frames:   append(repaired("abc"), frame("MESSAGE", "d")),
		}, {
			name: "W8_F3_message_ends_without_a_NUL", version: wire.V12, cfg: on,
			messages: []string{"MESSAGE\ncontent-length:3\n\nabcd", "e\x00"},
			err:      tooShort,
		}, {
			name: "W8_F3_the_last_NUL_stands_before_its_end", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:3\n\na\x00\n\n\n"),
			err:      tooShort,
		}, {
			name: "W8_F3_the_last_NUL_is_the_body's_last_byte", version: wire.V12, cfg: on,
			messages: one("MESSAGE\ncontent-length:3\n\nab\x00\n"),
			err:      tooShort,
		}, {
			name: "W8_F3_not_without_Repair", version: wire.V12,
			messages: one("MESSAGE\ncontent-length:3\n\na\ufffd\ufffd\x00"),
			err:      "protocol error: no NUL after the 3 bytes of content-length in MESSAGE (F3)",
		}, {
			name: "W8_F12_at_the_limit", version: wire.V12, cfg: tight,
			messages: one("MESSAGE\ncontent-length:3\n\nabcdefgh\x00\n\n\n\n"),
			frames:   repaired("abcdefgh"), beats: 4, repaired: 1,
		}, {
			name: "W8_F12_EOLs_beyond_the_limit", version: wire.V12, cfg: tight,
			messages: one("MESSAGE\ncontent-length:3\n\nabcdef\x00\n\n\n\n"),
			frames:   repaired("abcdef"), beats: 4, repaired: 1,
		}, {
			name: "W8_F12_above_the_limit", version: wire.V12, cfg: tight,
			messages: one("MESSAGE\ncontent-length:3\n\nabcdefghi\x00"),
			err:      tooLong,
		}, {
			name: "W8_F12_a_NUL_above_the_limit", version: wire.V12, cfg: tight,
			messages: one("MESSAGE\ncontent-length:3\n\nabcdefgh\x00\x00"),
			err:      tooLong,
		}, {
			name: "W8_F12_a_body_goes_on_behind_its_NUL", version: wire.V12, cfg: tight,
			messages: one("MESSAGE\ncontent-length:3\n\nabcdef\x00\n\n\nx\x00"),
			err:      tooLong,
		},
	})
}

// A long body grows as it comes and is handed over without much empty room, however it came.
func TestDecoder_F12_room_for_a_body(t *testing.T) {
	body := strings.Repeat("x", 300<<10)
	for name, head := range map[string]string{
		"announced":   "MESSAGE\ncontent-length:307200\n\n",
		"unannounced": "MESSAGE\n\n",
		"repaired":    "MESSAGE\ncontent-length:70000\n\n",
	} {
		t.Run(name, func(t *testing.T) {
			var pieces []piece
			rest := []byte(head + body + "\x00")
			for len(rest) > 5000 {
				pieces = append(pieces, piece{rest[:5000], false})
				rest = rest[5000:]
			}
			pieces = append(pieces, piece{rest, true})
			got := decode(wire.DecoderConfig{Repair: true}, wire.V12, pieces)
			if got.err != nil || len(got.frames) != 1 {
				t.Fatalf("%d frames, error %v", len(got.frames), got.err)
			}
			b := got.frames[0].Body
			if !bytes.Equal(b, []byte(body)) {
				t.Errorf("another body of %d bytes", len(b))
			}
			if waste := cap(b) - len(b); waste > len(b)/4 {
				t.Errorf("%d bytes of room for %d", cap(b), len(b))
			}
		})
	}
}
