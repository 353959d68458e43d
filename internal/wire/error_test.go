package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/webstomp/webstomp/internal/wire"
)

func TestErrors_say_what_is_wrong(t *testing.T) {
	protocol := &wire.ProtocolError{Reason: "no NUL", Clause: "F3"}
	body := &wire.LimitError{What: "body", Limit: 3, Size: 4}
	entries := &wire.LimitError{What: "header entries", Limit: 1000, Size: 1001}
	for _, c := range []struct {
		err  error
		text string
	}{
		{protocol, "protocol error: no NUL (F3)"},
		{body, "body of 4 exceeds the limit of 3 bytes"},
		{entries, "header entries of 1001 exceeds the limit of 1000"},
	} {
		if c.err.Error() != c.text {
			t.Errorf("got %q, want %q", c.err, c.text)
		}
	}
	wrapped := fmt.Errorf("read: %w", protocol)
	var p *wire.ProtocolError
	if !errors.As(wrapped, &p) || p.Clause != "F3" {
		t.Errorf("not found in %v", wrapped)
	}
	var l *wire.LimitError
	if errors.As(wrapped, &l) || !errors.As(fmt.Errorf("read: %w", body), &l) || l.Size != 4 {
		t.Errorf("another than %v", body)
	}
}
