package command

import (
	"bytes"
	"encoding/json"
	"io"
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

// writeJSON writes a value on a line of its own.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // < and > are for shells to see, not for web pages
	return e.Encode(v)
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
		if err := writeJSON(&b, e[0]); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := writeJSON(&b, e[1]); err != nil {
			return nil, err
		}
	}
	return append(append([]byte{'{'}, b.Bytes()...), '}'), nil
}
