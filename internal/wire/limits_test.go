package wire_test

import (
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestLimits_F12_WithDefaults(t *testing.T) {
	for _, c := range []struct{ in, want wire.Limits }{
		{wire.Limits{}, wire.Limits{Body: 64 << 20, Header: 64 << 10, Entries: 1000}},
		{wire.Limits{Body: -1, Header: -1, Entries: -1}, wire.Limits{Body: 64 << 20, Header: 64 << 10, Entries: 1000}},
		{wire.Limits{Body: 1, Header: 2, Entries: 3}, wire.Limits{Body: 1, Header: 2, Entries: 3}},
		{wire.Limits{Body: 1 << 20}, wire.Limits{Body: 1 << 20, Header: 64 << 10, Entries: 1000}},
		{
			wire.Limits{Body: math.MaxInt64, Header: math.MaxInt, Entries: math.MaxInt},
			wire.Limits{Body: math.MaxInt / 2, Header: math.MaxInt / 2, Entries: math.MaxInt / 2},
		},
	} {
		if got := c.in.WithDefaults(); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.in, got, c.want)
		}
	}
}

func TestLimits_F12_CheckHeader(t *testing.T) {
	l := wire.Limits{Header: 10, Entries: 2}
	for _, c := range []struct {
		bytes, entries int
		want           error
	}{
		{10, 2, nil},
		{11, 2, &wire.LimitError{What: "header", Limit: 10, Size: 11}},
		{10, 3, &wire.LimitError{What: "header entries", Limit: 2, Size: 3}},
	} {
		if got := l.CheckHeader(c.bytes, c.entries); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%d bytes, %d entries: got %v, want %v", c.bytes, c.entries, got, c.want)
		}
	}
	if err := (wire.Limits{}).CheckHeader(64<<10, 1000); err != nil {
		t.Errorf("at the defaults: %v", err)
	}
}

// What is exactly at a limit passes, one more does not.
func TestLimits_F12_decode(t *testing.T) {
	limits := func(l wire.Limits) wire.DecoderConfig { return wire.DecoderConfig{Limits: l} }
	nine := "MESSAGE\na:1\nb:\n\n\x00" // 15 bytes of header, without the blank line
	short := frame("MESSAGE", "", "a", "1", "b", "")
	runAll(t, []decodeCase{
		{name: "F12_header_below", version: wire.V12, cfg: limits(wire.Limits{Header: 16}), messages: one(nine), frames: one(short)},
		{name: "F12_header_at", version: wire.V12, cfg: limits(wire.Limits{Header: 15}), messages: one(nine), frames: one(short)},
		{name: "F12_header_above", version: wire.V12, cfg: limits(wire.Limits{Header: 14}), messages: one(nine), err: "header of 15 exceeds the limit of 14 bytes"},
		{
			name: "F12_header_at_with_CR_LF", version: wire.V12, cfg: limits(wire.Limits{Header: 14}),
			messages: one("MESSAGE\r\na:1\r\n\r\n\x00"), frames: one(frame("MESSAGE", "", "a", "1")),
		}, {
			name: "F12_header_above_with_CR_LF", version: wire.V12, cfg: limits(wire.Limits{Header: 13}),
			messages: one("MESSAGE\r\na:1\r\n\r\n\x00"), err: "header of 14 exceeds the limit of 13 bytes",
		}, {
			name: "F12_a_CR_behind_the_limit_that_starts_no_blank_line", version: wire.V12, cfg: limits(wire.Limits{Header: 14}),
			messages: one("MESSAGE\r\na:1\r\n\rb:2\n\n\x00"), err: "header of 15 exceeds the limit of 14 bytes",
		}, {
			name: "F12_command_above", version: wire.V12, cfg: limits(wire.Limits{Header: 5}),
			messages: one("MESSAGE\n\n\x00"), err: "header of 6 exceeds the limit of 5 bytes",
		}, {
			name: "F12_command_line_above_by_its_LF", version: wire.V12, cfg: limits(wire.Limits{Header: 7}),
			messages: one("MESSAGE\n\n\x00"), err: "header of 8 exceeds the limit of 7 bytes",
		}, {
			name: "F12_command_line_at", version: wire.V12, cfg: limits(wire.Limits{Header: 8}),
			messages: one("MESSAGE\n\n\x00"), frames: one(wire.Frame{Command: "MESSAGE"}),
		}, {
			name: "F12_limit_longer_than_any_command", version: wire.V12, cfg: limits(wire.Limits{Header: 12}),
			messages: one("MESSAGEMESSAGE\n\n\x00"), err: `protocol error: unknown command "MESSAGEMESSA" from the server (F14)`,
		},
		{name: "F12_entries_at", version: wire.V12, cfg: limits(wire.Limits{Entries: 2}), messages: one(nine), frames: one(short)},
		{name: "F12_entries_above", version: wire.V12, cfg: limits(wire.Limits{Entries: 1}), messages: one(nine), err: "header entries of 2 exceeds the limit of 1"},
		{
			name: "F12_entries_and_header_above", version: wire.V12, cfg: limits(wire.Limits{Header: 14, Entries: 1}),
			messages: one(nine), err: "header of 15 exceeds the limit of 14 bytes",
		}, {
			name: "F12_body_at", version: wire.V12, cfg: limits(wire.Limits{Body: 3}),
			messages: one("MESSAGE\n\nabc\x00"), frames: one(frame("MESSAGE", "abc")),
		}, {
			name: "F12_body_above", version: wire.V12, cfg: limits(wire.Limits{Body: 3}),
			messages: one("MESSAGE\n\nabcd\x00"), err: "body of 4 exceeds the limit of 3 bytes",
		}, {
			name: "F12_content_length_at", version: wire.V12, cfg: limits(wire.Limits{Body: 3}),
			messages: one("MESSAGE\ncontent-length:3\n\nabc\x00"), frames: one(frame("MESSAGE", "abc", "content-length", "3")),
		}, {
			name: "F12_content_length_above_is_refused_at_once", version: wire.V12, cfg: limits(wire.Limits{Body: 3}),
			messages: one("MESSAGE\ncontent-length:1234567890123\n\n"), err: "body of 1234567890123 exceeds the limit of 3 bytes",
		}, {
			name: "F12_huge_limits", version: wire.V12, cfg: limits(wire.Limits{Body: math.MaxInt64, Header: math.MaxInt, Entries: math.MaxInt}),
			messages: one("MESSAGE\ncontent-length:536870912\n\nabc"), partial: true,
		},
	})
}

func TestLimits_F12_encode(t *testing.T) {
	f := frame("SEND", "0123456789", "destination", "/q", "a", "b:c")
	size := len("SEND\ndestination:/q\na:b\\cc\ncontent-length:10\n")
	for _, c := range []struct {
		name   string
		limits wire.Limits
		want   error
	}{
		{"all_at", wire.Limits{Body: 10, Header: size, Entries: 3}, nil},
		{"body_above", wire.Limits{Body: 9}, &wire.LimitError{What: "body", Limit: 9, Size: 10}},
		{"header_above", wire.Limits{Header: size - 1}, &wire.LimitError{What: "header", Limit: int64(size - 1), Size: int64(size)}},
		{"entry_above", wire.Limits{Header: 14}, &wire.LimitError{What: "header", Limit: 14, Size: 15}},
		{"entries_above", wire.Limits{Entries: 2}, &wire.LimitError{What: "header entries", Limit: 2, Size: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := wire.Encoder{Limits: c.limits}.AppendFrame([]byte("x"), f)
			if !reflect.DeepEqual(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if err != nil && string(got) != "x" {
				t.Errorf("left behind: %q", got)
			}
		})
	}
	t.Run("escapes_count", func(t *testing.T) {
		got, err := wire.Encoder{Limits: wire.Limits{Header: 10}}.AppendEntry([]byte("x"), "SEND", "a", ":::::")
		if want := error(&wire.LimitError{What: "header", Limit: 10, Size: 13}); !reflect.DeepEqual(err, want) || string(got) != "x" {
			t.Errorf("%q, %v", got, err)
		}
	})
	t.Run("too_long_is_not_copied_first", func(t *testing.T) {
		value := strings.Repeat("v", 8<<20)
		if got := allocated(func() {
			var l *wire.LimitError
			if _, err := (wire.Encoder{}).AppendEntry(nil, "SEND", "a", value); !errors.As(err, &l) {
				t.Errorf("error %v", err)
			}
		}); got > 64<<10 {
			t.Errorf("%d bytes allocated", got)
		}
	})
}
