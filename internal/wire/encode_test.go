package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestEncoder_frames(t *testing.T) {
	for _, c := range []struct {
		name  string
		e     wire.Encoder
		frame wire.Frame
		want  string
		err   string
	}{
		{name: "F1_LF_only", frame: frame("SEND", "x", "a", "b"), want: "SEND\na:b\ncontent-length:1\n\nx\x00"},
		{name: "F1_no_header", frame: frame("DISCONNECT", ""), want: "DISCONNECT\n\n\x00"},
		{name: "F2_empty_value", frame: frame("SEND", "", "a", ""), want: "SEND\na:\n\n\x00"},
		{name: "F2_blanks_stay", frame: frame("SEND", "", " a ", "\tb "), want: "SEND\n a :\tb \n\n\x00"},
		{name: "F6_zero_version_is_1.2", frame: frame("SEND", "", "a:\\", "\n\r:\\b"), want: "SEND\na\\c\\\\:\\n\\r\\c\\\\b\n\n\x00"},
		{name: "F6_1.1", e: wire.Encoder{Version: wire.V11}, frame: frame("SEND", "", "a:\\", "\n:\\b"), want: "SEND\na\\c\\\\:\\n\\c\\\\b\n\n\x00"},
		{name: "F6_1.0_goes_raw", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "a\\", "b:\\c"), want: "SEND\na\\:b:\\c\n\n\x00"},
		{name: "F7_CONNECT_goes_raw", frame: frame("CONNECT", "", "passcode", "a:b\\c"), want: "CONNECT\npasscode:a:b\\c\n\n\x00"},
		{name: "F7_STOMP_goes_raw", frame: frame("STOMP", "", "passcode", "a:b\\c"), want: "STOMP\npasscode:a:b\\c\n\n\x00"},
		{name: "F7_CONNECTED_goes_raw", frame: frame("CONNECTED", "", "session", "ID:\\1"), want: "CONNECTED\nsession:ID:\\1\n\n\x00"},
		{
			name: "F7_EscapeConnect", e: wire.Encoder{EscapeConnect: true},
			frame: frame("CONNECT", "", "pass:code", "a:b\\c\r\n"), want: "CONNECT\npass\\ccode:a\\cb\\\\c\\r\\n\n\n\x00",
		}, {
			name: "F7_EscapeConnect_in_1.0", e: wire.Encoder{Version: wire.V10, EscapeConnect: true},
			frame: frame("STOMP", "", "passcode", "\r:"), want: "STOMP\npasscode:\\r\\c\n\n\x00",
		}, {
			name: "F7_EscapeConnect_is_not_for_CONNECTED", e: wire.Encoder{EscapeConnect: true},
			frame: frame("CONNECTED", "", "session", "a:b"), want: "CONNECTED\nsession:a:b\n\n\x00",
		},
		{name: "F8_repeated_names_go_out_in_order", frame: frame("SEND", "", "a", "1", "b", "2", "a", "3"), want: "SEND\na:1\nb:2\na:3\n\n\x00"},
		{name: "F9_RECEIPT", frame: frame("RECEIPT", "x"), err: "protocol error: RECEIPT cannot carry a body (F9)"},
		{name: "F9_CONNECT", frame: frame("CONNECT", "x"), err: "protocol error: CONNECT cannot carry a body (F9)"},
		{name: "F9_MESSAGE", frame: frame("MESSAGE", "x"), want: "MESSAGE\ncontent-length:1\n\nx\x00"},
		{name: "F9_ERROR", frame: frame("ERROR", "x"), want: "ERROR\ncontent-length:1\n\nx\x00"},
		{name: "F10_UTF8", frame: frame("SEND", "\xff", "é", "世:"), want: "SEND\né:世\\c\ncontent-length:1\n\n\xff\x00"},
		{name: "F10_bad_value", frame: frame("SEND", "", "a", "b\xff"), err: `protocol error: header "a" of SEND is not valid UTF-8 (F10)`},
		{name: "F10_bad_name", frame: frame("SEND", "", "a\xff", "b"), err: `protocol error: header "a\xff" of SEND is not valid UTF-8 (F10)`},
		{name: "F11_the_true_content_length", frame: frame("SEND", "a\x00b", "content-length", "7", "a", "1", "content-length", "x"), want: "SEND\na:1\ncontent-length:3\n\na\x00b\x00"},
		{name: "F11_none_without_a_body", frame: frame("SEND", "", "content-length", "7"), want: "SEND\n\n\x00"},
		{name: "F13_LF_in_CONNECT", frame: frame("CONNECT", "", "token", "secret\n"), err: `protocol error: header "token" of CONNECT: LF cannot be sent (nothing is escaped there) (F13)`},
		{name: "F13_CR_in_CONNECT", frame: frame("CONNECT", "", "token", "secret\r"), err: `protocol error: header "token" of CONNECT: CR cannot be sent (nothing is escaped there) (F13)`},
		{name: "F13_CR_in_CONNECTED", frame: frame("CONNECTED", "", "session", "\r"), err: `protocol error: header "session" of CONNECTED: CR cannot be sent (nothing is escaped there) (F13)`},
		{name: "F13_colon_in_a_name_of_CONNECT", frame: frame("CONNECT", "", "a:b", ""), err: `protocol error: header "a:b" of CONNECT: a colon in its name cannot be sent (nothing is escaped there) (F13)`},
		{name: "F13_LF_in_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "a", "\n"), err: `protocol error: header "a" of SEND: LF cannot be sent (STOMP 1.0 has no escapes) (F13)`},
		{name: "F13_CR_in_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "a", "\r"), err: `protocol error: header "a" of SEND: CR cannot be sent (STOMP 1.0 has no escapes) (F13)`},
		{name: "F13_LF_in_a_name_of_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "a\nb", ""), err: `protocol error: header "a\nb" of SEND: LF in its name cannot be sent (STOMP 1.0 has no escapes) (F13)`},
		{name: "F13_colon_in_a_name_of_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "a:b", ""), err: `protocol error: header "a:b" of SEND: a colon in its name cannot be sent (STOMP 1.0 has no escapes) (F13)`},
		{name: "F13_blank_around_a_name_of_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "x", " content-length", "9"), err: `protocol error: header " content-length" of SEND: a blank around its name cannot be sent (STOMP 1.0 trims it) (F13)`},
		{name: "F13_blank_behind_a_name_of_1.0", e: wire.Encoder{Version: wire.V10}, frame: frame("SEND", "", "id\t", "9"), err: `protocol error: header "id\t" of SEND: a blank around its name cannot be sent (STOMP 1.0 trims it) (F13)`},
		{name: "F13_CR_in_1.1", e: wire.Encoder{Version: wire.V11}, frame: frame("SEND", "", "a", "\r"), err: `protocol error: header "a" of SEND: CR cannot be sent (STOMP 1.1 has no escape for it) (F13)`},
		{name: "F13_CR_in_a_name_of_1.1", e: wire.Encoder{Version: wire.V11}, frame: frame("SEND", "", "\r", ""), err: `protocol error: header "\r" of SEND: CR in its name cannot be sent (STOMP 1.1 has no escape for it) (F13)`},
		{name: "F13_NUL_in_1.2", frame: frame("SEND", "", "a", "\x00"), err: `protocol error: header "a" of SEND: NUL cannot be sent (STOMP has no escape for it) (F13)`},
		{name: "F13_NUL_in_a_name_of_1.2", frame: frame("SEND", "", "\x00", "a"), err: `protocol error: header "\x00" of SEND: NUL in its name cannot be sent (STOMP has no escape for it) (F13)`},
		{name: "F13_NUL_in_an_escaped_CONNECT", e: wire.Encoder{EscapeConnect: true}, frame: frame("CONNECT", "", "a", "\x00"), err: `protocol error: header "a" of CONNECT: NUL cannot be sent (STOMP has no escape for it) (F13)`},
		{name: "F13_empty_name", frame: frame("SEND", "", "", "a"), err: `protocol error: a header of SEND has an empty name (F13)`},
		{name: "F13_a_long_name_is_cut", frame: frame("CONNECT", "", strings.Repeat("n", 100), "\n"), err: `protocol error: header "` + strings.Repeat("n", 64) + `"... of CONNECT: LF cannot be sent (nothing is escaped there) (F13)`},
		{name: "F14_unknown_command", frame: frame("SENDx", ""), err: `protocol error: unknown command "SENDx" (F14)`},
		{name: "F14_lower_case", frame: frame("send", ""), err: `protocol error: unknown command "send" (F14)`},
		{name: "F14_injection", frame: frame("SEND\na:b", ""), err: `protocol error: unknown command "SEND\na:b" (F14)`},
		{name: "F14_empty", frame: wire.Frame{}, err: `protocol error: unknown command "" (F14)`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.e.AppendFrame([]byte("before"), c.frame)
			if text := errorText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if want := "before" + c.want; string(got) != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
			var p *wire.ProtocolError
			if err != nil && !errors.As(err, &p) {
				t.Errorf("an error of type %T", err)
			}
		})
	}
}

// The pieces write what AppendFrame writes.
func TestEncoder_pieces(t *testing.T) {
	for _, f := range []wire.Frame{message(0), message(3), withColons(300)} {
		e := wire.Encoder{}
		want, err := e.AppendFrame(nil, f)
		if err != nil {
			t.Fatal(err)
		}
		if got := appendPieces(t, e, nil, f); !bytes.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// A value that goes back as it came is not escaped in any version, and cannot inject a line.
func TestEncoder_M3_F13_AppendRaw(t *testing.T) {
	for _, c := range []struct{ value, want, err string }{
		{`s2ID:20-1\c2\\`, "ACK\nid:s2ID:20-1\\c2\\\\\n", ""},
		{"a\rb", "ACK\nid:a\rb\n", ""},
		{"a\nx:y", "ACK\n", `protocol error: header "id" of ACK: LF cannot be sent (it goes out as it came) (F13)`},
		{"a\x00", "ACK\n", `protocol error: header "id" of ACK: NUL cannot be sent (it goes out as it came) (F13)`},
		{"\xff", "ACK\n", `protocol error: header "id" of ACK is not valid UTF-8 (F10)`},
		{strings.Repeat("x", 30), "ACK\n", "header of 34 exceeds the limit of 32 bytes"},
	} {
		for _, version := range []wire.Version{wire.V10, wire.V11, wire.V12} {
			e := wire.Encoder{Version: version, Limits: wire.Limits{Header: 32}}
			got, err := e.AppendRaw([]byte("ACK\n"), "ACK", "id", c.value)
			if text := errorText(err); string(got) != c.want || text != c.err {
				t.Errorf("%q in %s: %q, error %q; want %q, error %q", c.value, version, got, text, c.want, c.err)
			}
		}
	}
}

func TestEncoder_AppendBody(t *testing.T) {
	for _, c := range []struct {
		name, command, body string
		contentLength       bool
		want, err           string
	}{
		{"F11_with_content_length", "SEND", "a\x00", true, "content-length:2\n\na\x00\x00", ""},
		{"F11_without_content_length", "SEND", "ab", false, "\nab\x00", ""},
		{"F11_empty", "SEND", "", true, "\n\x00", ""},
		{"F9_no_body_on_ACK", "ACK", "", true, "\n\x00", ""},
		{"F9_a_body_on_ACK", "ACK", "x", true, "", "protocol error: ACK cannot carry a body (F9)"},
		{"F4_NUL_without_content_length", "SEND", "a\x00", false, "", "protocol error: a body of SEND that holds a NUL needs a content-length (F4)"},
		{"F12_above_the_limit", "SEND", "12345", false, "", "body of 5 exceeds the limit of 4 bytes"},
		{"F12_at_the_limit", "SEND", "1234", false, "\n1234\x00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := wire.Encoder{Limits: wire.Limits{Body: 4}}
			got, err := e.AppendBody([]byte("before\n"), c.command, []byte(c.body), c.contentLength)
			if text := errorText(err); text != c.err {
				t.Errorf("error %q, want %q", text, c.err)
			}
			if want := "before\n" + c.want; string(got) != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// A refused entry leaves nothing behind, and its value stays out of the error.
func TestEncoder_F13_errors_hold_no_secret(t *testing.T) {
	for _, value := range []string{"hunter2\n", "hunter2\r", "hunter2\x00", "hunter2\xff"} {
		for _, name := range []string{"passcode", "authorization", "token"} {
			got, err := wire.Encoder{}.AppendEntry([]byte("CONNECT\n"), "CONNECT", name, value)
			if err == nil || strings.Contains(err.Error(), "hunter") || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: error %v", name, err)
			}
			if string(got) != "CONNECT\n" {
				t.Errorf("%s: got %q", name, got)
			}
		}
	}
}

func TestEncoder_allocations(t *testing.T) {
	for name, f := range map[string]wire.Frame{"plain": message(256), "escaped": withColons(256)} {
		e := wire.Encoder{Version: wire.V12}
		dst := encoded(t, wire.V12, f)
		t.Run(name, func(t *testing.T) {
			if got := testing.AllocsPerRun(100, func() {
				var err error
				if dst, err = e.AppendFrame(dst[:0], f); err != nil {
					t.Fatal(err)
				}
			}); got > 0 {
				t.Errorf("AppendFrame: %v allocations", got)
			}
			if got := testing.AllocsPerRun(100, func() { dst = appendPieces(t, e, dst[:0], f) }); got > 0 {
				t.Errorf("the pieces: %v allocations", got)
			}
		})
	}
}
