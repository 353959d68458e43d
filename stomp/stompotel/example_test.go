package stompotel_test

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/propagation"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A message, and the two spans of its way in one trace. A program has a tracer provider that exports them instead of
// the recorder here.
func Example() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	spans := tracetest.NewSpanRecorder()

	telemetry, err := stompotel.New(
		stompotel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))),
		stompotel.WithPropagator(propagation.TraceContext{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := stomp.Connect(ctx, broker.URL(), telemetry.ConnectOption())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	stop, err := telemetry.Observe(client)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { client.Close(); stop() }() // in this order

	orders, err := client.Subscribe(ctx, "/queue/orders")
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := client.Send(ctx, "/queue/orders", []byte("tea")); err != nil {
		fmt.Println(err)
		return
	}
	order := <-orders
	err = telemetry.Process(ctx, order, func(ctx context.Context) error {
		fmt.Printf("making %s\n", order.Body)
		return nil
	})
	fmt.Println(err)

	ended := spans.Ended()
	for _, s := range ended {
		fmt.Println(s.Name(), s.SpanKind(), s.SpanContext().TraceID() == ended[0].SpanContext().TraceID())
	}
	// Output:
	// making tea
	// <nil>
	// send /queue/orders producer true
	// process /queue/orders consumer true
}
