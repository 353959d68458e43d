// Package wire is the STOMP frame codec: bytes to frames and back, for STOMP 1.0, 1.1 and 1.2, for both sides of a
// connection. It knows no sockets, starts no goroutines and imports the standard library alone.
//
// Ids such as F3 or W8 name clauses of this project's digest of the STOMP specifications: F is framing, C connecting,
// W WebSocket. An error carries the id of the clause that was broken.
package wire

import "strings"

// Version is a STOMP version as the version and accept-version headers spell it.
type Version string

// The versions that this package speaks.
const (
	V10 Version = "1.0"
	V11 Version = "1.1"
	V12 Version = "1.2"
)

// Frame is one STOMP frame, without its escapes.
type Frame struct {
	Command string
	Header  [][2]string // name and value, in wire order, repeated names included
	Body    []byte      // nil when there is none
}

// Lookup returns the value of name in h, and whether there is one. Of a repeated name the first one counts (F8).
func Lookup(h [][2]string, name string) (value string, ok bool) {
	for i := range h {
		if h[i][0] == name {
			return h[i][1], true
		}
	}
	return "", false
}

// Get returns the value of name in h, or "" when there is none. Of a repeated name the first one counts (F8).
func Get(h [][2]string, name string) string {
	value, _ := Lookup(h, name)
	return value
}

// RawValue returns the value of name in raw as the peer wrote it, and whether there is one. raw is from Decoder.Raw,
// v the version that it came in. name must hold nothing that is escaped.
func RawValue(raw, name string, v Version) (value string, ok bool) {
	for line := range strings.Lines(raw) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || !strings.HasPrefix(rest, ":") {
			continue
		}
		value = strings.TrimSuffix(rest[1:], "\n")
		if v == V12 { // where CR LF ends a line (F1)
			value = strings.TrimSuffix(value, "\r")
		}
		return value, true
	}
	return "", false
}
