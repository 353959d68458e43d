package stomp_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestFrame_accessors(t *testing.T) {
	f := stomp.NewFrame("MESSAGE", stomp.Header{{"destination", "/queue/a"}, {"message-id", "7"}, {"content-type", "text/plain"}, {"destination", "x"}}, []byte("body"))
	for name, c := range map[string]struct{ got, want string }{
		"Command": {f.Command, "MESSAGE"}, "Destination": {f.Destination(), "/queue/a"},
		"MessageID": {f.MessageID(), "7"}, "ContentType": {f.ContentType(), "text/plain"}, "Body": {string(f.Body), "body"},
	} {
		if c.got != c.want {
			t.Errorf("%s is %q, want %q", name, c.got, c.want)
		}
	}
	if f.Epoch != 0 {
		t.Errorf("Epoch is %d: nobody delivered it", f.Epoch)
	}
}

func TestFrame_AppendTo_F11_writes_the_true_content_length(t *testing.T) {
	f := stomp.NewFrame("SEND", stomp.Header{{"destination", "/queue/a:b"}, {"content-length", "99"}, {"note", "1\n2\r\\"}}, []byte("a\x00b"))
	got, err := f.AppendTo([]byte("before|"))
	rig.OK(t, err)
	want := "before|SEND\ndestination:/queue/a\\cb\nnote:1\\n2\\r\\\\\ncontent-length:3\n\na\x00b\x00"
	if string(got) != want {
		t.Errorf("AppendTo gives %q, want %q", got, want)
	}
}

func TestFrame_AppendTo_refuses(t *testing.T) {
	for name, c := range map[string]struct {
		f      stomp.Frame
		clause string
	}{
		"F14_unknown_command":  {stomp.NewFrame("PUBLISH", nil, nil), "F14"},
		"F9_body_on_SUBSCRIBE": {stomp.NewFrame("SUBSCRIBE", nil, []byte("x")), "F9"},
		"F13_NUL_in_a_value":   {stomp.NewFrame("SEND", stomp.Header{{"a", "b\x00"}}, nil), "F13"},
		"F13_CR_on_CONNECT":    {stomp.NewFrame("CONNECT", stomp.Header{{"passcode", "secret\r"}}, nil), "F13"},
		"F13_empty_name":       {stomp.NewFrame("SEND", stomp.Header{{"", "b"}}, nil), "F13"},
		"F10_not_UTF8":         {stomp.NewFrame("SEND", stomp.Header{{"a", "\xff"}}, nil), "F10"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.f.AppendTo([]byte("before"))
			rig.ErrorClause(t, err, c.clause)
			if string(got) != "before" {
				t.Errorf("dst came back as %q", got)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("the error holds a passcode: %v", err)
			}
		})
	}
	_, err := stomp.NewFrame("SEND", stomp.Header{{"a", strings.Repeat("x", 70_000)}}, nil).AppendTo(nil)
	rig.ErrorLimit(t, err, stomp.LimitError{What: "header", Limit: 64 << 10})
}

func TestParseFrame_takes_frames_of_both_sides(t *testing.T) {
	payload := []byte("\n\r\nMESSAGE\r\nsubscription:s1\r\nnote:a\\cb\\n\r\ncontent-length:3\r\n\r\na\x00b\x00\n")
	f, err := stomp.ParseFrame(payload)
	rig.OK(t, err)
	clear(payload) // the frame shares no memory with it
	want := stomp.Header{{"subscription", "s1"}, {"note", "a:b\n"}, {"content-length", "3"}}
	if f.Command != "MESSAGE" || !slices.Equal(f.Header, want) || string(f.Body) != "a\x00b" {
		t.Errorf("ParseFrame gives %q %q %q", f.Command, f.Header, f.Body)
	}
	if f, err = stomp.ParseFrame([]byte("SEND\ndestination:/queue/a\n\nhello\x00")); err != nil || f.Command != "SEND" || string(f.Body) != "hello" {
		t.Errorf("ParseFrame gives %v, %v", f, err)
	}
}

func TestParseFrame_refuses(t *testing.T) {
	for name, c := range map[string]struct{ payload, clause string }{
		"F4_nothing":               {"", "F4"},
		"F4_line_ends_only":        {"\n\n", "F4"},
		"F4_no_NUL":                {"SEND\ndestination:/a\n\nhello", "F4"},
		"F4_head_only":             {"SEND\ndest", "F4"},
		"F4_two_frames":            {"RECEIPT\nreceipt-id:1\n\n\x00RECEIPT\nreceipt-id:2\n\n\x00", "F4"},
		"F4_bytes_behind":          {"RECEIPT\nreceipt-id:1\n\n\x00X", "F4"},
		"F14_unknown_command":      {"HELLO\n\n\x00", "F14"},
		"F3_no_NUL_at_its_length":  {"SEND\ncontent-length:2\n\nhello\x00", "F3"},
		"F6_escape_that_is_none":   {"SEND\na:\\t\n\n\x00", "F6"},
		"F9_body_on_RECEIPT":       {"RECEIPT\nreceipt-id:1\n\nbody\x00", "F9"},
		"F2_header_without_colons": {"SEND\nnonsense\n\n\x00", "F2"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := stomp.ParseFrame([]byte(c.payload))
			rig.ErrorClause(t, err, c.clause)
			if f.Command != "" || f.Header != nil || f.Body != nil {
				t.Errorf("a frame came with the error: %v", f)
			}
		})
	}
	_, err := stomp.ParseFrame([]byte("SEND\ncontent-length:1000000000\n\n"))
	limit := rig.ErrorAs[stomp.LimitError](t, err)
	if limit.What != "body" || limit.Size != 1_000_000_000 {
		t.Errorf("F12: a body of 1 GB announced gives %v, want a *LimitError", err)
	}
}

func TestParseFrame_F7_CONNECT_is_not_unescaped(t *testing.T) {
	f, err := stomp.ParseFrame([]byte("CONNECT\npasscode:a\\nb:c\n\n\x00"))
	if err != nil || f.Header.Get("passcode") != `a\nb:c` {
		t.Errorf("passcode is %q, %v", f.Header.Get("passcode"), err)
	}
}

// The faults of webstompy, the library's ancestor, in frames.
func TestFrame_webstompys_faults(t *testing.T) {
	for name, c := range map[string]struct {
		value string
		body  string
	}{
		"no_line_feed_is_added_to_a_body": {"v", "hello"},
		"a_header_splits_at_one_colon":    {"a:b:c::d", "x"},
		"a_body_survives_CR_FF_and_VT":    {"v", "1\r2\f3\v4\r\n5\n"},
		"a_value_with_every_escape":       {"a:b\\c\nd\re", "x"},
		"blanks_are_kept":                 {"  padded\t", " x "},
		"an_empty_body_stays_empty":       {"v", ""},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := stomp.NewFrame("MESSAGE", stomp.Header{{"name", c.value}}, []byte(c.body)).AppendTo(nil)
			rig.OK(t, err)
			back, err := stomp.ParseFrame(payload)
			rig.OK(t, err)
			if got := back.Header.Get("name"); got != c.value {
				t.Errorf("the value came back as %q, want %q", got, c.value)
			}
			if string(back.Body) != c.body {
				t.Errorf("the body came back as %q, want %q", back.Body, c.body)
			}
		})
	}
}

func TestFrame_String(t *testing.T) {
	for name, c := range map[string]struct {
		f    stomp.Frame
		want string
	}{
		"command_alone":        {stomp.NewFrame("DISCONNECT", nil, nil), "DISCONNECT"},
		"header_and_body":      {stomp.NewFrame("SEND", stomp.Header{{"destination", "/a"}, {"note", "two words"}, {"b", "\n"}}, []byte("x\ny")), `SEND destination:/a note:"two words" b:"\n" "x\ny" (3 bytes)`},
		"command_of_others":    {stomp.NewFrame("A\x1b[2J", nil, nil), `"A\x1b[2J"`},
		"no_UTF-8":             {stomp.NewFrame("MESSAGE", stomp.Header{{"a\x9b2J", "\x9b2J"}}, []byte("\x9b2J")), `MESSAGE "a\x9b2J":"\x9b2J" "\x9b2J" (3 bytes)`},
		"passcode_redacted":    {stomp.NewFrame("CONNECT", stomp.Header{{"login", "u"}, {"passcode", "secret"}, {"PassCode", "secret"}}, nil), "CONNECT login:u passcode:[redacted] PassCode:[redacted]"},
		"authorization_hidden": {stomp.NewFrame("CONNECT", stomp.Header{{"Authorization", "Bearer secret"}, {"authorization", "secret"}}, nil), "CONNECT Authorization:[redacted] authorization:[redacted]"},
		"long_body_is_cut":     {stomp.NewFrame("MESSAGE", nil, bytes.Repeat([]byte("x"), 1000)), `MESSAGE "` + strings.Repeat("x", 64) + `"… (1000 bytes)`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.f.String(); got != c.want {
				t.Errorf("String is %s, want %s", got, c.want)
			}
			if got := fmt.Sprint(c.f); strings.Contains(got, "secret") || strings.Contains(got, "\n") {
				t.Errorf("printed: %s", got)
			}
		})
	}
}

func TestFrame_LogValue(t *testing.T) {
	f := stomp.NewFrame("CONNECT", stomp.Header{{"login", "u"}, {"passcode", "secret"}, {"Authorization", "Bearer secret"}}, nil)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			slog.New(handler(&b)).Info("sent", "frame", f)
			if got := b.String(); strings.Contains(got, "secret") || strings.Count(got, "[redacted]") != 2 || !strings.Contains(got, "CONNECT") {
				t.Errorf("the log says %s", got)
			}
		})
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("sent", "frame", stomp.NewFrame("SEND", stomp.Header{{"destination", "/a"}}, bytes.Repeat([]byte("x"), 100)))
	if want := `frame.command=SEND frame.header.destination=/a frame.bytes=100 frame.body=` + strings.Repeat("x", 64) + "\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("the log says %q, want at its end %q", b.String(), want)
	}
}
