package stomp_test

import (
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// F13, as a user meets it: whatever stands in a destination or header, the server reads that one entry, or the call
// is refused and nothing is written.
func TestSend_F13_header_injection(t *testing.T) {
	for name, c := range map[string]struct {
		connected   string
		name, value string
		wire        string // the entry on the wire; "": refused
		clause      string
	}{
		"1.2_LF_CR_colon_backslash": {"version:1.2", "x", "a\nb\rc:d\\e", `x:a\nb\rc\cd\\e`, ""},
		"1.2_in_a_name":             {"version:1.2", "x:\ny", "v", `x\c\ny:v`, ""},
		"1.2_NUL":                   {"version:1.2", "x", "a\x00b", "", "F13"},
		"1.2_no_UTF8":               {"version:1.2", "x", "\xff", "", "F10"},
		"1.1_LF_colon_backslash":    {"version:1.1", "x", "a\nb:c\\d", `x:a\nb\cc\\d`, ""},
		"1.1_CR":                    {"version:1.1", "x", "a\rb", "", "F13"},
		"1.1_CR_in_a_name":          {"version:1.1", "x\r", "value", "", "F13"},
		"1.0_colon_and_backslash":   {"version:1.0", "x", `a:b\c`, `x:a:b\c`, ""},
		"1.0_LF":                    {"version:1.0", "x", "a\nb", "", "F13"},
		"1.0_CR":                    {"version:1.0", "x", "a\rb", "", "F13"},
		"1.0_colon_in_a_name":       {"version:1.0", "x:y", "value", "", "F13"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.NewServer(t).Session(c.connected)
			err := client.Send(t.Context(), "/a", nil, stomp.WithHeader(c.name, c.value))
			if c.wire == "" {
				rig.ErrorClause(t, err, c.clause)
				rig.Unsent(t, err)
				rig.ErrorHides(t, err, c.value)
				rig.OK(t, client.Send(t.Context(), "/next", nil))
				if f := p.Raw(); !strings.HasPrefix(f, "SEND\ndestination:/next\n") {
					t.Errorf("the refused frame left %q on the wire", f)
				}
				return
			}
			rig.OK(t, err)
			if got, want := p.Raw(), "SEND\ndestination:/a\ncontent-type:text/plain\n"+c.wire+"\n\n"; got != want {
				t.Errorf("the frame is %q, want %q", got, want)
			}
		})
	}
}

func TestSend_F13_destinations_and_ids(t *testing.T) {
	p, client := rig.Session(t)
	const evil = "/a\nreceipt:x\n\n\x00"
	_, subscribeErr := client.Subscribe(t.Context(), evil)
	_, idErr := client.Subscribe(t.Context(), "/a", stomp.WithID("\x00"))
	for _, err := range []error{client.Send(t.Context(), evil, nil), subscribeErr, idErr} {
		rig.ErrorClause(t, err, "F13")
	}
	rig.OK(t, client.Send(t.Context(), "/a\nb", nil))
	if got, want := p.Raw(), "SEND\ndestination:/a\\nb\ncontent-type:text/plain\n\n"; got != want {
		t.Errorf("the frame is %q, want %q", got, want)
	}
	if n := client.Stats().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions are left of those that were refused", n)
	}
}
