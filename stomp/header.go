package stomp

import (
	"iter"
	"slices"

	"github.com/webstomp/webstomp/internal/wire"
)

// Header holds the entries of a frame in wire order, each an unescaped name and value. Names are case-sensitive. When
// a name is repeated, the first entry counts and the later ones are history (STOMP 1.2, Repeated Header Entries;
// clause F8).
//
// The zero value is an empty header. A Header is a slice: copies share their entries, unless made by [Header.Clone].
type Header [][2]string

// Get returns the value of the first entry with that name, or "". [Header.Lookup] tells an empty value from a missing
// one.
func (h Header) Get(name string) string { return wire.Get(h, name) }

// Lookup returns the value of the first entry with that name, and whether there is one.
func (h Header) Lookup(name string) (string, bool) { return wire.Lookup(h, name) }

// All yields every entry in wire order, repeated names included.
func (h Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, e := range h {
			if !yield(e[0], e[1]) {
				return
			}
		}
	}
}

// Clone returns a copy that shares no entries with h. The clone of nil is nil.
func (h Header) Clone() Header { return slices.Clone(h) }

// Add appends an entry. If there is an entry with that name already, that one still counts.
func (h *Header) Add(name, value string) { *h = append(*h, [2]string{name, value}) }

// Set makes value the only value of name: the first entry with that name keeps its place and gets the value, and
// later ones are removed. If there is none, Set appends an entry.
func (h *Header) Set(name, value string) {
	for i := range *h {
		if (*h)[i][0] == name {
			(*h)[i][1] = value
			rest := Header((*h)[i+1:])
			rest.Del(name)
			*h = (*h)[:i+1+len(rest)]
			return
		}
	}
	h.Add(name, value)
}

// Del removes every entry with that name.
func (h *Header) Del(name string) {
	*h = slices.DeleteFunc(*h, func(e [2]string) bool { return e[0] == name })
}
