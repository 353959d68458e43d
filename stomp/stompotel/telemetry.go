package stompotel

import (
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/webstomp/webstomp/stomp"
)

// scope names this package to OpenTelemetry.
const scope = "github.com/webstomp/webstomp/stomp/stompotel"

// Telemetry makes the spans and metrics of one Client. Its methods may be called from any goroutine.
type Telemetry struct {
	cfg    config
	tracer trace.Tracer
	meter  metric.Meter
	instruments

	client atomic.Pointer[stomp.Client] // of Observe; nil: none now
	known  atomic.Pointer[server]       // of the latest session that was looked at; never nil

	mu           sync.RWMutex            // guards what follows; a leaf
	destinations map[string]*destination // by what names them, at most cfg.limit
	nameless     *destination            // of frames without one
	temporary    *destination
	others       *destination // beyond the limit
	servers      places       // those with series of their own
}

// New returns the Telemetry of one Client, whose [stomp.Connect] is given [Telemetry.ConnectOption]. A Telemetry may
// outlive its Client and serve the next one. The errors are those of instruments that the meter does not make, and of
// options that make no sense.
func New(opts ...Option) (*Telemetry, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if cfg.tracers == nil {
		cfg.tracers = otel.GetTracerProvider()
	}
	if cfg.meters == nil {
		cfg.meters = otel.GetMeterProvider()
	}
	t := &Telemetry{
		cfg:          cfg,
		tracer:       cfg.tracers.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		meter:        cfg.meters.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL)),
		destinations: make(map[string]*destination),
		servers:      make(places),
		nameless:     newDestination(""),
		temporary:    newDestination("", semconv.MessagingDestinationTemporary(true)),
		others:       newDestination("", semconv.MessagingDestinationName(other)),
	}
	t.known.Store(newServer(stomp.Session{}, cfg.clientID))
	t.instruments, err = newInstruments(t.meter)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// propagator is asked at each call: the global one may be set after New.
func (t *Telemetry) propagator() propagation.TextMapPropagator {
	if t.cfg.propagator != nil {
		return t.cfg.propagator
	}
	return otel.GetTextMapPropagator()
}

// server returns where the Client is connected to, or was last. Before Observe that is not known.
func (t *Telemetry) server() *server {
	known := t.known.Load()
	client := t.client.Load()
	if client == nil {
		return known
	}
	session := client.Status().Session
	if known.url == session.URL && known.header == session.Server {
		return known
	}
	known = newServer(session, t.cfg.clientID)
	t.mu.Lock()
	if !t.servers.take(known.set, maxServers) {
		known = known.other(t.cfg.clientID)
	}
	t.mu.Unlock()
	t.known.Store(known)
	return known
}
