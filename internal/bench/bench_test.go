package bench

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) {
	RunIdle()
	leak.Main(m)
}

func BenchmarkReceive(b *testing.B)       { measured(b) }
func BenchmarkSubscriptions(b *testing.B) { measured(b) }
func BenchmarkSend(b *testing.B)          { measured(b) }
func BenchmarkReceipt(b *testing.B)       { measured(b) }
func BenchmarkRoundTrip(b *testing.B)     { measured(b) }
func BenchmarkIdle(b *testing.B)          { measured(b) }

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
					s, err := m.kind.take(b.Context(), v, 0)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(0, "ns/op") // it says nothing here
					b.ReportMetric(s.Value, m.kind.valueUnit)
					b.ReportMetric(s.Count, m.kind.countUnit)
					return
				}
				l, err := v.open(b.Context())
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
				b.ReportMetric(median(laps), m.kind.valueUnit)
			})
		}
	}
}

// Each measure has a benchmark, and a name of its own.
func TestEveryMeasureIsABenchmark(t *testing.T) {
	groups := []string{"Receive", "Subscriptions", "Send", "Receipt", "RoundTrip", "Idle"}
	seen := make(map[string]bool)
	for _, m := range Measures {
		if group, _, _ := strings.Cut(m.Bench, "/"); !slices.Contains(groups, group) {
			t.Errorf("%s has no benchmark", m.Bench)
		}
		if seen[m.Bench] || seen[m.Name] {
			t.Errorf("%s: %q stands there twice", m.Bench, m.Name)
		}
		seen[m.Bench], seen[m.Name] = true, true
	}
}

// Every variant of every measure works: operations are complete, nothing is left
// behind (TestMain), and the peer has no complaint.
func TestEveryVariant(t *testing.T) {
	for _, m := range Measures {
		for _, v := range m.variants {
			if v.open == nil {
				continue // TestIdle
			}
			t.Run(m.Bench+"/"+v.name, func(t *testing.T) {
				l, err := v.open(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range []int{1, 100, 300} {
					if err := l.run(n); err != nil {
						t.Error(err)
					}
				}
				if err := l.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestRun(t *testing.T) {
	some := []Measure{Measures[0], Measures[len(Measures)-2]}
	var told []string
	results, err := Run(t.Context(), some, 3, time.Millisecond, func(r Result) { told = append(told, r.Name) })
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != 2 || len(told) != 2 || told[0] != some[0].Name {
		t.Errorf("%d results, told of %q", len(results), told)
	}
	for _, r := range results {
		if len(r.samples) != len(r.variants) {
			t.Errorf("%s: samples of %d variants, want %d", r.Name, len(r.samples), len(r.variants))
		}
		for i, samples := range r.samples {
			if len(samples) != 3 {
				t.Errorf("%s: %d rounds, want 3", r.Name, len(samples))
			}
			for _, s := range samples {
				if s.N < 1 || s.Value <= 0 || s.Count < 0 {
					t.Errorf("%s, %s: %+v", r.Name, r.variants[i].name, s)
				}
			}
		}
	}
}

func TestRunFails(t *testing.T) {
	broken := func(context.Context) (*load, error) { return nil, fmt.Errorf("broken") }
	m := Measure{Name: "work", kind: perOperation, variants: []variant{{"bare", broken}, {"client", broken}}}
	_, err := Run(t.Context(), []Measure{m}, 1, time.Millisecond, nil)
	if err == nil || err.Error() != "work, bare: broken" {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, []Measure{m}, 1, time.Millisecond, nil); err != context.Canceled {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

// Every variant ends when its ctx does, with an error and without a leak.
func TestEveryVariantEndsWithItsContext(t *testing.T) {
	for _, m := range Measures {
		for _, v := range m.variants {
			if v.open == nil {
				continue
			}
			t.Run(m.Bench+"/"+v.name, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				l, err := v.open(ctx)
				if err != nil {
					t.Fatal(err)
				}
				cancel()
				const hours = 1 << 33 // operations
				if err := l.run(hours); err == nil {
					t.Error("it goes on without a peer")
				}
				if err := l.close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestIdle(t *testing.T) {
	const connections = 8
	goroutines := map[string]float64{"bare": 1, "client": 2}
	for variant, want := range goroutines {
		s, err := idle(t.Context(), variant, connections)
		if err != nil {
			t.Fatal(err)
		}
		if s.N != connections || s.Value <= 0 || s.Count != want {
			t.Errorf("%s: %+v; want %v goroutines", variant, s, want)
		}
	}
	if _, err := (idleOrder{Variant: "neither"}).run(t.Context()); err == nil {
		t.Error("an unknown variant is taken")
	}
}

func TestSpread(t *testing.T) {
	for _, n := range []int{0, 1, 7, 64, 65} {
		shares := make(chan int, 8)
		if err := spread(n, 8, func(n int) error { shares <- n; return nil }); err != nil {
			t.Error(err)
		}
		close(shares)
		sum, low, high := 0, n, 0
		for s := range shares {
			sum, low, high = sum+s, min(low, s), max(high, s)
		}
		if sum != n || high-low > 1 {
			t.Errorf("%d operations were made %d, from %d to %d each", n, sum, low, high)
		}
	}
	broken := fmt.Errorf("broken")
	if err := spread(8, 8, func(int) error { return broken }); err != broken {
		t.Errorf("got %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 9}, 3},
	} {
		if got := median(slices.Clone(tc.values)); got != tc.want {
			t.Errorf("%v: %v, want %v", tc.values, got, tc.want)
		}
	}
}
