package stompotel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// The operations that have spans.
const (
	opSend = iota
	opProcess
	opAck
	opNack
	operations
)

// operationNames are STOMP's own words for them.
var operationNames = [operations]string{"send", "process", "ack", "nack"}

var operationTypes = [operations]attribute.KeyValue{
	semconv.MessagingOperationTypeSend, semconv.MessagingOperationTypeProcess,
	semconv.MessagingOperationTypeSettle, semconv.MessagingOperationTypeSettle,
}

// operation is one of them, under way.
type operation struct {
	ctx   context.Context // with the span, which exemplars refer to
	span  trace.Span
	of    *series
	start time.Time
}

// begin starts an operation on the message with that destination, and its span, which has further attributes. They
// and the destination are as they stand in the frame.
func (t *Telemetry) begin(ctx context.Context, op int, kind trace.SpanKind, to string, links []trace.Link, further ...attribute.KeyValue) operation {
	d := t.destination(to)
	of := &d.at(t.server()).series[op]
	attributes := make([]attribute.KeyValue, 0, len(of.attributes)+3+len(further))
	attributes = append(attributes, of.attributes...)
	if to != "" {
		attributes = append(attributes, semconv.MessagingDestinationName(clean(to)))
	}
	for _, a := range d.attributes {
		if a.Key != semconv.MessagingDestinationNameKey { // which may be that of all others
			attributes = append(attributes, a)
		}
	}
	for _, a := range further {
		attributes = append(attributes, cleanAttribute(a))
	}
	o := operation{of: of, start: time.Now()}
	o.ctx, o.span = t.tracer.Start(ctx, d.names[op], trace.WithTimestamp(o.start), trace.WithSpanKind(kind),
		trace.WithAttributes(attributes...), trace.WithLinks(links...))
	return o
}

// end ends the span with the outcome and returns how long the operation took, in seconds.
func (o operation) end(failure attribute.KeyValue, err error) float64 {
	now := time.Now()
	if err != nil {
		o.span.SetAttributes(failure)
		o.span.SetStatus(codes.Error, clean(err.Error()))
	}
	o.span.End(trace.WithTimestamp(now))
	return now.Sub(o.start).Seconds()
}

// linkTo returns a link to a span context, or none if that is not valid.
func linkTo(contexts ...trace.SpanContext) (links []trace.Link) {
	for _, c := range contexts {
		if c.IsValid() {
			links = append(links, trace.Link{SpanContext: c})
		}
	}
	return links
}
