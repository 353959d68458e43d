package bench

import (
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/bench/stat"
	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) {
	RunIdle()
	leak.Main(m)
}

func BenchmarkReceive(b *testing.B)   { measured(b) }
func BenchmarkSend(b *testing.B)      { measured(b) }
func BenchmarkReceipt(b *testing.B)   { measured(b) }
func BenchmarkRoundTrip(b *testing.B) { measured(b) }
func BenchmarkIdle(b *testing.B)      { measured(b) }

// groups are the benchmarks there are.
var groups = []string{"Receive", "Send", "Receipt", "RoundTrip", "Idle"}

// measured runs the Measures of a benchmark's name, each variant by itself.
func measured(b *testing.B) {
	name := strings.TrimPrefix(b.Name(), "Benchmark")
	for _, m := range Measures {
		group, rest, _ := strings.Cut(m.Bench, "/")
		if group != name {
			continue
		}
		for _, v := range m.variants {
			b.Run(strings.TrimPrefix(rest+"/"+viaLabel+"="+v.name, "/"), func(b *testing.B) {
				if m.kind == perConnection {
					measuredIdle(b, m, v)
				} else {
					measuredLoad(b, m, v)
				}
			})
		}
	}
}

func measuredIdle(b *testing.B, m Measure, v variant) {
	s, err := m.kind.take(b.Context(), m, v, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(0, "ns/op") // it says nothing here
	b.ReportMetric(s.Value, m.kind.valueUnit)
	b.ReportMetric(s.Count, m.kind.countUnit)
}

func measuredLoad(b *testing.B, m Measure, v variant) {
	l, err := v.start(b.Context(), m.tls)
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := l.close(); err != nil {
			b.Error(err)
		}
	}()
	laps := make([]float64, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	if m.kind == perOperation {
		if err := l.run(b.N); err != nil {
			b.Fatal(err)
		}
		return
	}
	if err := l.laps(laps); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(stat.Median(laps), m.kind.valueUnit)
}
