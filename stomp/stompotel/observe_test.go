package stompotel_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// without leaves out the lines that begin with one of the prefixes: figures that are not the test's business.
func without(lines []string, prefixes ...string) (rest []string) {
next:
	for _, line := range lines {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				continue next
			}
		}
		rest = append(rest, line)
	}
	return rest
}

// What Stats and Subscriptions say is what is reported: while there is a session, in an outage, and after the end.
func TestTelemetry_Observe_reports_what_the_Client_says(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{Min: time.Minute, Max: time.Minute}), made.ConnectOption())
		stop, err := made.Observe(c)
		rig.OK(t, err)
		sub, err := c.NewSubscription(t.Context(), "/topic/prices", stomp.WithReceipt(), stomp.WithBuffer(10, 0, stomp.OverflowDropOldest))
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/topic/prices", stomp.WithReceipt())
		rig.OK(t, err)
		b.Publish("/topic/prices", nil, []byte("1"))
		rig.Body(t, sub.C, "1")
		for range 12 {
			b.Publish("/topic/prices", nil, []byte("2"))
		}
		synctest.Wait()
		s := c.Stats()
		rig.Equal(t, "connected", l.metrics("stomp."), []string{
			"stomp.client.connect.attempts 1 pipe.test: 1",
			"stomp.client.connected 1 pipe.test: 1",
			"stomp.client.dropped.frames 1 pipe.test: 2",
			"stomp.client.frames 1 pipe.test receive: 28", // two RECEIPTs, 13 MESSAGEs each
			"stomp.client.frames 1 pipe.test transmit: 2", // SUBSCRIBEs
			fmt.Sprint("stomp.client.io 1 pipe.test receive: ", s.BytesReceived),
			fmt.Sprint("stomp.client.io 1 pipe.test transmit: ", s.BytesSent),
			"stomp.client.queued.frames 1 pipe.test: 23",
			fmt.Sprint("stomp.client.queued.size 1 pipe.test: ", s.QueuedBytes),
			"stomp.client.sessions 1 pipe.test: 1",
			"stomp.client.subscriptions 1 pipe.test: 2",
			"stomp.subscription.delivered.messages 1 pipe.test /topic/prices: 1",
			"stomp.subscription.dropped.messages 1 pipe.test /topic/prices: 2",
			"stomp.subscription.open 1 pipe.test /topic/prices: 2",
			"stomp.subscription.queued.messages 1 pipe.test /topic/prices: 23",
			fmt.Sprint("stomp.subscription.queued.size 1 pipe.test /topic/prices: ", s.QueuedBytes),
			"stomp.subscription.received.messages 1 pipe.test /topic/prices: 26",
		})
		b.RefuseHandshakes(503, "starting")
		b.Cut()
		time.Sleep(10 * time.Minute) // some attempts
		failed := c.Stats().FailedAttempts
		rig.Equal(t, "in an outage", without(l.metrics("stomp."), "stomp.client.io", "stomp.client.frames", "stomp.client.heart_beats", "stomp.client.queued", "stomp.subscription.queued",
			"stomp.subscription.received", "stomp.subscription.delivered", "stomp.subscription.dropped", "stomp.client.dropped"), []string{
			fmt.Sprint("stomp.client.connect.attempts 1 pipe.test: ", failed+1),
			fmt.Sprint("stomp.client.connect.failures 1 pipe.test: ", failed),
			"stomp.client.sessions 1 pipe.test: 1",
			"stomp.client.subscriptions 1 pipe.test: 2",
			"stomp.subscription.open 1 pipe.test /topic/prices: 2",
			"stomp.subscription.waiting 1 pipe.test /topic/prices: 2",
		})
		if failed == 0 {
			t.Error("no attempt has failed")
		}
		c.Close()
		rig.Equal(t, "after the end", without(l.metrics("stomp.sub"), "stomp.subscription.dropped", "stomp.subscription.delivered"), []string{"stomp.subscription.received.messages 1 pipe.test /topic/prices: 26"})
		ended := l.metrics("stomp.")
		rig.OK(t, stop())
		rig.OK(t, stop())
		l.wantMetrics("after stop", "stomp.", ended...)
	})
}

// A counter grows where the Client is connected: what it has done on one server is not the next one's.
func TestTelemetry_Observe_tells_servers_apart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		r := rig.NewRoute(t)
		c := rig.Connect(t, r, stomp.WithReconnect(rig.QuickBackoff), stomp.WithFailover("ws://second.test:81/ws"), made.ConnectOption())
		l.observe(made, c)
		w := c.Watch(t.Context())
		down := map[string]bool{}
		address := func() string {
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			for _, line := range describe(l.takeOne()) {
				if a, ok := strings.CutPrefix(line, "server.address="); ok {
					return a
				}
			}
			return ""
		}
		one := address()
		l.wantMetrics("at first", "stomp.client.sessions", "stomp.client.sessions 1 "+one+": 1")
		down[one] = true
		r.PlanByHost(func(host string) rig.Trouble {
			if down[host] {
				return rig.NoDial
			}
			return rig.Well
		})
		r.Broker.Cut()
		rig.UntilSession(t, w, 2)
		two := address()
		if two != "second.test" || one == two {
			t.Fatalf("from %s to %s", one, two)
		}
		l.wantMetrics("on the second", "stomp.client.sessions", "stomp.client.sessions 1 "+one+": 1", "stomp.client.sessions 1 "+two+": 1")
		l.wantMetrics("connected", "stomp.client.connected", "stomp.client.connected 1 "+two+": 1")
		l.wantMetrics("sent", "messaging.client.sent", "messaging.client.sent.messages "+one+" send /queue/a: 1", "messaging.client.sent.messages "+two+" send /queue/a: 1")
	})
}

// A subscription's counters stay when it has ended, and go on when its id is used again.
func TestTelemetry_Observe_counters_never_go_back(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry()
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, made.ConnectOption())
		l.observe(made, c)
		for _, life := range []struct {
			destination string
			messages    int
			want        string // "": nobody asks
			collected   bool   // again, when it has ended
		}{
			{"/topic/prices", 5, "5", false}, {"/topic/prices", 2, "7", false}, {"/topic/prices", 3, "", false}, {"/topic/prices", 1, "8", true},
			{"/topic/prices", 4, "12", false}, {"/topic/others", 6, "6", false},
		} {
			ctx, end := context.WithCancel(t.Context())
			sub, err := c.NewSubscription(ctx, life.destination, stomp.WithReceipt(), stomp.WithID("same"))
			rig.OK(t, err)
			for range life.messages {
				b.Publish(life.destination, nil, []byte("x"))
			}
			synctest.Wait()
			want := "stomp.subscription.received.messages 1 pipe.test " + life.destination + ": " + life.want
			if life.want != "" && !slices.Contains(l.metrics("stomp.subscription.received"), want) {
				t.Errorf("not %q but %v", want, l.metrics("stomp.subscription.received"))
			}
			end()
			<-sub.Done()
			synctest.Wait()
			if life.collected {
				l.wantMetrics("open", "stomp.subscription.open")
			}
		}
		l.wantMetrics("open", "stomp.subscription.open")
		l.wantMetrics("received", "stomp.subscription.received", "stomp.subscription.received.messages 1 pipe.test /topic/others: 6",
			"stomp.subscription.received.messages 1 pipe.test /topic/prices: 12")
	})
}

// Destinations beyond the limit are one; those of a template are one; temporary ones have no name. Members of Groups
// count as subscriptions.
func TestWithDestinationLimit_bounds_the_series(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry(stompotel.WithDestinationLimit(2), stompotel.WithDestinationTemplate(func(destination string) string {
			if strings.HasPrefix(destination, "/topic/price.") {
				return "/topic/price.{symbol}"
			}
			return ""
		}))
		c := rig.Connect(t, rig.PipeBroker(t), made.ConnectOption())
		l.observe(made, c)
		g, err := c.NewGroup(t.Context())
		rig.OK(t, err)
		for i := range 1000 {
			_, err := g.Add(t.Context(), fmt.Sprint("/topic/price.", i))
			rig.OK(t, err)
		}
		for _, destination := range []string{"/queue/a", "/queue/b", "/queue/c", "/queue/a", "/temp-queue/x"} {
			_, err := c.Subscribe(t.Context(), destination, stomp.WithReceipt())
			rig.OK(t, err)
		}
		l.wantMetrics("open", "stomp.subscription.open",
			"stomp.subscription.open 1 pipe.test /queue/a: 2",
			"stomp.subscription.open 1 pipe.test /topic/price.{symbol}: 1000",
			"stomp.subscription.open 1 pipe.test _OTHER: 2",
			"stomp.subscription.open 1 pipe.test true: 1",
		)
		for _, destination := range []string{"/queue/b", "/topic/price.9", "/queue/a", "/temp-queue/x"} {
			rig.OK(t, c.Send(t.Context(), destination, nil))
		}
		l.wantMetrics("sent", "messaging.client.sent",
			"messaging.client.sent.messages pipe.test send /queue/a: 1",
			"messaging.client.sent.messages pipe.test send /topic/price.{symbol}: 1",
			"messaging.client.sent.messages pipe.test send _OTHER: 1",
			"messaging.client.sent.messages pipe.test send true: 1",
		)
		var spans []string
		for _, s := range l.take() {
			lines := describe(s)
			spans = append(spans, strings.Join(lines[:3], " "))
		}
		rig.Equal(t, "spans", spans, []string{
			"send producer messaging.destination.name=/queue/b messaging.message.body.size=0",
			"send /topic/price.{symbol} producer messaging.destination.name=/topic/price.9 messaging.destination.template=/topic/price.{symbol}",
			"send /queue/a producer messaging.destination.name=/queue/a messaging.message.body.size=0",
			"send producer messaging.destination.name=/temp-queue/x messaging.destination.temporary=true",
		})
	})
}

// Strangers choose how long a name is: one of over 255 bytes takes no place of the limit and is in no series. What
// has a short template is named by that.
func TestWithDestinationLimit_bounds_the_length_of_names(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry(stompotel.WithDestinationLimit(2), stompotel.WithDestinationTemplate(func(destination string) string {
			if strings.HasPrefix(destination, "/queue/user.") {
				return "/queue/user.{name}"
			}
			return ""
		}))
		c := rig.Connect(t, rig.PipeBroker(t), made.ConnectOption())
		longest := "/queue/" + strings.Repeat("x", 248)
		for _, destination := range []string{longest + "x", longest, "/queue/user." + longest} {
			rig.OK(t, c.Send(t.Context(), destination, nil))
		}
		l.wantMetrics("sent", "messaging.client.sent",
			"messaging.client.sent.messages send /queue/user.{name}: 1",
			"messaging.client.sent.messages send "+longest+": 1",
			"messaging.client.sent.messages send _OTHER: 1",
		)
		rig.Equal(t, "spans", names(l.take()), []string{"send", "send " + longest, "send /queue/user.{name}"})
	})
}

// Two Clients of one endpoint have numbers; that of one that has gone is used again.
func TestTelemetry_Observe_several_Clients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		b := rig.PipeBroker(t)
		one, two, named := l.telemetry(), l.telemetry(), l.telemetry(stompotel.WithClientID("till"))
		first := rig.Connect(t, b)
		stop, err := one.Observe(first)
		rig.OK(t, err)
		l.observe(two, rig.Connect(t, b))
		l.observe(named, rig.Connect(t, b))
		l.wantMetrics("three", "stomp.client.connected", "stomp.client.connected 1 pipe.test: 1", "stomp.client.connected 2 pipe.test: 1", "stomp.client.connected till pipe.test: 1")

		_, err = one.Observe(rig.Connect(t, b))
		rig.ErrorSays(t, err, "Observe", "a Client already")
		_, err = one.Observe(nil)
		rig.ErrorSays(t, err, "no Client")
		rig.OK(t, stop())
		l.wantMetrics("two", "stomp.client.connected", "stomp.client.connected 2 pipe.test: 1", "stomp.client.connected till pipe.test: 1")
		l.observe(one, rig.Connect(t, b)) // the next one
		l.wantMetrics("again", "stomp.client.connected", "stomp.client.connected 1 pipe.test: 1", "stomp.client.connected 2 pipe.test: 1", "stomp.client.connected till pipe.test: 1")
	})
}

// Two readers see the same totals, whoever asks first.
func TestTelemetry_Observe_of_two_readers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		other := metric.NewManualReader()
		l.reader = metric.NewManualReader()
		l.meters = metric.NewMeterProvider(metric.WithReader(l.reader), metric.WithReader(other))
		made := l.telemetry()
		c := rig.Connect(t, rig.PipeBroker(t))
		l.observe(made, c)
		for want := 1; want < 3; want++ {
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			for range 2 {
				l.wantMetrics("frames", "stomp.client.frames", fmt.Sprint("stomp.client.frames 1 pipe.test receive: ", want), fmt.Sprint("stomp.client.frames 1 pipe.test transmit: ", want))
				l.reader, other = other, l.reader
			}
		}
	})
}

// The address is the endpoint's, with the port that is dialled where it names none.
func TestTelemetry_Observe_names_the_endpoint(t *testing.T) {
	for url, want := range map[string]string{
		"ws://one.test/ws":    "server.address=one.test server.port=80",
		"wss://one.test/ws":   "server.address=one.test server.port=443",
		"ws://[::1]:15674/ws": "server.address=::1 server.port=15674",
		"tcp://one.test":      "server.address=one.test server.port=61613",
	} {
		rig.Bubble(t, want, func(t *testing.T) {
			l := newLab(t)
			made := l.telemetry()
			b := rig.PipeBroker(t, stomptest.WithTCP())
			c, err := stomp.Connect(t.Context(), url, stomp.WithDialer(b.Dial), made.ConnectOption())
			rig.OK(t, err)
			t.Cleanup(func() { c.Close() })
			l.observe(made, c)
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil))
			lines := describe(l.takeOne())
			if got := strings.Join(lines[len(lines)-2:], " "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
