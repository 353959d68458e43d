package stompotel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
)

// On a real RabbitMQ: the context goes through queues, topics and replies, through a NACK and a restart of the server,
// and one span is one call.
func TestTelemetry_on_RabbitMQ(t *testing.T) {
	if os.Getenv("WEBSTOMP_INTEROP") == "" {
		t.Skip("starts a real broker: set WEBSTOMP_INTEROP=1 (internal/interop/install installs what it needs)")
	}
	server, err := broker.NewRabbitMQ(filepath.Join(t.TempDir(), "data"), broker.RabbitMQOptions{})
	rig.OK(t, err)
	defer server.Stop()
	rig.OK(t, server.Start(t.Context()))
	l := newLab(t)
	connect := func() (*stompotel.Telemetry, *stomp.Client) {
		made := l.telemetry()
		c := rig.Connect(t, server.URL(), stomp.WithLogin("guest", "guest"), stomp.WithReconnect(rig.QuickBackoff), made.ConnectOption())
		l.observe(made, c)
		return made, c
	}
	shop, customer := connect()
	kitchen, cook := connect()
	ctx := rig.Within(t, patience)

	t.Run("queue_and_reply", func(t *testing.T) {
		orders, err := cook.Subscribe(ctx, "/queue/orders", stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())
		rig.OK(t, err)
		served := make(chan error, 1)
		go func() { // joined below
			order := <-orders
			again := kitchen.Process(ctx, order, func(ctx context.Context) error { return kitchen.Nack(ctx, order) })
			order = <-orders
			served <- errors.Join(again, kitchen.Process(ctx, order, func(ctx context.Context) error {
				return errors.Join(cook.Reply(ctx, order, []byte("tea"), stomp.WithReceipt()), kitchen.Ack(ctx, order, stomp.WithReceipt()))
			}))
		}()
		reply, err := customer.Request(ctx, "/queue/orders", []byte("one tea"))
		rig.OK(t, err)
		rig.OK(t, <-served)
		rig.OK(t, shop.Process(ctx, reply, func(context.Context) error { return nil }))
		ended := l.take()
		var send sdk.ReadOnlySpan
		counts := map[string]int{}
		for _, s := range ended {
			counts[s.Name()+" "+s.SpanKind().String()]++
			if s.Name() == "send /queue/orders" {
				send = s
			}
		}
		want := map[string]int{"send /queue/orders producer": 1, "process /queue/orders consumer": 2, "nack /queue/orders client": 1,
			"ack /queue/orders client": 1, "send producer": 1, "process consumer": 1}
		for name, n := range want {
			if counts[name] != n {
				t.Errorf("%d spans %q, want %d", counts[name], name, n)
			}
		}
		if send == nil || len(counts) != len(want) {
			t.Fatalf("spans %v", counts)
		}
		redelivered := false
		for _, s := range ended {
			if s.SpanContext().TraceID() != send.SpanContext().TraceID() {
				t.Errorf("%s is in another trace", s.Name())
			}
			lines := strings.Join(describe(s), "\n")
			if !strings.Contains(lines, "messaging.system=rabbitmq\nserver.address=127.0.0.1\nserver.port=") {
				t.Errorf("a span says of its server:\n%s", lines)
			}
			redelivered = redelivered || strings.Contains(lines, "stomp.redelivered=true")
		}
		if !redelivered {
			t.Error("no span says that the message came again")
		}
	})

	t.Run("topic", func(t *testing.T) {
		var all []<-chan stomp.Frame
		for _, c := range []*stomp.Client{cook, customer} {
			messages, err := c.Subscribe(ctx, "/topic/price.*", stomp.WithReceipt())
			rig.OK(t, err)
			all = append(all, messages)
		}
		rig.OK(t, customer.Send(ctx, "/topic/price.tea", []byte("2"), stomp.WithReceipt()))
		for i, messages := range all {
			rig.OK(t, []*stompotel.Telemetry{kitchen, shop}[i].Process(ctx, rig.Body(t, messages, "2"), func(context.Context) error { return nil }))
		}
		ended := l.take()
		rig.Equal(t, "spans", names(ended), []string{"send /topic/price.tea", "process /topic/price.tea", "process /topic/price.tea"})
		isChild(t, ended[1], ended[0])
		isChild(t, ended[2], ended[0])
	})

	t.Run("restart", func(t *testing.T) {
		messages, err := cook.Subscribe(ctx, "/queue/kept", stomp.WithReceipt())
		rig.OK(t, err)
		server.Kill()
		sent := rig.Go(func() error { return customer.Send(ctx, "/queue/kept", []byte("tea"), stomp.WithRetry()) })
		rig.OK(t, server.Start(t.Context()))
		rig.OK(t, <-sent)
		f := rig.Body(t, messages, "tea")
		rig.OK(t, kitchen.Process(ctx, f, func(context.Context) error { return nil }))
		ended := l.take()
		rig.Equal(t, "spans", names(ended), []string{"send /queue/kept", "process /queue/kept"})
		isChild(t, ended[1], ended[0])
		if lines := describe(ended[1]); f.Epoch < 2 || !slices.Contains(lines, fmt.Sprint("stomp.epoch=", f.Epoch)) {
			t.Errorf("epoch %d, and the span has %v", f.Epoch, lines)
		}
		l.wantMetrics("sessions", "stomp.client.sessions", fmt.Sprint("stomp.client.sessions 1 127.0.0.1: ", customer.Stats().Sessions),
			fmt.Sprint("stomp.client.sessions 2 127.0.0.1: ", cook.Stats().Sessions))
	})
}
