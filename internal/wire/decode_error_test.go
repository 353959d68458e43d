package wire_test

import (
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

// Servers put text as it is into the message of an ERROR, line feeds and backslashes with it. What they say is not
// lost over that, and the frame after it is read.
func TestDecoder_F2_F3_F6_an_ERROR_is_read_leniently(t *testing.T) {
	const receipt = "RECEIPT\nreceipt-id:1\n\n\x00"
	next := frame("RECEIPT", "", "receipt-id", "1")
	for _, version := range []wire.Version{"", wire.V10, wire.V11, wire.V12} {
		runAll(t, []decodeCase{
			{
				name: "F2_a_line_without_a_colon", version: version,
				messages: one("ERROR\nmessage:no such queue\nask the operator\nreceipt-id:r1\n\nbody\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "body", "message", "no such queue\nask the operator", "receipt-id", "r1"), next},
			}, {
				name: "F2_a_line_with_an_empty_name", version: version,
				messages: one("ERROR\nmessage:a\n:b\n\n\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "", "message", "a\n:b"), next},
			}, {
				name: "F2_a_line_that_looks_like_an_entry", version: version,
				messages: one("ERROR\nmessage:a\nCaused by:b\n\n\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "", "message", "a", "Caused by", "b"), next},
			}, {
				name: "F2_no_entry_before_it", version: version,
				messages: one("ERROR\nwho are you?\n\n\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "", "message", "who are you?"), next},
			}, {
				name: "F3_a_length_that_is_no_number", version: version,
				messages: one("ERROR\ncontent-length:many\n\nbody\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "body", "content-length", "many"), next},
			}, {
				name: "F6_an_escape_that_is_none", version: version,
				messages: one("ERROR\nmessage:DOMAIN\\user \\\n\n\x00" + receipt),
				frames:   []wire.Frame{frame("ERROR", "", "message", "DOMAIN\\user \\"), next},
			},
		})
	}
	runAll(t, []decodeCase{
		{
			name: "F6_escapes_beside_one_that_is_none", version: wire.V11,
			messages: one("ERROR\nm\\cx:a\\cb\\t\\\\\\r\n\n\x00"),
			frames:   one(frame("ERROR", "", "m:x", "a:b\\t\\\\r")),
		}, {
			name: "F1_CR_LF_in_1.2", version: wire.V12,
			messages: one("ERROR\r\nmessage:a\r\nb\r\n\r\n\x00"),
			frames:   one(frame("ERROR", "", "message", "a\nb")),
		}, {
			name: "F2_trimmed_in_1.0", version: wire.V10,
			messages: one("ERROR\n message : a\n b \nx: y\n\n\x00"),
			frames:   one(frame("ERROR", "", "message", "a\n b", "x", "y")),
		}, {
			name: "F2_no_other_frame_is", version: wire.V12,
			messages: one("ERROR\nmessage:a\nb\n\n\x00RECEIPT\nreceipt-id:1\nb\n\n\x00"),
			frames:   one(frame("ERROR", "", "message", "a\nb")),
			err:      "protocol error: header line 2 of RECEIPT has no colon (F2)",
		},
	})
}

// What a server was saying when its connection ended, or its frame went wrong.
func TestDecoder_Unfinished(t *testing.T) {
	const before = "MESSAGE\na:b\n\nbody\x00"
	for name, c := range map[string]struct {
		in    string
		fails bool
		want  wire.Frame
	}{
		"nothing":                 {"", false, wire.Frame{}},
		"half_a_command":          {"ERR", false, wire.Frame{}},
		"a_command":               {"CONNECTED\n", false, frame("CONNECTED", "")},
		"half_a_name":             {"ERROR\nmessage:no\ncontent-l", false, frame("ERROR", "", "message", "no")},
		"half_a_value":            {"ERROR\nmessage:no such qu", false, frame("ERROR", "", "message", "no such qu")},
		"half_a_message":          {"ERROR\nno such qu", false, frame("ERROR", "", "message", "no such qu")},
		"no_blank_line":           {"CONNECTED\nversion:1.2\n", false, frame("CONNECTED", "", "version", "1.2")},
		"no_NUL":                  {"CONNECTED\nversion:1.2\n\n", false, frame("CONNECTED", "", "version", "1.2")},
		"half_a_body":             {"ERROR\nmessage:no\n\nwe are fu", false, frame("ERROR", "we are fu", "message", "no")},
		"half_a_body_of_a_length": {"ERROR\ncontent-length:20\n\nwe are fu", false, frame("ERROR", "we are fu", "content-length", "20")},
		"no_NUL_where_it_belongs": {"ERROR\nmessage:no\ncontent-length:2\n\nwords\x00", true, frame("ERROR", "words", "message", "no", "content-length", "2")},
		"F1_a_NUL_in_the_header":  {"ERROR\nmessage:no\x00", true, frame("ERROR", "", "message", "no")},
		"another_frame_went_bad":  {"RECEIPT\nreceipt-id:1\x00", true, wire.Frame{}},
		"an_ERROR_before_that":    {"ERROR\nmessage:no\n\n\x00RECEIPT\nreceipt-id:1\x00", true, wire.Frame{}},
		"an_ERROR_before_nothing": {"ERROR\nmessage:no\n\n\x00\n", false, wire.Frame{}},
		"a_limit":                 {"ERROR\nmessage:no\ncontent-length:99999999999\n\nwords", true, frame("ERROR", "words", "message", "no", "content-length", "99999999999")},
	} {
		for how, pieces := range map[string][]piece{"whole": whole(one(before + c.in)), "byte_by_byte": byteByByte(one(before + c.in))} {
			t.Run(name+"_"+how, func(t *testing.T) {
				d := wire.NewDecoder(wire.DecoderConfig{})
				d.SetVersion(wire.V12)
				var err error
				for _, p := range pieces {
					d.Feed(p.p, false)
					for ok := true; ok; {
						var f wire.Frame
						ok, err = d.Next(&f)
					}
				}
				if (err != nil) != c.fails {
					t.Errorf("error %v", err)
				}
				got, ok := d.Unfinished()
				want := c.want
				if how == "byte_by_byte" && c.fails { // what came behind the byte that was wrong was not looked at
					got.Body, want.Body = nil, nil
				}
				show := func(f wire.Frame) string { return fmt.Sprintf("%s %q %q", f.Command, f.Header, f.Body) }
				if show(got) != show(want) || ok != (want.Command != "") {
					t.Errorf("got %s, %t; want %s", show(got), ok, show(want))
				}
			})
		}
	}
}
