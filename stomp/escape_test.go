package stomp_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// F13, as a user meets it: whatever stands in a destination or header, the server reads that one entry, or the call is
// refused and nothing is written.
func TestSend_F13_header_injection(t *testing.T) {
	for name, c := range map[string]struct {
		connected   string
		name, value string
		wire        string // the entry on the wire; "": refused
		clause      string
	}{
		"1.2_LF_CR_colon_backslash": {connected12, "x", "a\nb\rc:d\\e", `x:a\nb\rc\cd\\e`, ""},
		"1.2_in_a_name":             {connected12, "x:\ny", "v", `x\c\ny:v`, ""},
		"1.2_NUL":                   {connected12, "x", "a\x00b", "", "F13"},
		"1.2_no_UTF8":               {connected12, "x", "\xff", "", "F10"},
		"1.1_LF_colon_backslash":    {connected11, "x", "a\nb:c\\d", `x:a\nb\cc\\d`, ""},
		"1.1_CR":                    {connected11, "x", "a\rb", "", "F13"},
		"1.1_CR_in_a_name":          {connected11, "x\r", "value", "", "F13"},
		"1.0_colon_and_backslash":   {connected10, "x", `a:b\c`, `x:a:b\c`, ""},
		"1.0_LF":                    {connected10, "x", "a\nb", "", "F13"},
		"1.0_CR":                    {connected10, "x", "a\rb", "", "F13"},
		"1.0_colon_in_a_name":       {connected10, "x:y", "value", "", "F13"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := streamSession(t, c.connected)
			err := client.Send(t.Context(), "/a", nil, stomp.WithHeader(c.name, c.value))
			if c.wire == "" {
				var protocol *stomp.ProtocolError
				if !errors.As(err, &protocol) || protocol.Clause != c.clause || !stomp.Unsent(err) {
					t.Errorf("the error is %v, want a *ProtocolError of %s", err, c.clause)
				}
				if strings.Contains(err.Error(), c.value) {
					t.Errorf("the error repeats the value: %v", err)
				}
				if err := client.Send(t.Context(), "/next", nil); err != nil {
					t.Fatal(err)
				}
				if f := p.read(); !strings.HasPrefix(f, "SEND\ndestination:/next\n") {
					t.Errorf("the refused frame left %q on the wire", f)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, want := p.read(), "SEND\ndestination:/a\ncontent-type:text/plain\n"+c.wire+"\n\n"; got != want {
				t.Errorf("the frame is %q, want %q", got, want)
			}
		})
	}
	t.Run("destinations_and_ids", func(t *testing.T) {
		p, client := streamSession(t, connected12)
		const evil = "/a\nreceipt:x\n\n\x00"
		_, subscribeErr := client.Subscribe(t.Context(), evil)
		_, idErr := client.Subscribe(t.Context(), "/a", stomp.WithID("\x00"))
		for what, err := range map[string]error{"Send": client.Send(t.Context(), evil, nil), "Subscribe": subscribeErr, "WithID": idErr} {
			var protocol *stomp.ProtocolError
			if !errors.As(err, &protocol) || protocol.Clause != "F13" {
				t.Errorf("%s: the error is %v, want a *ProtocolError of F13", what, err)
			}
		}
		if err := client.Send(t.Context(), "/a\nb", nil); err != nil {
			t.Fatal(err)
		}
		if got, want := p.read(), "SEND\ndestination:/a\\nb\ncontent-type:text/plain\n\n"; got != want {
			t.Errorf("the frame is %q, want %q", got, want)
		}
		if n := client.Stats().Subscriptions; n != 0 {
			t.Errorf("%d subscriptions are left of those that were refused", n)
		}
	})
}
