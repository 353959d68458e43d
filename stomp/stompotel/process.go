package stompotel

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/stomp"
)

// What spans of consumers say beyond the conventions.
const (
	keyEpoch        = attribute.Key("stomp.epoch")           // Frame.Epoch: which session delivered it
	keySubscription = attribute.Key("stomp.subscription.id") // Frame.SubscriptionID
	keyRedelivered  = attribute.Key("stomp.redelivered")     // true: the broker has sent it before; else it is missing
)

// Start begins the processing of a delivered frame, of a typed subscription its Message's Frame: it counts the message
// as consumed and starts a span, which the ctx that it returns carries. What is sent with that ctx, [stomp.Client.Reply]
// included, belongs to it. done ends the span with the outcome, nil for success, and must be called; only its first call
// counts. It does not acknowledge: [Telemetry.Ack] does.
//
// The span is a child of the producer's, whose context the header has, and links to it. A span in ctx is linked to as
// well. With [WithLinkedTraces] it is a child of the one in ctx, and only links to the producer's. Where the header has
// no trace context, or a broken one, the span is a child of the one in ctx. Baggage that came with the message is in
// the ctx returned.
func (t *Telemetry) Start(ctx context.Context, f stomp.Frame) (_ context.Context, done func(error)) {
	local := trace.SpanFromContext(ctx)
	ctx = t.propagator().Extract(trace.ContextWithSpanContext(ctx, trace.SpanContext{}), Carrier{&f.Header})
	producer := trace.SpanContextFromContext(ctx)
	links := linkTo(producer)
	if t.cfg.linked || !producer.IsValid() {
		ctx = trace.ContextWithSpan(ctx, local)
	} else {
		links = linkTo(producer, local.SpanContext())
	}
	o := t.begin(ctx, opProcess, trace.SpanKindConsumer, f.Destination(), links, append(messageAttributes(f),
		semconv.MessagingMessageBodySize(len(f.Body)))...)
	o.count(t.consumed, attribute.KeyValue{})
	var ended atomic.Bool
	return o.ctx, func(err error) {
		if ended.Swap(true) {
			return
		}
		failure := errorType(err)
		o.measure(t.process, o.end(failure, err), failure)
	}
}

// Process calls handle with the ctx of [Telemetry.Start], ends the span with its outcome, and returns its error. A
// panic of handle, which goes on, ends the span as an error.
func (t *Telemetry) Process(ctx context.Context, f stomp.Frame, handle func(ctx context.Context) error) error {
	ctx, done := t.Start(ctx, f)
	defer done(errPanic) // unless it has been called
	err := handle(ctx)
	done(err)
	return err
}

// Ack is [stomp.Frame.Ack] with a span (an ACK in a transaction, [stomp.Transaction.Ack], has none), which is a child of
// the one in ctx and links to the message's producer. With no span in ctx it is a child of the producer's, unless
// [WithLinkedTraces] is given.
func (t *Telemetry) Ack(ctx context.Context, f stomp.Frame, opts ...stomp.FrameOption) error {
	return t.settle(ctx, opAck, f, stomp.Frame.Ack, opts)
}

// Nack is [stomp.Frame.Nack] with a span, as with [Telemetry.Ack].
func (t *Telemetry) Nack(ctx context.Context, f stomp.Frame, opts ...stomp.FrameOption) error {
	return t.settle(ctx, opNack, f, stomp.Frame.Nack, opts)
}

func (t *Telemetry) settle(ctx context.Context, op int, f stomp.Frame, how func(stomp.Frame, context.Context, ...stomp.FrameOption) error, opts []stomp.FrameOption) error {
	producer := creationContext(t.propagator(), Carrier{&f.Header})
	if !t.cfg.linked && !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, producer) // or none
	}
	o := t.begin(ctx, op, trace.SpanKindClient, f.Destination(), linkTo(producer), messageAttributes(f)...)
	err := how(f, o.ctx, opts...)
	failure := errorType(err)
	o.measure(t.duration, o.end(failure, err), failure)
	return err
}

// messageAttributes is what spans say of a delivered frame beside its destination.
func messageAttributes(f stomp.Frame) []attribute.KeyValue {
	all := make([]attribute.KeyValue, 0, 6)
	if id := f.MessageID(); id != "" {
		all = append(all, semconv.MessagingMessageID(id))
	}
	if id := f.Header.Get("correlation-id"); id != "" {
		all = append(all, semconv.MessagingMessageConversationID(id))
	}
	if id := f.SubscriptionID(); id != "" {
		all = append(all, keySubscription.String(id))
	}
	if f.Epoch != 0 {
		all = append(all, keyEpoch.Int64(int64(f.Epoch)))
	}
	if f.Redelivered() {
		all = append(all, keyRedelivered.Bool(true))
	}
	return all
}

// creationContext returns the span context that a header has: the zero value if it has none, or a broken one.
func creationContext(p propagation.TextMapPropagator, c Carrier) trace.SpanContext {
	return trace.SpanContextFromContext(p.Extract(context.Background(), c))
}
