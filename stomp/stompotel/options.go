package stompotel

import (
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Option is an option of [New].
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

type config struct {
	tracers    trace.TracerProvider          // nil: the global one
	meters     metric.MeterProvider          // nil: the global one
	propagator propagation.TextMapPropagator // nil: the global one, asked at each call
	clientID   string
	linked     bool
	limit      int
	template   func(destination string) string // nil: none
}

// defaultLimit is how many destinations have a name of their own in metrics. To Prometheus each is up to 79 time series
// without those of errors: 17 for each of four histograms, 2 counters of messages, 9 of subscriptions.
const defaultLimit = 100

func newConfig(opts []Option) (config, error) {
	c := config{limit: defaultLimit}
	for _, o := range opts {
		if o == nil {
			return c, errors.New("stompotel: a nil option")
		}
		o.apply(&c)
	}
	if c.limit < 0 {
		return c, fmt.Errorf("stompotel: WithDestinationLimit(%d): the limit is negative", c.limit)
	}
	return c, nil
}

// WithTracerProvider sets where spans go. The default, and what nil stands for, is otel.GetTracerProvider.
func WithTracerProvider(p trace.TracerProvider) Option {
	return option(func(c *config) { c.tracers = p })
}

// WithMeterProvider sets where metrics go. The default, and what nil stands for, is otel.GetMeterProvider.
func WithMeterProvider(p metric.MeterProvider) Option {
	return option(func(c *config) { c.meters = p })
}

// WithPropagator sets what writes the trace context into a SEND's header and reads it from a MESSAGE's. The default,
// and what nil stands for, is otel.GetTextMapPropagator, asked at each call; as long as nobody has set that, nothing
// is written. A propagator that writes an entry of the library's own, receipt for example, makes each SEND fail.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return option(func(c *config) { c.propagator = p })
}

// WithClientID sets messaging.client.id in all spans and metrics: a name that tells this Client from others, the same
// after a restart, so that it makes no new time series. By default only the metrics of [Telemetry.Observe] have one:
// the lowest number, from 1, that no other observed Client of the process has.
func WithClientID(id string) Option {
	return option(func(c *config) { c.clientID = id })
}

// WithLinkedTraces keeps the spans of consumers in the trace of their own ctx, or begins one, and only links to the
// producer's span. By default they continue the producer's trace, so that one trace shows a message from end to end,
// and are sampled as that is. Links alone are better where one message causes a lot of work, where a trace would last
// for days, and where producers are not trusted: a traceparent is the author's word.
func WithLinkedTraces() Option {
	return option(func(c *config) { c.linked = true })
}

// WithDestinationTemplate names destinations with a variable part in span names and metrics by what they have in
// common (messaging.destination.template): f returns "/queue/orders.{customer}" for /queue/orders.4711, and "" for
// those that have nothing of that kind. f is called for each message, by any goroutine. Spans have the full
// destination beside it.
func WithDestinationTemplate(f func(destination string) string) Option {
	return option(func(c *config) { c.template = f })
}

// WithDestinationLimit bounds how many destinations, templates among them, metrics and span names tell apart. The
// default is 100; one that is sent to, received from and acknowledged is some 80 time series to Prometheus, most of them
// buckets. The first that are seen have their names; all later ones are _OTHER together in metrics, and are left
// out of span names, whose attributes always have the destination. So are those of over 255 bytes. Temporary queues
// ([Client.Request]'s) count for none: they have no name in either. 0 names none.
//
// Whoever answers strangers' requests ([Client.Reply]) sends where they say, and their reply-to may take all places:
// a [WithDestinationTemplate] for those keeps them for others.
//
// [Client.Request]: https://pkg.go.dev/github.com/webstomp/webstomp/stomp#Client.Request
// [Client.Reply]: https://pkg.go.dev/github.com/webstomp/webstomp/stomp#Client.Reply
func WithDestinationLimit(n int) Option {
	return option(func(c *config) { c.limit = n })
}
