package stompotel_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// lab is what spans and metrics of a test go to.
type lab struct {
	t       testing.TB
	spans   *tracetest.SpanRecorder
	tracers *sdk.TracerProvider
	reader  *metric.ManualReader
	meters  *metric.MeterProvider
	tracer  trace.Tracer // of the test's own spans
}

func newLab(t testing.TB) *lab {
	l := &lab{t: t, spans: tracetest.NewSpanRecorder(), reader: metric.NewManualReader()}
	l.tracers = sdk.NewTracerProvider(sdk.WithSpanProcessor(l.spans))
	l.meters = metric.NewMeterProvider(metric.WithReader(l.reader))
	l.tracer = l.tracers.Tracer("test")
	return l
}

// telemetry returns one that writes into the lab.
func (l *lab) telemetry(opts ...stompotel.Option) *stompotel.Telemetry {
	l.t.Helper()
	own := []stompotel.Option{stompotel.WithTracerProvider(l.tracers), stompotel.WithMeterProvider(l.meters),
		stompotel.WithPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))}
	made, err := stompotel.New(append(own, opts...)...)
	rig.OK(l.t, err)
	return made
}

// observe observes c until the test ends.
func (l *lab) observe(made *stompotel.Telemetry, c *stomp.Client) {
	l.t.Helper()
	stop, err := made.Observe(c)
	rig.OK(l.t, err)
	l.t.Cleanup(func() { rig.OK(l.t, stop()) })
}

// take returns the spans that have ended since it was last called, by their end.
func (l *lab) take() []sdk.ReadOnlySpan {
	ended := l.spans.Ended()
	l.spans.Reset()
	return ended
}

// takeOne returns the only span that has ended.
func (l *lab) takeOne() sdk.ReadOnlySpan {
	l.t.Helper()
	ended := l.take()
	if len(ended) != 1 {
		l.t.Fatalf("%d spans have ended, want one: %v", len(ended), names(ended))
	}
	return ended[0]
}

func names(spans []sdk.ReadOnlySpan) (all []string) {
	for _, s := range spans {
		all = append(all, s.Name())
	}
	return all
}

// describe is a span on one line for each attribute, sorted by name: what a test compares.
func describe(s sdk.ReadOnlySpan) []string {
	lines := []string{fmt.Sprint(s.Name(), " ", s.SpanKind())}
	if status := s.Status(); status.Code != codes.Unset {
		lines[0] += fmt.Sprintf(" %s %q", status.Code, status.Description)
	}
	var attributes []string
	for _, a := range s.Attributes() {
		attributes = append(attributes, text(a))
	}
	slices.Sort(attributes)
	return append(lines, attributes...)
}

func text(a attribute.KeyValue) string { return fmt.Sprintf("%s=%s", a.Key, a.Value.String()) }

// metrics collects, and returns a line for each data point of those whose name begins with prefix: its name, its
// attributes and its value, of histograms count and sum. Points at 0 are left out.
func (l *lab) metrics(prefix string) (lines []string) {
	l.t.Helper()
	var all metricdata.ResourceMetrics
	rig.OK(l.t, l.reader.Collect(context.Background(), &all))
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			if !strings.HasPrefix(m.Name, prefix) {
				continue
			}
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if p.Value != 0 {
						lines = append(lines, line(m.Name, p.Attributes, p.Value))
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					lines = append(lines, line(m.Name, p.Attributes, fmt.Sprint(p.Count, "x ", p.Sum, " s")))
				}
			default:
				l.t.Errorf("%s is a %T", m.Name, data)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// shown are the attributes that line shows, in this order: the others are the same everywhere.
var shown = []attribute.Key{"messaging.client.id", "server.address", "messaging.operation.name", "messaging.destination.name",
	"messaging.destination.template", "messaging.destination.temporary", "network.io.direction", "error.type"}

func line(name string, attributes attribute.Set, value any) string {
	text := name
	for _, key := range shown {
		if v, ok := attributes.Value(key); ok {
			text += " " + v.String()
		}
	}
	return fmt.Sprint(text, ": ", value)
}

// wantMetrics compares the metrics that begin with prefix.
func (l *lab) wantMetrics(what, prefix string, want ...string) {
	l.t.Helper()
	rig.Equal(l.t, what, l.metrics(prefix), want)
}

// host returns the host that a broker's URL names.
func host(t testing.TB, b *stomptest.Broker) string {
	t.Helper()
	u, err := url.Parse(b.URL())
	rig.OK(t, err)
	return u.Hostname()
}

// patience bounds a test against a real server, whose start takes seconds.
const patience = 2 * time.Minute
