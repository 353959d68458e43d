package command

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/webstomp/webstomp/stomp"
)

// record is a message as one line of JSON. Of its two bodies it has one: Text where that is UTF-8.
type record struct {
	Destination string  `json:"destination"`
	Session     uint64  `json:"session"`
	Header      entries `json:"header"`
	Text        *string `json:"body,omitempty"`
	Bytes       []byte  `json:"body_base64,omitempty"`
}

func writeRecord(w io.Writer, f stomp.Frame) error {
	r := record{Destination: f.Destination(), Session: f.Epoch, Header: entries(f.Header)}
	if utf8.Valid(f.Body) {
		text := string(f.Body)
		r.Text = &text
	} else {
		r.Bytes = f.Body
	}
	return writeJSON(w, r)
}

// writeJSON writes a value on a line of its own, which does nothing to a terminal.
func writeJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	if err := encode(&b, v); err != nil {
		return err
	}
	_, err := w.Write(escapeHidden(b.Bytes()))
	return err
}

// encode is json.Marshal with < and > as they are: they are for shells to see, not for web pages.
func encode(b *bytes.Buffer, v any) error {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// escapeHidden returns JSON with an escape for each character that a terminal would not show, or take for a command
// (U+009B is an escape sequence's beginning). encoding/json leaves those above U+001F as they are.
func escapeHidden(text []byte) []byte {
	if !bytes.ContainsFunc(text, isHidden) {
		return text
	}
	var out []byte
	for _, r := range string(text) {
		switch {
		case !isHidden(r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}

// entries is a header as an object, its names in wire order. Of a repeated name the first entry counts (clause F8), and
// the others are left out: jq takes .header["message-id"].
type entries stomp.Header

func (h entries) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	seen := make(map[string]bool, len(h))
	for _, e := range h {
		if seen[e[0]] {
			continue
		}
		if len(seen) > 0 {
			b.WriteByte(',')
		}
		seen[e[0]] = true
		if err := encode(&b, e[0]); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encode(&b, e[1]); err != nil {
			return nil, err
		}
	}
	return append(append([]byte{'{'}, b.Bytes()...), '}'), nil
}
