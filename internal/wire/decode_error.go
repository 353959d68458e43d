package wire

import "bytes"

// An ERROR is the only frame whose faults are overlooked where its end can be found all the same: what the server has
// to say is worth more than how it says it (F2, F3, F6).

// lenientHead takes the header lines of an ERROR apart. A line that is no entry continues the value before it: the
// server has put a line feed into a value as it was. With no entry before, it is the message. An escape that is none
// stays.
func lenientHead(raw []byte, crlf bool, version Version) (entries [][2]string) {
	var values [][2][]byte
	for line := range bytes.Lines(raw) {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		if crlf {
			line = bytes.TrimSuffix(line, []byte{'\r'})
		}
		name, value, found := bytes.Cut(line, []byte{':'})
		if version == V10 {
			start, end := trim(name, 0, len(name))
			name = name[start:end]
		}
		switch last := len(values) - 1; {
		case found && len(name) > 0:
			values = append(values, [2][]byte{name, bytes.Clone(value)})
		case last >= 0:
			values[last][1] = append(append(values[last][1], '\n'), line...)
		default:
			values = append(values, [2][]byte{[]byte("message"), bytes.Clone(line)})
		}
	}
	for _, v := range values {
		start, end := 0, len(v[1])
		if version == V10 {
			start, end = trim(v[1], start, end)
		}
		name, value := string(v[0]), string(v[1][start:end])
		if version == V11 || version == V12 {
			name, value = unescapeLeniently(name, version), unescapeLeniently(value, version)
		}
		entries = append(entries, [2]string{name, value})
	}
	return entries
}

// Unfinished returns, as far as it has come, the frame that has begun and not ended, or the ERROR at which Next
// failed: what the server was saying. Its header is read as an ERROR's. false: there is none, or its command has not
// come. The decoder cannot be used after it.
func (d *Decoder) Unfinished() (f Frame, ok bool) {
	switch {
	case d.failed != nil:
		f = *d.failed
	case d.err == nil && d.state != between:
		f = d.soFar()
	}
	return f, f.Command != ""
}

// soFar returns what has come of the frame under way. Beyond what was gathered it has the start of what was fed.
func (d *Decoder) soFar() Frame {
	if d.state != inHead {
		rest := d.in[:min(len(d.in), max(0, int(d.limits.Body)-len(d.body)), keptHead)]
		rest, _, _ = bytes.Cut(rest, []byte{0})
		return Frame{Command: d.command, Header: d.entries, Body: append(d.body, rest...)}
	}
	head := d.head
	if len(head) == 0 {
		head = d.in
	}
	head = head[:min(len(head), d.limits.Header)]
	if end := bytes.IndexByte(head, 0); end >= 0 {
		head = head[:end]
	}
	if d.lines == 0 {
		return Frame{} // command is that of the frame before
	}
	_, raw, _ := bytes.Cut(head, []byte{'\n'})
	if last := raw[bytes.LastIndexByte(raw, '\n')+1:]; len(raw) > len(last) && bytes.IndexByte(last, ':') < 0 {
		raw = raw[:len(raw)-len(last)] // the start of a name
	}
	return Frame{Command: d.command, Header: lenientHead(raw, d.crlf, d.version)}
}
