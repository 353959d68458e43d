package wire

import (
	"bytes"
	"unsafe"
)

const (
	// wholeEntries is how many entries readWhole takes. RabbitMQ writes six, ActiveMQ eight.
	wholeEntries = 24

	// sharedBody is up to which size a body shares an allocation with the text of its header. It bounds what a
	// receiver holds on to that keeps one of the two alone.
	sharedBody = 512
)

// span says where the name and the value of an entry are, behind the command line.
type span struct{ start, colon, end int32 }

// readWhole reads what nearly every frame is: one that lies in d.in from end to end, of version 1.1 or 1.2, and holds
// no escape, no CR and nothing that is wrong. It looks at each byte of the header as few times as it can. Of any
// other frame it reads nothing and returns false: the other functions of this package know what to make of it.
func (d *Decoder) readWhole(f *Frame) bool {
	if d.version != V11 && d.version != V12 {
		return false
	}
	in := d.in
	first := bytes.IndexByte(in, '\n')
	if first < 0 || first > maxCommandLine {
		return false
	}
	command := d.from.command(in[:first])
	if command == "" || handshake(command) || command == Error {
		return false
	}
	in = in[first+1:]

	var spans [wholeEntries]span
	n, length, end := 0, -1, 0
	for {
		line := in[end:]
		i := bytes.IndexByte(line, '\n')
		if i == 0 {
			break // the blank line
		}
		if i < 0 || n == len(spans) {
			return false
		}
		line = line[:i]
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			return false
		}
		if colon == len(contentLength) && length < 0 && string(line[:colon]) == contentLength {
			size, ok := parseDigits(line[colon+1:])
			if !ok || size > d.limits.Body {
				return false
			}
			length = int(size)
		}
		spans[n] = span{int32(end), int32(end + colon), int32(end + i)}
		n++
		end += i + 1
	}
	raw := in[:end]
	if first+1+end > d.limits.Header || n > d.limits.Entries ||
		bytes.IndexByte(raw, '\\') >= 0 || bytes.IndexByte(raw, '\r') >= 0 || bytes.IndexByte(raw, 0) >= 0 {
		return false
	}

	in = in[end+1:]
	if length < 0 {
		length = bytes.IndexByte(in, 0)
	}
	if length < 0 || length >= len(in) || in[length] != 0 || int64(length) > d.limits.Body || length > 0 && !hasBody(command) {
		return false
	}

	text, body := textAndBody(raw, in[:length])
	var entries [][2]string
	if n > 0 {
		entries = make([][2]string, n)
		for i := range entries {
			s := spans[i]
			entries[i] = [2]string{text[s.start:s.colon], text[s.colon+1 : s.end]}
		}
	}
	d.in = in[length+1:]
	*f = Frame{Command: command, Header: entries, Body: body}
	return true
}

// textAndBody copies the text of a header and a body, in one allocation where the body is small.
func textAndBody(raw, body []byte) (string, []byte) {
	if len(raw) == 0 || len(body) == 0 || len(body) > sharedBody {
		return string(raw), exact(body)
	}
	both := make([]byte, len(raw)+len(body))
	k := copy(both, raw)
	copy(both[k:], body)
	// Nobody can write to the text: the slice that is handed out begins behind it.
	return unsafe.String(&both[0], k), both[k:len(both):len(both)]
}
