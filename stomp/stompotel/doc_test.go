package stompotel_test

import (
	"context"
	"os"
	"regexp"
	"slices"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// The package's documentation lists every metric, with its unit and kind.
func TestDoc_lists_every_metric(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	rig.OK(t, err)
	var listed []string
	for _, row := range regexp.MustCompile(`(?m)^//\t((?:stomp|messaging)\.\S+) +(\S+)(?: \(d\))? +(counter|state|histogram)\b`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, row[1]+" "+row[2]+" "+row[3])
	}
	var made []string
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t)
		telemetry := l.telemetry()
		c := rig.Connect(t, rig.PipeBroker(t), telemetry.ConnectOption())
		l.observe(telemetry, c)
		messages, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithReceipt())
		rig.OK(t, err)
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil))
		rig.OK(t, telemetry.Process(t.Context(), <-messages, func(context.Context) error { return nil }))
		var all metricdata.ResourceMetrics
		rig.OK(t, l.reader.Collect(t.Context(), &all))
		for _, m := range all.ScopeMetrics[0].Metrics {
			kind := "histogram"
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && sum.IsMonotonic {
				kind = "counter"
			} else if ok {
				kind = "state"
			}
			made = append(made, m.Name+" "+m.Unit+" "+kind)
			if m.Description == "" {
				t.Errorf("%s has no description", m.Name)
			}
		}
	})
	slices.Sort(listed)
	slices.Sort(made)
	rig.Equal(t, "the list", listed, made)
}
