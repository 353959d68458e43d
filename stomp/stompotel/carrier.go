package stompotel

import (
	"strings"

	"go.opentelemetry.io/otel/propagation"

	"github.com/webstomp/webstomp/stomp"
)

var _ propagation.TextMapCarrier = Carrier{}

// Carrier lets a propagator read and write the entries of a header, for whoever makes spans otherwise than
// [Telemetry] does. Header must not be nil. It has no Values on purpose: of a repeated name the first entry counts
// (STOMP 1.2, Repeated Header Entries; clause F8), and what stands behind it is history.
type Carrier struct{ Header *stomp.Header }

// Get returns the value of the first entry with that name, or "". STOMP's names are case-sensitive; an entry in
// another case is taken only where there is none in this one, as what a bridge from HTTP makes of it.
func (c Carrier) Get(name string) string {
	if value, ok := c.Header.Lookup(name); ok {
		return value
	}
	for other, value := range c.Header.All() {
		if strings.EqualFold(other, name) {
			return value
		}
	}
	return ""
}

// Set makes value the only value of name.
func (c Carrier) Set(name, value string) { c.Header.Set(name, value) }

// Keys returns the names of all entries, in their order.
func (c Carrier) Keys() []string {
	names := make([]string, 0, len(*c.Header))
	for name := range c.Header.All() {
		names = append(names, name)
	}
	return names
}
