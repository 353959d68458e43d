package stompotel_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stompotel"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// sour is an error whose text and type are not UTF-8.
type sour struct{}

func (sour) Error() string     { return "sour caf\xe9" }
func (sour) ErrorType() string { return "caf\xe9" }

// An author who does not write UTF-8, or a handler who says the author's words again, does not spoil what is
// exported: exporters refuse everything as long as there is one text that is not UTF-8.
func TestTelemetry_exports_only_UTF8(t *testing.T) {
	for name, opts := range map[string][]stompotel.Option{
		"names": nil,
		"template": {stompotel.WithDestinationTemplate(func(destination string) string {
			return strings.ReplaceAll(destination, "/queue/", "/q/")
		})},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			l := newLab(t)
			made := l.telemetry(append(opts, stompotel.WithClientID("caf\xe9"))...)
			b := rig.PipeBroker(t, stomptest.WithTCP())
			c, err := stomp.Connect(t.Context(), "tcp://caf%e9.test:1", stomp.WithDialer(b.Dial), made.ConnectOption())
			rig.OK(t, err)
			t.Cleanup(func() { c.Close() })
			l.observe(made, c)
			sub, err := c.NewSubscription(t.Context(), "/queue/tea", stomp.WithID("s"), stomp.WithReceipt())
			rig.OK(t, err)
			b.SendRaw([]byte("MESSAGE\nsubscription:s\nmessage-id:m\xe9\ndestination:/queue/caf\xe9\ncorrelation-id:c\xe9\nreply-to:/queue/\xff\xfe\n\ntea\x00"))
			m := rig.Body(t, sub.C, "tea")
			ctx, done := made.Start(t.Context(), m)
			rig.Unsent(t, c.Reply(ctx, m, nil, stomp.WithHeader("amqp-message-id", "\xe9"))) // SEND has to be UTF-8
			done(fmt.Errorf("making it: %w", sour{}))
			rig.ErrorIs(t, made.Ack(t.Context(), m), stomp.ErrNotAckable)
			made.Process(t.Context(), m, func(context.Context) error { return errors.New(string(m.Body) + "\xe9") })

			ended := l.take()
			if len(ended) != 4 {
				t.Errorf("spans: %q", names(ended))
			}
			for _, s := range ended {
				isUTF8(t, s.Name(), s.Attributes())
				if status := s.Status().Description; !utf8.ValidString(s.Name()) || !utf8.ValidString(status) {
					t.Errorf("the status of %q is %q", s.Name(), status)
				}
			}
			var all metricdata.ResourceMetrics
			rig.OK(t, l.reader.Collect(t.Context(), &all))
			for _, m := range all.ScopeMetrics[0].Metrics {
				switch data := m.Data.(type) {
				case metricdata.Sum[int64]:
					for _, p := range data.DataPoints {
						isUTF8(t, m.Name, p.Attributes.ToSlice())
					}
				case metricdata.Histogram[float64]:
					for _, p := range data.DataPoints {
						isUTF8(t, m.Name, p.Attributes.ToSlice())
					}
				}
			}
		})
	}
}

func isUTF8(t *testing.T, what string, attributes []attribute.KeyValue) {
	t.Helper()
	for _, a := range attributes {
		if value := a.Value.String(); !utf8.ValidString(value) {
			t.Errorf("%s has %s=%q", what, a.Key, value)
		}
	}
}

// Names that are the same when they are clean are one, and take one place of the limit.
func TestTelemetry_of_names_that_are_the_same_when_clean(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		made := l.telemetry(stompotel.WithDestinationLimit(1))
		for _, destination := range []string{"/queue/\xe9", "/queue/\xe8", "/queue/\uFFFD"} {
			_, done := made.Start(t.Context(), stomp.NewFrame("MESSAGE", stomp.Header{{"destination", destination}}, nil))
			done(nil)
		}
		l.wantMetrics("consumed", "messaging.client.consumed", "messaging.client.consumed.messages process /queue/\uFFFD: 3")
	})
}
