package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// Classes of bytes that a header cannot hold as they are, or that need a closer look. A string's class is the union
// of its bytes' classes: 0 means that it goes out as it is, in any version.
const (
	classNUL uint8 = 1 << iota
	classLF
	classCR
	classColon
	classBackslash
	classHigh // above ASCII: has to be valid UTF-8
)

// classes holds the class of each byte.
var classes = func() (t [256]uint8) {
	t[0] = classNUL
	t['\n'] = classLF
	t['\r'] = classCR
	t[':'] = classColon
	t['\\'] = classBackslash
	for c := 0x80; c < len(t); c++ {
		t[c] = classHigh
	}
	return t
}()

// classOf returns the class of s.
func classOf(s string) (class uint8) {
	for i := 0; i < len(s); i++ {
		class |= classes[s[i]]
	}
	return class
}

// rules say what becomes of the special bytes of a header entry when it is written (F6, F7, F13).
type rules struct {
	refusedInName  uint8  // classes that cannot be sent in a name
	refusedInValue uint8  // classes that cannot be sent in a value
	escaped        uint8  // classes that are sent as an escape
	why            string // why something is refused, for the error's text
}

var (
	// rulesHandshake are those of CONNECT, STOMP and CONNECTED.
	rulesHandshake = rules{
		refusedInName:  classNUL | classLF | classCR | classColon,
		refusedInValue: classNUL | classLF | classCR,
		why:            "nothing is escaped there",
	}
	rules10 = rules{
		refusedInName:  classNUL | classLF | classCR | classColon,
		refusedInValue: classNUL | classLF | classCR,
		why:            "STOMP 1.0 has no escapes",
	}
	rules11 = rules{
		refusedInName:  classNUL | classCR,
		refusedInValue: classNUL | classCR,
		escaped:        classLF | classColon | classBackslash,
		why:            "STOMP 1.1 has no escape for it",
	}
	rules12 = rules{
		refusedInName:  classNUL,
		refusedInValue: classNUL,
		escaped:        classLF | classCR | classColon | classBackslash,
		why:            "STOMP has no escape for it",
	}
	// rulesRaw are those of a value that goes back as it came, under a name of our own.
	rulesRaw = rules{
		refusedInName:  classNUL | classLF | classCR | classColon | classBackslash,
		refusedInValue: classNUL | classLF,
		why:            "it goes out as it came",
	}
)

// nameOf names the first refused class, for an error's text.
func nameOf(class uint8) string {
	switch {
	case class&classNUL != 0:
		return "NUL"
	case class&classLF != 0:
		return "LF"
	case class&classCR != 0:
		return "CR"
	default:
		return "a colon"
	}
}

// appendEscaped appends s with all four escapes. CR in a version that does not escape it was refused before.
func appendEscaped(dst []byte, s string) []byte {
	plain := 0 // s[plain:i] needs no escape and is not yet appended
	for i := 0; i < len(s); i++ {
		var escape byte
		switch s[i] {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case ':':
			escape = 'c'
		default:
			continue
		}
		dst = append(dst, s[plain:i]...)
		dst = append(dst, '\\', escape)
		plain = i + 1
	}
	return append(dst, s[plain:]...)
}

// roomToUnescape returns how much room is enough for the names and values of these header lines that hold an escape,
// without it; 0 if none does.
func roomToUnescape(raw []byte) (room int) {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return room
		}
		start := bytes.LastIndexByte(raw[:i], '\n') + 1
		end := i + bytes.IndexByte(raw[i:], '\n') + 1
		room += end - start
		raw = raw[end:]
	}
}

// unescape returns s without its escapes: s itself where there is none, else what it adds to b, which must have room
// for it: what was returned before must not move. At an escape that the version does not have it returns what is
// wrong instead.
func unescape(b *strings.Builder, s string, version Version) (text, wrong string) {
	start := b.Len()
	for {
		i := strings.IndexByte(s, '\\')
		switch {
		case i < 0 && b.Len() == start:
			return s, ""
		case i < 0:
			b.WriteString(s)
			return b.String()[start:], ""
		case i+1 == len(s):
			return "", "a backslash at its end"
		}
		b.WriteString(s[:i])
		c := s[i+1]
		s = s[i+2:]
		switch {
		case c == '\\':
			b.WriteByte('\\')
		case c == 'n':
			b.WriteByte('\n')
		case c == 'c':
			b.WriteByte(':')
		case c == 'r' && version != V11:
			b.WriteByte('\r')
		default:
			return "", fmt.Sprintf("a backslash and %q are no escape of STOMP %s", []byte{c}, version)
		}
	}
}

// unescapeLeniently returns raw without its escapes. What is none stays as it is.
func unescapeLeniently(raw string, version Version) string {
	var b strings.Builder
	b.Grow(len(raw))
	for len(raw) > 0 {
		n := 1
		if raw[0] == '\\' {
			n = min(2, len(raw))
		}
		before := b.Len()
		if _, wrong := unescape(&b, raw[:n], version); wrong != "" || b.Len() == before {
			b.WriteString(raw[:n])
		}
		raw = raw[n:]
	}
	return b.String()
}
