package stompotel_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
)

// What a SEND and the processing of a message cost: with nothing (only SEND), with spans that are not sampled and no
// metrics, and with both, where spans are recorded and dropped.
func Benchmark(b *testing.B) {
	for _, kind := range []struct {
		name string
		opts []stompotel.Option
	}{
		{"unsampled", []stompotel.Option{stompotel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSampler(sdk.NeverSample()))), stompotel.WithMeterProvider(noop.NewMeterProvider())}},
		{"sampled", []stompotel.Option{stompotel.WithTracerProvider(sdk.NewTracerProvider(sdk.WithSpanProcessor(nowhere{})))}},
	} {
		made := newLab(b).telemetry(kind.opts...)
		broker := rig.NewBroker(b)
		c := rig.Connect(b, broker, made.ConnectOption())
		stop, err := made.Observe(c)
		rig.OK(b, err)
		defer stop()
		b.Run("send/"+kind.name, func(b *testing.B) { sendAll(b, c) })
		f := stomp.NewFrame("MESSAGE", stomp.Header{{"destination", "/queue/a"}, {"message-id", "1"}, {"traceparent", someone}}, make([]byte, 256))
		b.Run("process/"+kind.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				made.Process(b.Context(), f, func(context.Context) error { return nil })
			}
		})
	}
	c := rig.Connect(b, rig.NewBroker(b))
	b.Run("send/without", func(b *testing.B) { sendAll(b, c) })
}

func sendAll(b *testing.B, c *stomp.Client) {
	body := make([]byte, 256)
	b.ReportAllocs()
	for b.Loop() {
		rig.OK(b, c.Send(b.Context(), "/topic/a", body)) // to nobody
	}
	rig.OK(b, c.Flush(b.Context()))
}

// nowhere is a span processor that keeps nothing.
type nowhere struct{}

func (nowhere) OnStart(context.Context, sdk.ReadWriteSpan) {}
func (nowhere) OnEnd(sdk.ReadOnlySpan)                     {}
func (nowhere) Shutdown(context.Context) error             { return nil }
func (nowhere) ForceFlush(context.Context) error           { return nil }
