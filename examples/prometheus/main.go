// Prometheus is a service that can be watched: it publishes orders, makes those that it receives, and has
// OpenTelemetry's metrics of both on /metrics, as Prometheus scrapes them; with -spans it prints each span. It runs on
// the embedded broker, or with -url on a real one, until Ctrl-C: then it makes the orders that it has before it ends.
//
//	cd examples/prometheus
//	go run . -spans
//	go run . -url ws://127.0.0.1:15674/ws -login guest -passcode guest
//	curl http://127.0.0.1:9464/metrics
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	client_golang "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const queue = "/queue/orders"

type config struct {
	url, listen string
	every       time.Duration // between two orders
	takes       time.Duration // to make one
	spans       bool          // are printed
}

func main() {
	var c config
	broker := brokerflag.Define() // -url, -login and -passcode
	flag.StringVar(&c.listen, "listen", "127.0.0.1:9464", "where /metrics is")
	flag.DurationVar(&c.every, "every", time.Second, "time between two orders")
	flag.DurationVar(&c.takes, "takes", 100*time.Millisecond, "time that an order takes")
	flag.BoolVar(&c.spans, "spans", false, "print each span")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
		fmt.Println("embedded broker at", broker.URL)
	}
	c.url = broker.URL
	if err := run(ctx, os.Stdout, c, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends, which is no error.
func run(ctx context.Context, out io.Writer, c config, opts ...stomp.ConnectOption) (err error) {
	registry := client_golang.NewRegistry()
	exporter, err := prometheus.New(prometheus.WithRegisterer(registry), prometheus.WithoutScopeInfo())
	if err != nil {
		return err
	}
	tracers := trace.NewTracerProvider()
	if c.spans {
		tracers.RegisterSpanProcessor(trace.NewBatchSpanProcessor(printer{out}))
	}
	meters := metric.NewMeterProvider(metric.WithReader(exporter))
	defer func() { // after the Client's end: prints the spans that are left. Providers that push export their last here
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, tracers.Shutdown(bounded), meters.Shutdown(bounded))
	}()
	telemetry, err := stompotel.New(
		stompotel.WithMeterProvider(meters),
		stompotel.WithTracerProvider(tracers),
		stompotel.WithPropagator(propagation.TraceContext{}))
	if err != nil {
		return err
	}

	client, err := stomp.Connect(ctx, c.url, append(opts, telemetry.ConnectOption())...)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer client.Close()
	stop, err := telemetry.Observe(client)
	if err != nil {
		return err
	}
	defer func() { client.Close(); stop() }() // the last figures are those of its end

	listener, err := net.Listen("tcp", c.listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "metrics at http://%s/metrics\n", listener.Addr())
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}

	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return publish(ctx, client, out, c.every) })
	tasks.Go(func() error { return work(ctx, client, telemetry, c.takes) })
	tasks.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	tasks.Go(func() error { // ends when one of the others fails, and when ctx ends
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(client.Drain(grace), server.Close())
	})
	return tasks.Wait()
}

// publish sends an order every so often, until ctx ends. It goes on when one is not confirmed, which may have arrived
// all the same.
func publish(ctx context.Context, client *stomp.Client, out io.Writer, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		bounded, cancel := context.WithTimeout(ctx, time.Minute) // RabbitMQ does not tell that it has rejected a message
		err := client.Send(bounded, queue, []byte("tea "+strconv.Itoa(n)), stomp.WithRetry())
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, context.DeadlineExceeded):
			fmt.Fprintln(out, err)
		case err != nil:
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// work makes orders until Drain has ended the subscription. One in ten fails at first.
func work(ctx context.Context, client *stomp.Client, telemetry *stompotel.Telemetry, takes time.Duration) error {
	// The end of ctx would end the subscription at once, and what is done would not be acknowledged.
	working := context.WithoutCancel(ctx)
	orders, err := client.NewSubscription(working, queue, stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt(),
		stomp.WithHeader("prefetch-count", "10")) // which Drain waits for
	if err != nil {
		return unlessEnded(ctx, err)
	}
	for order := range orders.C {
		settle := telemetry.Ack
		if err := telemetry.Process(working, order, func(context.Context) error { return makeOrder(order, takes) }); err != nil {
			settle = telemetry.Nack // RabbitMQ and the embedded broker deliver it again
		}
		// ErrStale: its session is over, so the broker delivers it again.
		if err := settle(working, order); err != nil && !errors.Is(err, stomp.ErrStale) {
			return err
		}
	}
	return orders.Err() // nil after Drain
}

func makeOrder(order stomp.Frame, takes time.Duration) error {
	time.Sleep(takes)
	if strings.HasSuffix(string(order.Body), "0") && !order.Redelivered() {
		return errors.New("the milk is sour")
	}
	return nil
}

// unlessEnded returns err, but nil when ctx has ended: then everything fails.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// printer prints spans, one on a line.
type printer struct{ out io.Writer }

func (p printer) ExportSpans(_ context.Context, spans []trace.ReadOnlySpan) error {
	for _, s := range spans {
		fmt.Fprintf(p.out, "%s %s %v in trace %s %s\n", s.Name(), s.SpanKind(), s.EndTime().Sub(s.StartTime()).Round(time.Microsecond),
			s.SpanContext().TraceID(), s.Status().Description)
	}
	return nil
}

func (printer) Shutdown(context.Context) error { return nil }
