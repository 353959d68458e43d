package stompotel

import (
	"slices"
	"strings"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// other stands for all destinations, and servers, beyond the limit, as _OTHER does for errors in the conventions.
const other = "_OTHER"

// maxName is how many bytes the name of a destination, or its template, may have in metrics and span names. Strangers
// choose names where Reply answers them.
const maxName = 255

// destination is what span names and metrics say of where a message goes or comes from.
type destination struct {
	names      [operations]string   // of spans
	attributes []attribute.KeyValue // of metrics
	set        attribute.Set        // the same, to compare
	isNamed    bool                 // it has one of the limited places
	latest     atomic.Pointer[place]
}

// place is a destination on a server. It is not changed.
type place struct {
	server *server
	series [operations]series
}

// series is what an operation at a place has in each of its spans and measurements.
type series struct {
	attributes []attribute.KeyValue // of spans, but for the destination
	record     []metric.RecordOption
	add        []metric.AddOption
}

// newDestination returns one with that label in span names; "": none.
func newDestination(label string, attributes ...attribute.KeyValue) *destination {
	d := &destination{attributes: attributes, set: attribute.NewSet(attributes...), isNamed: label != ""}
	for o, name := range operationNames {
		d.names[o] = name
		if label != "" {
			d.names[o] += " " + label
		}
	}
	return d
}

// at returns the destination on that server. What it returned last is kept.
func (d *destination) at(s *server) *place {
	if p := d.latest.Load(); p != nil && p.server == s {
		return p
	}
	p := &place{server: s}
	for o := range operations {
		of := &p.series[o]
		what := []attribute.KeyValue{semconv.MessagingOperationName(operationNames[o]), operationTypes[o]}
		of.attributes = slices.Concat(what, s.attributes)
		set := metric.WithAttributeSet(attribute.NewSet(slices.Concat(what, s.series, d.attributes)...))
		of.record, of.add = []metric.RecordOption{set}, []metric.AddOption{set}
	}
	d.latest.Store(p)
	return p
}

// destination returns what names a destination, by its template if it has one.
func (t *Telemetry) destination(name string) *destination {
	named := clean(name)
	key, attribute := named, semconv.MessagingDestinationName
	if t.cfg.template != nil {
		if template := t.cfg.template(name); template != "" { // which may have parts of the name
			key, attribute = clean(template), semconv.MessagingDestinationTemplate
		}
	}
	switch {
	case name == "":
		return t.nameless
	case key == named && isTemporary(named):
		return t.temporary
	case len(key) > maxName:
		return t.others
	}
	t.mu.RLock()
	d := t.destinations[key]
	full := len(t.destinations) >= t.cfg.limit
	t.mu.RUnlock()
	switch {
	case d != nil:
		return d
	case full:
		return t.others
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if d = t.destinations[key]; d != nil {
		return d
	}
	if len(t.destinations) >= t.cfg.limit {
		return t.others
	}
	d = newDestination(key, attribute(key))
	t.destinations[key] = d
	return d
}

// temporaryPrefixes begin the destinations that end with a connection, as their owner and as everybody else writes
// them: those that Request makes, what RabbitMQ, ActiveMQ and OpenMQ make of them, and RabbitMQ's queues without a
// name of their own.
var temporaryPrefixes = []string{
	"/temp-queue/", "/temp-topic/", "/reply-queue/", "/remote-temp-queue/", "/remote-temp-topic/", "/queue/amq.gen-", "/amq/queue/amq.gen-",
}

func isTemporary(destination string) bool {
	for _, prefix := range temporaryPrefixes {
		if strings.HasPrefix(destination, prefix) {
			return true
		}
	}
	return false
}
