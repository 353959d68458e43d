package stompotel

import (
	"context"
	"slices"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/stomp"
)

// ConnectOption is a [stomp.WithSendHook] that makes a span of each call that sends, and writes the trace context into
// the SEND's header. The span is a child of the one in the call's ctx and ends with what the call returns: acceptance,
// the RECEIPT, for SendAsync the Receipt's outcome, for Request the reply's. However often WithRetry sends, across
// reconnects too, it is one span. Among several hooks its place decides which body's size it sees: before or after
// encryption.
//
// A SEND that has a trace context of its own, from [stomp.WithHeader], keeps that, and the span links to it; one that
// is broken is replaced.
//
// Spans of SendAsync end in a goroutine of the Client, which a span processor must not hold up: use the SDK's batching
// one.
func (t *Telemetry) ConnectOption() stomp.ConnectOption { return stomp.WithSendHook(t.send) }

// send is the hook.
func (t *Telemetry) send(ctx context.Context, out *stomp.Outgoing) (done func(error), err error) {
	propagator, carrier := t.propagator(), Carrier{&out.Header}
	kind, own := trace.SpanKindProducer, trace.SpanContext{}
	if len(out.Header) > 0 {
		own = creationContext(propagator, carrier)
	}
	if own.IsValid() {
		kind = trace.SpanKindClient // the message's producer is the span that the header names
	}
	further := []attribute.KeyValue{semconv.MessagingMessageBodySize(len(out.Body))}
	if id, ok := out.Header.Lookup("correlation-id"); ok {
		further = append(further, semconv.MessagingMessageConversationID(id))
	}
	if id, ok := out.Header.Lookup("amqp-message-id"); ok { // which RabbitMQ takes for the message's
		further = append(further, semconv.MessagingMessageID(id))
	}
	o := t.begin(ctx, opSend, kind, out.Destination, linkTo(own), further...)
	if !own.IsValid() {
		// The tracestate of a broken traceparent must not be taken for ours.
		if _, ok := out.Header.Lookup("tracestate"); ok && slices.Contains(propagator.Fields(), "tracestate") {
			out.Header.Del("tracestate")
		}
		propagator.Inject(o.ctx, carrier)
	}
	return func(err error) {
		failure := errorType(err)
		o.measure(t.duration, o.end(failure, err), failure)
		if !stomp.Unsent(err) {
			o.count(t.sent, failure)
		}
	}, nil
}
