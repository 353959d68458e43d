package wire

import (
	"bytes"
	"math"
	"strings"
)

// readHead reads up to the blank line and reports whether it got there. A head that lies in one piece is read where
// it lies; else it is gathered in d.head, line by line, and never beyond Limits.Header.
func (d *Decoder) readHead() (bool, error) {
	if len(d.head) == 0 {
		done, err := d.scanHead(d.in)
		if err != nil {
			return false, err
		}
		if !done {
			d.head = append(d.head, d.in...)
			return false, nil
		}
		err = d.parseHead(d.in[:d.line])
		d.in = d.in[d.seen:]
		return err == nil, err
	}
	for len(d.in) > 0 {
		n := bytes.IndexByte(d.in, '\n') + 1
		if n == 0 {
			n = len(d.in)
		}
		// Nothing is copied but what will be judged: a line that is too long is refused by its first bytes.
		n = min(n, d.limits.Header+len("\r\n")+1-len(d.head))
		d.head = append(d.head, d.in[:n]...)
		d.in = d.in[n:]
		done, err := d.scanHead(d.head)
		if err != nil {
			return false, err
		}
		if done {
			err = d.parseHead(d.head[:d.line])
			d.head = d.head[:0]
			if cap(d.head) > keptHead {
				d.head = nil
			}
			return err == nil, err
		}
	}
	return false, nil
}

// scanHead looks for the blank line in head, which holds all that has come of the frame, and checks what can be told
// before it is there: the command and the limits. It goes on where it stopped the last time.
//
// What it finds wrong depends on the bytes alone and not on how they were cut: the first byte that is wrong decides.
// That is why a NUL is looked for up to that byte only.
func (d *Decoder) scanHead(head []byte) (done bool, err error) {
	from := d.seen
	for d.seen < len(head) {
		end, complete := len(head), false
		if i := bytes.IndexByte(head[d.seen:], '\n'); i >= 0 {
			end, complete = d.seen+i+1, true
		}
		line := head[d.line:end]
		d.seen = end
		if d.lines > 0 && d.mayBeBlank(line) {
			done = complete
			break // the blank line, or a CR that waits for its LF
		}
		if d.lines == 0 || end > d.limits.Header || d.lines > d.limits.Entries {
			var wrong int
			if wrong, err = d.checkLine(head[:end], line, complete); err != nil {
				d.seen = wrong + 1
				break
			}
		}
		if complete {
			d.line = end
			d.lines++
		}
	}
	if bytes.IndexByte(head[from:d.seen], 0) >= 0 {
		// The blank line is missing, most likely: the next frames would be taken for values of this one.
		return false, protocolErrorf("F1", "a NUL in the header: no blank line ended it")
	}
	return done, err
}

// mayBeBlank reports whether line, with or without its EOL, is the blank line or can still become it.
func (d *Decoder) mayBeBlank(line []byte) bool {
	return line[0] == '\n' || d.crlf && line[0] == '\r' && (len(line) == 1 || line[1] == '\n')
}

// checkLine checks the first line, or one that breaks a limit; it ends head and may be incomplete. With an error it
// returns which byte of head is the first wrong one.
func (d *Decoder) checkLine(head, line []byte, complete bool) (wrong int, err error) {
	limit, last := d.limits.Header, len(head)-1
	if d.lines > 0 {
		if last >= limit {
			return limit, d.headerLimit()
		}
		if !complete {
			return 0, nil // one entry too many as soon as it ends
		}
		most := int64(d.limits.Entries)
		return last, &LimitError{What: whatEntries, Limit: most, Size: most + 1}
	}
	name := bytes.TrimSuffix(line, []byte{'\n'})
	switch {
	case len(name) > maxCommandLine && maxCommandLine <= limit:
		return maxCommandLine, d.unknownCommand(name[:maxCommandLine])
	case last >= limit:
		return limit, d.headerLimit()
	case complete && !d.setCommand(name):
		return last, d.unknownCommand(name)
	}
	return 0, nil
}

func (d *Decoder) headerLimit() error {
	limit := int64(d.limits.Header)
	return &LimitError{What: whatHeader, Limit: limit, Size: limit + 1}
}

// setCommand takes the command line and settles which EOLs the frame may have: CR LF is STOMP 1.2, and the frames
// that settle the version may have it in any (F1). It reports whether the command is known.
func (d *Decoder) setCommand(line []byte) bool {
	name := bytes.TrimSuffix(line, []byte{'\r'})
	d.command = d.from.command(name)
	d.crlf = d.version != V10 && d.version != V11 || handshake(d.command)
	return d.command != "" && (d.crlf || len(name) == len(line))
}

func (d *Decoder) unknownCommand(name []byte) error {
	who := "a peer"
	switch d.from {
	case FromServer:
		who = "the server"
	case FromClient:
		who = "the client"
	}
	return protocolErrorf("F14", "unknown command %s from %s", quote(string(name)), who)
}

// parseHead takes the complete command and header lines apart. It allocates the entries and one string, which holds
// all their text, as it came and without its escapes.
func (d *Decoder) parseHead(head []byte) error {
	raw := head[bytes.IndexByte(head, '\n')+1:]
	if d.command == Error {
		d.entries = lenientHead(raw, d.crlf, d.version)
		return d.setLength()
	}
	var entries [][2]string
	if d.lines > 1 {
		entries = make([][2]string, d.lines-1)
	}
	unescaped := 0 // how many bytes, at most, become of the names and values that hold an escape
	if (d.version == V11 || d.version == V12) && !handshake(d.command) {
		unescaped = roomToUnescape(raw)
	}
	var b strings.Builder
	b.Grow(len(raw) + unescaped) // so that it never moves
	b.Write(raw)
	text := b.String() // raw; what is unescaped comes behind it
	if unescaped > 0 {
		d.raw = text
	}
	start := 0
	for i := range entries {
		end := start + bytes.IndexByte(raw[start:], '\n')
		next := end + 1
		if d.crlf && end > start && raw[end-1] == '\r' {
			end--
		}
		colon := start + bytes.IndexByte(raw[start:end], ':')
		if colon < start {
			return protocolErrorf("F2", "header line %d of %s has no colon", i+1, d.command)
		}
		nameStart, nameEnd, valueStart, valueEnd := start, colon, colon+1, end
		if d.version == V10 {
			nameStart, nameEnd = trim(raw, nameStart, nameEnd)
			valueStart, valueEnd = trim(raw, valueStart, valueEnd)
		}
		if nameStart == nameEnd {
			return protocolErrorf("F2", "header line %d of %s has an empty name", i+1, d.command)
		}
		if unescaped == 0 {
			entries[i] = [2]string{text[nameStart:nameEnd], text[valueStart:valueEnd]}
		} else {
			name, wrong := unescape(&b, text[nameStart:nameEnd], d.version)
			if wrong != "" {
				return protocolErrorf("F6", "the name in header line %d of %s: %s", i+1, d.command, wrong)
			}
			value, wrong := unescape(&b, text[valueStart:valueEnd], d.version)
			if wrong != "" {
				return protocolErrorf("F6", "header %s of %s: %s", quote(name), d.command, wrong)
			}
			entries[i] = [2]string{name, value}
		}
		start = next
	}
	d.entries = entries
	return d.setLength()
}

// trim moves the bounds of a piece of raw past the blanks around it.
func trim(raw []byte, start, end int) (int, int) {
	for start < end && isBlank(raw[start]) {
		start++
	}
	for start < end && isBlank(raw[end-1]) {
		end--
	}
	return start, end
}

// setLength reads content-length and settles how the body is read (F3, F4, F9). Nothing is reserved for it.
func (d *Decoder) setLength() error {
	d.state, d.length = inOpen, -1
	value, ok := Lookup(d.entries, contentLength)
	if !ok {
		return nil
	}
	n, ok := parseDigits(value)
	if !ok && d.command == Error {
		return nil
	}
	if !ok {
		return protocolErrorf("F3", "content-length of %s is not a number of bytes", d.command)
	}
	if n > 0 && !hasBody(d.command) {
		return protocolErrorf("F9", "%s announces a body of %d bytes and cannot carry one", d.command, n)
	}
	if err := d.limits.checkBody(n); err != nil {
		return err
	}
	d.state, d.length = inCounted, int(n) // fits: the limit does
	return nil
}

// parseDigits reads digits, and nothing but digits, as an int64.
func parseDigits[T string | []byte](s T) (n int64, ok bool) {
	for i := 0; i < len(s); i++ {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 || n > (math.MaxInt64-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, len(s) > 0
}
