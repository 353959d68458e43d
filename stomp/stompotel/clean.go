package stompotel

import (
	"strings"

	"go.opentelemetry.io/otel/attribute"
)

// clean returns text in UTF-8, as attributes and labels have to be: one that is not makes an exporter refuse
// everything, for as long as there is a series with it. STOMP asks for UTF-8, and a broker passes on what an author
// wrote all the same. What is not UTF-8 becomes U+FFFD.
func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// cleanAttribute returns an attribute whose value, if it is a text, is clean.
func cleanAttribute(a attribute.KeyValue) attribute.KeyValue {
	if a.Value.Type() == attribute.STRING {
		if text := a.Value.AsString(); clean(text) != text {
			return a.Key.String(clean(text))
		}
	}
	return a
}
