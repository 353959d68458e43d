package stompotel_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// traceparent is what W3C Trace Context writes for a span that is sampled.
func traceparent(c trace.SpanContext) string {
	return fmt.Sprintf("00-%s-%s-01", c.TraceID(), c.SpanID())
}

// sends lists what the SENDs that the broker has received say under a name, all of them.
func sends(b *stomptest.Broker, name string) (values []string) {
	for _, e := range b.Received() {
		if e.Frame.Command != "SEND" {
			continue
		}
		for _, entry := range e.Frame.Header {
			if entry[0] == name {
				values = append(values, entry[1])
			}
		}
	}
	return values
}

// A SEND is a producer span, whose context the message carries, and which is a child of the caller's.
func TestTelemetry_send_is_a_span_that_the_message_carries(t *testing.T) {
	for profile, system := range map[stomptest.Profile]string{
		stomptest.Generic: "stomp", stomptest.RabbitMQ: "rabbitmq", stomptest.Classic: "activemq", stomptest.Artemis: "activemq", stomptest.Spring: "stomp",
	} {
		rig.Bubble(t, profile.String(), func(t *testing.T) {
			l := newLab(t)
			made := l.telemetry(stompotel.WithClientID("shop-1"))
			b := rig.PipeBroker(t, stomptest.WithProfile(profile))
			c := rig.Connect(t, b, made.ConnectOption())
			l.observe(made, c)
			ctx, parent := l.tracer.Start(t.Context(), "checkout")
			rig.OK(t, c.Send(ctx, "/queue/orders", []byte("tea"), stomp.WithHeader("correlation-id", "4711")))
			s := l.takeOne()
			rig.Equal(t, "the span", describe(s), []string{"send /queue/orders producer",
				"messaging.client.id=shop-1",
				"messaging.destination.name=/queue/orders",
				"messaging.message.body.size=3",
				"messaging.message.conversation_id=4711",
				"messaging.operation.name=send",
				"messaging.operation.type=send",
				"messaging.system=" + system,
				"server.address=" + host(t, b),
				"server.port=80",
			})
			if s.Parent().SpanID() != parent.SpanContext().SpanID() {
				t.Error("it is no child of the caller's span")
			}
			rig.OK(t, c.Flush(t.Context()))
			synctest.Wait()
			rig.Equal(t, "traceparent", sends(b, "traceparent"), []string{traceparent(s.SpanContext())})
			if scope := s.InstrumentationScope(); scope.Name != "github.com/webstomp/webstomp/stomp/stompotel" || scope.SchemaURL != "https://opentelemetry.io/schemas/1.43.0" {
				t.Errorf("its scope is %+v", scope)
			}
		})
	}
}

// Without Observe there are spans as well; they know nothing of the server.
func TestTelemetry_send_needs_no_Observe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		c := rig.Connect(t, rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ)), made.ConnectOption())
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithHeader("amqp-message-id", "m1")))
		rig.Equal(t, "before Observe", describe(l.takeOne()), []string{"send /queue/a producer",
			"messaging.destination.name=/queue/a", "messaging.message.body.size=0", "messaging.message.id=m1",
			"messaging.operation.name=send", "messaging.operation.type=send", "messaging.system=stomp"})
	})
}

// The span lasts as long as the call and has its outcome; so has the metric.
func TestTelemetry_send_ends_with_the_outcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		b := rig.PipeBroker(t)
		rig.On(b, "SEND", "", func(f stomptest.Frame) stomptest.Action {
			switch f.Get("destination") {
			case "/queue/refused":
				return rig.Refuse("no")(f)
			case "/queue/slow":
				return stomptest.DelayFor(2 * time.Second)
			case "/queue/silent":
				return stomptest.Drop()
			}
			return stomptest.Pass()
		})
		rig.Answer(t, rig.Connect(t, b), "/queue/service", stomp.WithReceipt())
		c := rig.Connect(t, b, made.ConnectOption())
		wantOne := func(name string, took time.Duration) sdk.ReadOnlySpan {
			t.Helper()
			s := l.takeOne()
			if s.Name() != name || s.EndTime().Sub(s.StartTime()) != took {
				t.Errorf("%s took %v, want %s and %v", s.Name(), s.EndTime().Sub(s.StartTime()), name, took)
			}
			return s
		}
		rig.OK(t, c.Send(t.Context(), "/queue/slow", nil, stomp.WithReceipt()))
		wantOne("send /queue/slow", 2*time.Second)

		err := c.Send(t.Context(), "/queue/refused", nil, stomp.WithReceipt())
		rig.Refused(t, err, "no")
		rig.Equal(t, "refused", describe(wantOne("send /queue/refused", 0)), []string{fmt.Sprintf("send /queue/refused producer Error %q", err),
			"error.type=broker_error", "messaging.destination.name=/queue/refused", "messaging.message.body.size=0",
			"messaging.operation.name=send", "messaging.operation.type=send", "messaging.system=stomp"})

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = c.Request(ctx, "/queue/silent", nil)
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		wantOne("send /queue/silent", time.Second)

		_, err = c.Request(t.Context(), "/queue/service", []byte("x"))
		rig.OK(t, err)
		wantOne("send /queue/service", 0)

		receipt, err := c.SendAsync(t.Context(), "/queue/slow", nil)
		rig.OK(t, err)
		if ended := l.take(); len(ended) != 0 {
			t.Errorf("SendAsync's span has ended before its receipt: %v", names(ended))
		}
		rig.OK(t, receipt.Wait(t.Context()))
		synctest.Wait()
		wantOne("send /queue/slow", 2*time.Second)

		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/queue/tx", nil))
		wantOne("send /queue/tx", 0)
		rig.OK(t, tx.Abort(t.Context()))

		l.wantMetrics("metrics", "messaging.",
			"messaging.client.operation.duration send /queue/refused broker_error: 1x 0 s",
			"messaging.client.operation.duration send /queue/service: 1x 0 s",
			"messaging.client.operation.duration send /queue/silent timeout: 1x 1 s",
			"messaging.client.operation.duration send /queue/slow: 2x 4 s",
			"messaging.client.operation.duration send /queue/tx: 1x 0 s",
			"messaging.client.sent.messages send /queue/refused broker_error: 1",
			"messaging.client.sent.messages send /queue/service: 1",
			"messaging.client.sent.messages send /queue/silent timeout: 1",
			"messaging.client.sent.messages send /queue/slow: 2",
			"messaging.client.sent.messages send /queue/tx: 1",
		)
	})
}

// What WithRetry sends again, on further sessions, is one span and the same message.
func TestTelemetry_promise7_a_call_with_WithRetry_is_one_span(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		b := rig.PipeBroker(t)
		lost := 0
		rig.On(b, "SEND", "/queue/a", func(stomptest.Frame) stomptest.Action {
			if lost++; lost < 3 {
				return stomptest.CutBefore()
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff), made.ConnectOption())
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithRetry()))
		want := traceparent(l.takeOne().SpanContext())
		rig.Equal(t, "traceparent", sends(b, "traceparent"), []string{want, want, want})
		l.wantMetrics("sent", "messaging.client.sent", "messaging.client.sent.messages send /queue/a: 1")
	})
}

// A call that another hook ends is a span that failed, and no message that was sent.
func TestTelemetry_send_that_another_hook_ends_is_not_counted(t *testing.T) {
	for name, first := range map[string]bool{"before": true, "behind": false} {
		rig.Bubble(t, name, func(t *testing.T) {
			l := newLab(t)
			opts := []stomp.ConnectOption{l.telemetry().ConnectOption(), stomp.WithSendHook(func(context.Context, *stomp.Outgoing) (func(error), error) {
				return nil, errors.New("no key")
			})}
			if first {
				opts[0], opts[1] = opts[1], opts[0]
			}
			c := rig.Connect(t, rig.PipeBroker(t), opts...)
			err := c.Send(t.Context(), "/queue/a", nil)
			rig.Unsent(t, err)
			if first { // the call has ended before there was a span
				if ended := l.take(); len(ended) != 0 {
					t.Errorf("spans: %v", names(ended))
				}
				return
			}
			rig.Equal(t, "the span", describe(l.takeOne())[:2], []string{fmt.Sprintf("send /queue/a producer Error %q", err), "error.type=_OTHER"})
			l.wantMetrics("metrics", "messaging.", "messaging.client.operation.duration send /queue/a _OTHER: 1x 0 s")
		})
	}
}

// A context that the caller has given to the message is not changed, and linked to.
func TestTelemetry_send_keeps_a_context_that_the_message_has(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, l.telemetry().ConnectOption())
		_, own := l.tracer.Start(t.Context(), "create")
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithHeader("traceparent", traceparent(own.SpanContext())), stomp.WithHeader("tracestate", "a=b"), stomp.WithReceipt()))
		s := l.takeOne()
		if links := s.Links(); len(links) != 1 || links[0].SpanContext.SpanID() != own.SpanContext().SpanID() || s.SpanKind() != trace.SpanKindClient {
			t.Errorf("a %v span with links %v", s.SpanKind(), links)
		}
		rig.Equal(t, "traceparent", sends(b, "traceparent"), []string{traceparent(own.SpanContext())})
		rig.Equal(t, "tracestate", sends(b, "tracestate"), []string{"a=b"})
	})
}

// A broken one is replaced, with all that belongs to it.
func TestTelemetry_send_replaces_a_broken_context(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, l.telemetry().ConnectOption())
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithHeader("traceparent", "00-broken"), stomp.WithHeader("traceparent", "older"),
			stomp.WithHeader("tracestate", "a=b"), stomp.WithHeader("kept", "yes"), stomp.WithReceipt()))
		rig.Equal(t, "traceparent", sends(b, "traceparent"), []string{traceparent(l.takeOne().SpanContext())})
		rig.Equal(t, "tracestate", sends(b, "tracestate"), nil)
		rig.Equal(t, "kept", sends(b, "kept"), []string{"yes"})
	})
}

// What a propagator leaves alone stays as it is.
func TestTelemetry_send_touches_no_entries_of_another_propagator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, l.telemetry(stompotel.WithPropagator(propagation.Baggage{})).ConnectOption())
		member, err := baggage.NewMember("tenant", "acme")
		rig.OK(t, err)
		bag, err := baggage.New(member)
		rig.OK(t, err)
		rig.OK(t, c.Send(baggage.ContextWithBaggage(t.Context(), bag), "/queue/a", nil, stomp.WithHeader("tracestate", "a=b"), stomp.WithReceipt()))
		rig.Equal(t, "tracestate", sends(b, "tracestate"), []string{"a=b"})
		rig.Equal(t, "traceparent", sends(b, "traceparent"), nil)
		rig.Equal(t, "baggage", sends(b, "baggage"), []string{"tenant=acme"})
	})
}

// meddler writes an entry that is the library's own.
type meddler struct{}

func (meddler) Inject(_ context.Context, c propagation.TextMapCarrier)                    { c.Set("receipt", "1") }
func (meddler) Extract(ctx context.Context, _ propagation.TextMapCarrier) context.Context { return ctx }
func (meddler) Fields() []string                                                          { return []string{"receipt"} }

func TestTelemetry_send_fails_over_a_propagator_with_a_reserved_entry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		c := rig.Connect(t, rig.PipeBroker(t), l.telemetry(stompotel.WithPropagator(meddler{})).ConnectOption())
		err := c.Send(t.Context(), "/queue/a", nil)
		rig.Unsent(t, err)
		rig.ErrorSays(t, err, "WithSendHook", `"receipt"`)
	})
}

// The global propagator is asked at each call: it may be set after New. Without a tracer provider of its own the
// Telemetry uses the global one, which does nothing here: the context of the caller travels all the same.
func TestNew_uses_the_globals(t *testing.T) {
	none := propagation.NewCompositeTextMapPropagator()
	otel.SetTextMapPropagator(none)
	defer otel.SetTextMapPropagator(none)
	made, err := stompotel.New(stompotel.WithTracerProvider(nil), stompotel.WithMeterProvider(nil), stompotel.WithPropagator(nil))
	rig.OK(t, err)
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, made.ConnectOption())
		ctx, span := l.tracer.Start(t.Context(), "checkout")
		rig.OK(t, c.Send(ctx, "/queue/a", nil, stomp.WithReceipt()))
		rig.Equal(t, "without a propagator", sends(b, "traceparent"), nil)
		otel.SetTextMapPropagator(propagation.TraceContext{})
		rig.OK(t, c.Send(ctx, "/queue/a", nil, stomp.WithReceipt()))
		rig.Equal(t, "with one", sends(b, "traceparent"), []string{traceparent(span.SpanContext())})
	})
}

// Durations have the unit and the buckets that the conventions ask for.
func TestTelemetry_durations_are_in_seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made, f := deliver(t, l, nil)
		made.Process(t.Context(), f, func(context.Context) error { return made.Ack(t.Context(), f) })
		var all metricdata.ResourceMetrics
		rig.OK(t, l.reader.Collect(t.Context(), &all))
		found := 0
		for _, m := range all.ScopeMetrics[0].Metrics {
			data, ok := m.Data.(metricdata.Histogram[float64])
			if !ok {
				continue
			}
			found++
			if m.Unit != "s" {
				t.Errorf("the unit of %s is %q", m.Name, m.Unit)
			}
			rig.Equal(t, m.Name, data.DataPoints[0].Bounds, []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10})
		}
		if found != 2 {
			t.Errorf("%d histograms, want that of ack and that of process", found)
		}
	})
}

// failing makes meters that do not make one kind of instrument.
type failing struct {
	noop.MeterProvider
	histograms, counters error
}

func (f failing) Meter(string, ...metric.MeterOption) metric.Meter { return failingMeter{failing: f} }

type failingMeter struct {
	noop.Meter
	failing failing
}

func (m failingMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return noop.Float64Histogram{}, m.failing.histograms
}

func (m failingMeter) Int64ObservableCounter(string, ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	return noop.Int64ObservableCounter{}, m.failing.counters
}

// What a meter does not make is an error; after one of Observe, it may be tried again.
func TestTelemetry_errors_of_a_meter(t *testing.T) {
	why := errors.New("no such instrument")
	_, err := stompotel.New(stompotel.WithMeterProvider(failing{histograms: why}))
	rig.ErrorIs(t, err, why)
	made, err := stompotel.New(stompotel.WithMeterProvider(failing{counters: why}))
	rig.OK(t, err)
	synctest.Test(t, func(t *testing.T) {
		c := rig.Connect(t, rig.PipeBroker(t))
		for range 2 {
			_, err := made.Observe(c)
			rig.ErrorIs(t, err, why)
		}
	})
}

func TestNew_refuses_options_that_make_no_sense(t *testing.T) {
	for text, opt := range map[string]stompotel.Option{"nil option": nil, "WithDestinationLimit(-1)": stompotel.WithDestinationLimit(-1)} {
		_, err := stompotel.New(opt)
		rig.ErrorSays(t, err, "stompotel", text)
	}
}
