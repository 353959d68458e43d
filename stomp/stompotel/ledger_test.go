package stompotel_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A job that ends before the first collection is in the last one, which a provider that pushes makes when it is shut
// down: what was counted, and that there is no session any more.
func TestTelemetry_Observe_reports_the_last_figures_after_stop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		c := rig.Connect(t, rig.PipeBroker(t), made.ConnectOption())
		stop, err := made.Observe(c)
		rig.OK(t, err)
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
		c.Close()
		rig.OK(t, stop())
		l.wantMetrics("frames", "stomp.client.frames", "stomp.client.frames 1 pipe.test receive: 1", "stomp.client.frames 1 pipe.test transmit: 1")
		var all metricdata.ResourceMetrics
		rig.OK(t, l.reader.Collect(t.Context(), &all))
		for _, m := range all.ScopeMetrics[0].Metrics {
			if m.Name == "stomp.client.connected" {
				if points := m.Data.(metricdata.Sum[int64]).DataPoints; len(points) == 1 && points[0].Value == 0 {
					return
				}
			}
		}
		t.Error("it does not say that there is no session")
	})
}

// The next Client of the same id goes on from the figures of the one before, of the same Telemetry or another, with
// and without a collection between them. No counter goes back, and none counts twice.
func TestTelemetry_Observe_counters_go_on_with_the_next_Client(t *testing.T) {
	for name, temporality := range map[string]metricdata.Temporality{"cumulative": metricdata.CumulativeTemporality, "delta": metricdata.DeltaTemporality} {
		for id, opts := range map[string][]stompotel.Option{"1": nil, "till": {stompotel.WithClientID("till")}} {
			rig.Bubble(t, name+"_"+id, func(t *testing.T) {
				l := newLab(t)
				l.reader = metric.NewManualReader(metric.WithTemporalitySelector(func(metric.InstrumentKind) metricdata.Temporality { return temporality }))
				l.meters = metric.NewMeterProvider(metric.WithReader(l.reader))
				b := rig.PipeBroker(t)
				var before int // transmitted, at the last collection
				want := func(what string, frames int) {
					t.Helper()
					value := frames
					if temporality == metricdata.DeltaTemporality {
						value -= before
					}
					before = frames
					if value == 0 {
						l.wantMetrics(what, "stomp.client.frames")
						return
					}
					l.wantMetrics(what, "stomp.client.frames", fmt.Sprint("stomp.client.frames ", id, " pipe.test receive: ", value), fmt.Sprint("stomp.client.frames ", id, " pipe.test transmit: ", value))
				}
				made := l.telemetry(opts...)
				work := func(sends int) (stop func()) {
					c := rig.Connect(t, b, made.ConnectOption())
					end, err := made.Observe(c)
					rig.OK(t, err)
					for range sends {
						rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
					}
					return func() {
						c.Close()
						rig.OK(t, end())
					}
				}
				stop := work(100)
				want("the first", 100)
				stop()
				stop = work(10)
				want("the second", 110)
				stop()
				want("none", 110)
				made = l.telemetry(opts...)
				stop = work(1)
				want("of another Telemetry", 111)
				stop()
				want("at last", 111)
			})
		}
	}
}

// What is reported of Clients that have gone is bounded, whatever ids they were given, and to whatever they had
// subscribed.
func TestTelemetry_Observe_keeps_few_figures_of_Clients_that_have_gone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		live := func(destination string, opts ...stompotel.Option) (stop func()) {
			made := l.telemetry(opts...)
			c := rig.Connect(t, b, made.ConnectOption())
			end, err := made.Observe(c)
			rig.OK(t, err)
			_, err = c.Subscribe(t.Context(), destination, stomp.WithReceipt())
			rig.OK(t, err)
			b.Publish(destination, nil, nil)
			synctest.Wait()
			l.metrics("stomp.")
			return func() {
				c.Close()
				rig.OK(t, end())
			}
		}
		for i := range 5 {
			live(fmt.Sprint("/topic/", i), stompotel.WithDestinationLimit(2))()
		}
		l.wantMetrics("received", "stomp.subscription.received", "stomp.subscription.received.messages 1 pipe.test /topic/0: 1",
			"stomp.subscription.received.messages 1 pipe.test /topic/1: 1", "stomp.subscription.received.messages 1 pipe.test _OTHER: 3")
		kept := live("/topic/a", stompotel.WithClientID("user-0"))
		for i := range 150 {
			live("/topic/a", stompotel.WithClientID(fmt.Sprint("user-", i)))()
		}
		lines := l.metrics("stomp.client.sessions")
		if len(lines) != 101 {
			t.Errorf("%d Clients are reported, want the last 100 and the one that is there", len(lines))
		}
		rig.Equal(t, "the one that is there", lines[:1], []string{"stomp.client.sessions user-0 pipe.test: 2"})
		kept()
		if n := len(l.metrics("stomp.client.sessions")); n != 100 {
			t.Errorf("%d Clients are reported, want the last 100", n)
		}
	})
}

// An endpoint that is another one at each connect makes no new series for ever, also where each Client has a
// Telemetry of its own. Spans have the address all the same.
func TestTelemetry_Observe_bounds_the_servers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		pod := 0
		discover := stomp.WithBeforeConnect(func(_ context.Context, a *stomp.Attempt) error {
			pod++
			a.URL = fmt.Sprintf("ws://pod-%02d.test:81/ws", pod)
			return nil
		})
		made := l.telemetry()
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff), discover, made.ConnectOption())
		stop, err := made.Observe(c)
		rig.OK(t, err)
		defer stop()
		_, err = c.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
		rig.OK(t, err)
		for range 20 {
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			l.metrics("stomp.")
			rig.OK(t, c.Reconnect(t.Context()))
		}
		l.metrics("stomp.")
		c.Close()
		rig.OK(t, stop())
		var sessions, messages []string
		for i := range 16 {
			sessions = append(sessions, fmt.Sprintf("stomp.client.sessions 1 pod-%02d.test: 1", i+1))
			messages = append(messages, fmt.Sprintf("messaging.client.sent.messages pod-%02d.test send /queue/a: 1", i+1))
		}
		l.wantMetrics("sessions", "stomp.client.sessions", append([]string{"stomp.client.sessions 1 _OTHER: 5"}, sessions...)...)
		l.wantMetrics("sent", "messaging.client.sent", append([]string{"messaging.client.sent.messages _OTHER send /queue/a: 4"}, messages...)...)
		ended := l.take()
		last := describe(ended[len(ended)-1])
		rig.Equal(t, "the last span", last[len(last)-2:], []string{"server.address=pod-20.test", "server.port=81"})

		another := l.telemetry()
		l.observe(another, rig.Connect(t, b, discover, another.ConnectOption()))
		l.wantMetrics("of another", "stomp.client.sessions", append([]string{"stomp.client.sessions 1 _OTHER: 6"}, sessions...)...)
	})
}

// The package keeps no meter provider in memory.
func TestTelemetry_Observe_leaves_its_meter_provider_to_the_garbage_collector(t *testing.T) {
	gone := make(chan bool)
	func() {
		l := newLab(t)
		b := stomptest.NewBroker()
		defer b.Close()
		c, err := stomp.Connect(t.Context(), b.URL())
		rig.OK(t, err)
		defer c.Close()
		stop, err := l.telemetry().Observe(c)
		rig.OK(t, err)
		rig.OK(t, stop())
		runtime.AddCleanup(l.meters, func(gone chan bool) { close(gone) }, gone)
	}()
	runtime.GC()
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("it is still there")
	}
}
