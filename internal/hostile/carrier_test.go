package hostile_test

import (
	"strings"
	"testing"
)

// carrier is how STOMP travels.
type carrier struct {
	name string
	bare bool // not on a WebSocket
	wrap func(stomp string) string
}

// carriers are all of them.
var carriers = []carrier{
	{"in a message", false, text},
	{"in fragments", false, func(s string) string { return fragments(s, 3) }},
	{"in messages of 3 bytes", false, func(s string) string {
		var b strings.Builder
		for ; len(s) > 3; s = s[3:] {
			b.WriteString(blob(s[:3]))
		}
		return b.String() + blob(s)
	}},
	{"on a stream", true, func(s string) string { return s }},
}

// inEveryCarrier runs an attack whose greets and sends are STOMP: in every carrier, and the two plain ones in every
// way.
func (a attack) inEveryCarrier(t *testing.T) (problems []string) {
	for i, c := range carriers {
		plain := i == 0 || c.bare
		if !plain && a.isLong() {
			continue // a frame for 3 bytes
		}
		b := a
		if c.bare {
			b.closeCode = 0 // there are no close frames
		}
		if a.greets != "" {
			b.greets = c.wrap(a.greets)
		}
		if a.sends != "" {
			b.sends = c.wrap(a.sends)
		}
		for _, w := range ways {
			if w.bytes && a.isLong() || !plain && w.name != "tcp" || underRace && !w.plain() {
				continue
			}
			for _, p := range b.problems(b.run(t, w, c.bare)) {
				problems = append(problems, c.name+", "+w.name+": "+p)
			}
		}
	}
	return problems
}
