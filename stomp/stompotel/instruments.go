package stompotel

import (
	"errors"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/messagingconv"
)

// instruments are those of the messaging conventions. What Client.Stats counts has others, in observe.go.
type instruments struct {
	duration, process metric.Float64Histogram
	sent, consumed    metric.Int64Counter
}

// buckets are the ones that the conventions ask for, in seconds.
var buckets = metric.WithExplicitBucketBoundaries(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)

func newInstruments(m metric.Meter) (instruments, error) {
	duration, err1 := messagingconv.NewClientOperationDuration(m, buckets)
	process, err2 := messagingconv.NewProcessDuration(m, buckets)
	sent, err3 := messagingconv.NewClientSentMessages(m)
	consumed, err4 := messagingconv.NewClientConsumedMessages(m)
	return instruments{duration.Inst(), process.Inst(), sent.Inst(), consumed.Inst()}, errors.Join(err1, err2, err3, err4)
}

// measure records how many seconds an operation took.
func (o operation) measure(h metric.Float64Histogram, seconds float64, failure attribute.KeyValue) {
	if !h.Enabled(o.ctx) {
		return
	}
	if failure.Valid() {
		h.Record(o.ctx, seconds, append(o.of.record[:1:1], metric.WithAttributes(failure))...)
		return
	}
	h.Record(o.ctx, seconds, o.of.record...)
}

// count adds one message.
func (o operation) count(c metric.Int64Counter, failure attribute.KeyValue) {
	if !c.Enabled(o.ctx) {
		return
	}
	if failure.Valid() {
		c.Add(o.ctx, 1, append(o.of.add[:1:1], metric.WithAttributes(failure))...)
		return
	}
	c.Add(o.ctx, 1, o.of.add...)
}
