package stompotel_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/baggage"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// isChild fails the test unless s is a child of parent, in its trace.
func isChild(t testing.TB, s, parent sdk.ReadOnlySpan) {
	t.Helper()
	if s.Parent().SpanID() != parent.SpanContext().SpanID() || s.SpanContext().TraceID() != parent.SpanContext().TraceID() {
		t.Errorf("%s is no child of %s", s.Name(), parent.Name())
	}
}

// wantLinks compares the spans that s links to.
func wantLinks(t testing.TB, s sdk.ReadOnlySpan, want ...trace.SpanContext) {
	t.Helper()
	var got, ids []trace.SpanID
	for _, link := range s.Links() {
		got = append(got, link.SpanContext.SpanID())
	}
	for _, c := range want {
		ids = append(ids, c.SpanID())
	}
	rig.Equal(t, "the links of "+s.Name(), got, ids)
}

// deliver has the broker deliver one message with that header to a consumer with a Telemetry.
func deliver(t *testing.T, l *lab, header [][2]string, opts ...stompotel.Option) (*stompotel.Telemetry, stomp.Frame) {
	t.Helper()
	made := l.telemetry(opts...)
	b := rig.PipeBroker(t)
	c := rig.Connect(t, b, made.ConnectOption())
	messages, err := c.Subscribe(t.Context(), "/queue/orders", stomp.WithReceipt(), stomp.WithID("till"))
	rig.OK(t, err)
	b.Publish("/queue/orders", header, []byte("tea"))
	return made, rig.Body(t, messages, "tea")
}

// One trace goes from the caller through two Clients: a request, what its responder does, and the reply.
func TestTelemetry_a_trace_crosses_Clients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		shop, kitchen := l.telemetry(), l.telemetry()
		customer, cook := rig.Connect(t, b, shop.ConnectOption()), rig.Connect(t, b, kitchen.ConnectOption())
		l.observe(shop, customer)
		l.observe(kitchen, cook)
		orders, err := cook.Subscribe(t.Context(), "/queue/orders", stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())
		rig.OK(t, err)
		go func() { // ends with cook
			for order := range orders {
				kitchen.Process(t.Context(), order, func(ctx context.Context) error {
					time.Sleep(time.Second)
					return errors.Join(cook.Reply(ctx, order, []byte("tea"), stomp.WithReceipt()), kitchen.Ack(ctx, order))
				})
			}
		}()
		ctx, checkout := l.tracer.Start(t.Context(), "checkout")
		reply, err := customer.Request(ctx, "/queue/orders", []byte("one tea"), stomp.WithHeader("correlation-id", "c1"))
		rig.OK(t, err)
		shop.Process(ctx, reply, func(context.Context) error { return nil })
		checkout.End()
		synctest.Wait()
		byName := make(map[string]sdk.ReadOnlySpan)
		for _, s := range l.take() {
			name, destination, _ := strings.Cut(s.Name(), " ")
			if destination == "" && name != "checkout" { // the reply's queue has no name
				name += " reply"
			}
			byName[name] = s
		}
		send, process, ack, answer, received := byName["send"], byName["process"], byName["ack"], byName["send reply"], byName["process reply"]
		if len(byName) != 6 || send == nil || process == nil || ack == nil || answer == nil || received == nil {
			t.Fatalf("spans: %v", describe(byName["process"]))
		}
		isChild(t, send, byName["checkout"])
		isChild(t, process, send)
		wantLinks(t, process, send.SpanContext())
		isChild(t, answer, process)
		isChild(t, ack, process)
		wantLinks(t, ack, send.SpanContext())
		isChild(t, received, answer)
		wantLinks(t, received, answer.SpanContext(), checkout.SpanContext())
		if took := send.EndTime().Sub(send.StartTime()); took != time.Second {
			t.Errorf("the request's span took %v, want that of its reply", took)
		}
		lines := describe(answer)
		to := lines[1]
		if !strings.HasPrefix(to, "messaging.destination.name=/reply-queue/amq.gen-") {
			t.Errorf("the reply went to %q", to)
		}
		rig.Equal(t, "the reply's span", lines, []string{"send producer", to, "messaging.destination.temporary=true", "messaging.message.body.size=3",
			"messaging.message.conversation_id=c1", "messaging.operation.name=send", "messaging.operation.type=send", "messaging.system=rabbitmq",
			"server.address=" + host(t, b), "server.port=80"})
		l.wantMetrics("metrics", "messaging.",
			"messaging.client.consumed.messages "+host(t, b)+" process /queue/orders: 1",
			"messaging.client.consumed.messages "+host(t, b)+" process true: 1",
			"messaging.client.operation.duration "+host(t, b)+" ack /queue/orders: 1x 0 s",
			"messaging.client.operation.duration "+host(t, b)+" send /queue/orders: 1x 1 s",
			"messaging.client.operation.duration "+host(t, b)+" send true: 1x 0 s",
			"messaging.client.sent.messages "+host(t, b)+" send /queue/orders: 1",
			"messaging.client.sent.messages "+host(t, b)+" send true: 1",
			"messaging.process.duration "+host(t, b)+" process /queue/orders: 1x 1 s",
			"messaging.process.duration "+host(t, b)+" process true: 1x 0 s",
		)
	})
}

// The span of a frame says which it is; a message that comes again says so.
func TestTelemetry_Start_has_the_attributes_of_the_conventions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, made.ConnectOption())
		l.observe(made, c)
		messages, err := c.Subscribe(t.Context(), "/queue/orders", stomp.WithAck(stomp.AckClientIndividual), stomp.WithID("till"), stomp.WithReceipt())
		rig.OK(t, err)
		b.Publish("/queue/orders", [][2]string{{"correlation-id", "4711"}}, []byte("tea"))
		first := rig.Body(t, messages, "tea")
		_, done := made.Start(t.Context(), first)
		done(nil)
		want := []string{
			"messaging.destination.name=/queue/orders",
			"messaging.message.body.size=3",
			"messaging.message.conversation_id=4711",
			"messaging.message.id=" + first.MessageID(),
			"messaging.operation.name=process",
			"messaging.operation.type=process",
			"messaging.system=stomp",
			"server.address=" + host(t, b),
			"server.port=80",
			"stomp.epoch=1",
			"stomp.subscription.id=till",
		}
		rig.Equal(t, "process", describe(l.takeOne()), append([]string{"process /queue/orders consumer"}, want...))
		rig.OK(t, made.Nack(t.Context(), first, stomp.WithReceipt()))
		want = append([]string{want[0]}, want[2:]...)
		want[3], want[4] = "messaging.operation.name=nack", "messaging.operation.type=settle"
		rig.Equal(t, "nack", describe(l.takeOne()), append([]string{"nack /queue/orders client"}, want...))
		again := rig.Body(t, messages, "tea")
		_, done = made.Start(t.Context(), again)
		done(nil)
		lines := describe(l.takeOne())
		rig.Equal(t, "again", lines[len(lines)-2:], []string{"stomp.redelivered=true", "stomp.subscription.id=till"})
		rig.OK(t, made.Ack(t.Context(), again))
		l.takeOne()
		err = made.Ack(t.Context(), again)
		rig.ErrorIs(t, err, stomp.ErrNotAckable)
		rig.Equal(t, "twice", describe(l.takeOne())[:2], []string{fmt.Sprintf("ack /queue/orders client Error %q", err), "error.type=not_ackable"})
	})
}

// What no producer with a trace has sent begins a trace, or belongs to that of the consumer's ctx.
func TestTelemetry_Start_of_a_foreign_message(t *testing.T) {
	for name, header := range map[string][][2]string{
		"none":       nil,
		"broken":     {{"traceparent", "00-nonsense-01"}},
		"all_zeros":  {{"traceparent", "00-00000000000000000000000000000000-0000000000000000-01"}},
		"only_state": {{"tracestate", "a=b"}},
		// Only the first counts, though it is broken.
		"first_broken": {{"traceparent", "00-nonsense-01"}, {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			l := newLab(t)
			made, f := deliver(t, l, header)
			_, done := made.Start(t.Context(), f)
			done(nil)
			s := l.takeOne()
			if s.Parent().IsValid() || len(s.Links()) != 0 || !s.SpanContext().IsValid() {
				t.Errorf("parent %v, links %v", s.Parent(), s.Links())
			}
			ctx, span := l.tracer.Start(t.Context(), "poll")
			_, done = made.Start(ctx, f)
			done(nil)
			span.End()
			ended := l.take()
			isChild(t, ended[0], ended[1])
			wantLinks(t, ended[0])
		})
	}
}

const (
	someone = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	another = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// Of several, the first counts (STOMP 1.2, Repeated Header Entries). A name in another case is taken only where there
// is none as the propagator writes it.
func TestTelemetry_F8_the_first_traceparent_counts(t *testing.T) {
	for name, header := range map[string][][2]string{
		"alone":        {{"traceparent", someone}},
		"first":        {{"traceparent", someone}, {"traceparent", another}},
		"first_wrong":  {{"traceparent", someone}, {"traceparent", "00-nonsense-01"}},
		"exact":        {{"Traceparent", another}, {"traceparent", someone}},
		"another_case": {{"Traceparent", someone}, {"TraceParent", another}},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			l := newLab(t)
			made, f := deliver(t, l, append(header, [2]string{"tracestate", "vendor=1"}, [2]string{"baggage", "tenant=acme"}, [2]string{"baggage", "tenant=other"}))
			ctx, done := made.Start(t.Context(), f)
			done(nil)
			s := l.takeOne()
			if got := traceparent(s.Parent()); got != someone || !s.Parent().IsRemote() || s.Parent().TraceState().String() != "vendor=1" {
				t.Errorf("the parent is %s with state %q", got, s.Parent().TraceState())
			}
			if got := baggage.FromContext(ctx).String(); got != "tenant=acme" {
				t.Errorf("the baggage is %q", got)
			}
			if trace.SpanContextFromContext(ctx).SpanID() != s.SpanContext().SpanID() {
				t.Error("ctx does not have the span")
			}
		})
	}
}

// WithLinkedTraces: the span stays in the consumer's trace, and links to the producer's. Baggage comes all the same.
func TestWithLinkedTraces_keeps_the_consumers_trace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made, f := deliver(t, l, [][2]string{{"traceparent", someone}, {"baggage", "tenant=acme"}}, stompotel.WithLinkedTraces())
		ctx, done := made.Start(t.Context(), f)
		done(nil)
		s := l.takeOne()
		if s.Parent().IsValid() || traceparent(s.Links()[0].SpanContext) != someone || baggage.FromContext(ctx).String() != "tenant=acme" {
			t.Errorf("parent %v, links %v, baggage %v", s.Parent(), s.Links(), baggage.FromContext(ctx))
		}
		ctx, span := l.tracer.Start(t.Context(), "batch")
		_, done = made.Start(ctx, f)
		done(nil)
		span.End()
		ended := l.take()
		isChild(t, ended[0], ended[1])
		if links := ended[0].Links(); len(links) != 1 || traceparent(links[0].SpanContext) != someone {
			t.Errorf("links %v", links)
		}
	})
}

// typed is an error that says what type it is.
type typed struct{ error }

func (typed) ErrorType() string { return "out_of_stock" }

// Process hands on what its function returns, and says of which type it is.
func TestTelemetry_Process_ends_the_span_with_the_error(t *testing.T) {
	for want, err := range map[string]error{
		"_OTHER":           fmt.Errorf("no tea: %w", errors.New("sold out")),
		"io/fs.PathError":  fmt.Errorf("menu: %w", &fs.PathError{Op: "open", Path: "menu", Err: typedText("gone")}),
		"out_of_stock":     fmt.Errorf("tea: %w", typed{errors.New("sold out")}),
		"canceled":         fmt.Errorf("waiting: %w", context.Canceled),
		"timeout":          context.DeadlineExceeded,
		"connection_lost":  fmt.Errorf("replying: %w", stomp.ErrConnectionLost),
		"heart_beat":       errors.Join(stomp.ErrConnectionLost, stomp.ErrHeartBeat),
		"broker_error":     errors.Join(stomp.ErrConnectionLost, &stomp.Error{Message: "no"}),
		"client_closed":    stomp.ErrClosed,
		"not_connected":    stomp.ErrNotConnected,
		"stale":            stomp.ErrStale,
		"transaction_done": stomp.ErrTransactionDone,
		"limit_exceeded":   &stomp.LimitError{What: "body"},
		"protocol_error":   &stomp.ProtocolError{Reason: "x"},
	} {
		rig.Bubble(t, want, func(t *testing.T) {
			if want == "io/fs.PathError" {
				want = "github.com/webstomp/webstomp/stomp/stompotel_test.typedText" // the innermost
			}
			l := newLab(t)
			made, f := deliver(t, l, nil)
			got := made.Process(t.Context(), f, func(context.Context) error {
				time.Sleep(3 * time.Second)
				return err
			})
			if got != err {
				t.Errorf("it returned %v", got)
			}
			rig.Equal(t, "the span", describe(l.takeOne())[:2], []string{fmt.Sprintf("process /queue/orders consumer Error %q", err), "error.type=" + want})
			l.wantMetrics("metrics", "messaging.", "messaging.client.consumed.messages process /queue/orders: 1",
				"messaging.process.duration process /queue/orders "+want+": 1x 3 s")
		})
	}
}

type typedText string

func (e typedText) Error() string { return string(e) }

// A panic goes on, and the span says so. done counts once.
func TestTelemetry_Process_survives_no_panic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made, f := deliver(t, l, nil)
		func() {
			defer func() {
				if r := recover(); r != "spilt" {
					t.Errorf("recovered %v", r)
				}
			}()
			made.Process(t.Context(), f, func(context.Context) error { panic("spilt") })
		}()
		rig.Equal(t, "the span", describe(l.takeOne())[:2], []string{`process /queue/orders consumer Error "the handler did not return: it panicked, or called runtime.Goexit"`, "error.type=panic"})
		_, done := made.Start(t.Context(), f)
		done(nil)
		done(errors.New("late"))
		rig.Equal(t, "done twice", describe(l.takeOne())[:1], []string{"process /queue/orders consumer"})
		l.wantMetrics("metrics", "messaging.process", "messaging.process.duration process /queue/orders panic: 1x 0 s", "messaging.process.duration process /queue/orders: 1x 0 s")
	})
}

// An ACK belongs to the trace of its ctx, else to the message's; with WithLinkedTraces to its ctx's alone.
func TestTelemetry_Ack_is_in_the_trace_of_its_ctx_or_message(t *testing.T) {
	for name, opts := range map[string][]stompotel.Option{"parent": nil, "linked": {stompotel.WithLinkedTraces()}} {
		rig.Bubble(t, name, func(t *testing.T) {
			l := newLab(t)
			made, f := deliver(t, l, [][2]string{{"traceparent", someone}}, opts...)
			rig.ErrorIs(t, made.Ack(t.Context(), f), stomp.ErrNotAckable) // in auto mode
			s := l.takeOne()
			if child := traceparent(s.Parent()) == someone; child != (name == "parent") || traceparent(s.Links()[0].SpanContext) != someone {
				t.Errorf("parent %v, links %v", s.Parent(), s.Links())
			}
			ctx, span := l.tracer.Start(t.Context(), "settle")
			made.Nack(ctx, f)
			span.End()
			ended := l.take()
			isChild(t, ended[0], ended[1])
		})
	}
}

// A frame that nobody delivered, of a test perhaps, has what it has.
func TestTelemetry_Start_of_a_frame_without_anything(t *testing.T) {
	l := newLab(t)
	made := l.telemetry()
	rig.OK(t, made.Process(t.Context(), stomp.Frame{}, func(context.Context) error { return nil }))
	rig.Equal(t, "the span", describe(l.takeOne()), []string{"process consumer", "messaging.message.body.size=0",
		"messaging.operation.name=process", "messaging.operation.type=process", "messaging.system=stomp"})
	rig.ErrorIs(t, made.Nack(t.Context(), stomp.Frame{}), stomp.ErrNotAckable)
}
