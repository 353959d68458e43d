package latency

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A quantile is that of the sorted durations, or up to a sixty-fourth above it.
func TestHistogram_Quantile_is_near_the_true_one(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 999, 20_000} {
		var halves [2]Histogram
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = time.Duration(math.Exp(random.Float64() * 36)) // 1 ns to 50 days
			halves[i%2].Add(all[i])
		}
		h := halves[0]
		h.Merge(&halves[1])
		slices.Sort(all)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 1} {
			want := all[max(int(math.Ceil(q*float64(n))), 1)-1]
			if got := h.Quantile(q); got < want || float64(got) > float64(want)*(1+1.0/parts) {
				t.Errorf("%d durations: the quantile %v is %v, want %v", n, q, got, want)
			}
		}
		if h.Max() != all[n-1] || h.Count() != uint64(n) {
			t.Errorf("%d durations: max %v of %d, want %v", n, h.Max(), h.Count(), all[n-1])
		}
	}
}

func TestHistogram_takes_every_duration(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Errorf("empty: %v, %v", h.Quantile(0.5), h.Max())
	}
	for _, d := range []time.Duration{-5, 0, 1, 63, 64, 65, math.MaxInt64} {
		h.Add(d)
	}
	if h.Quantile(0) != 0 || h.Quantile(1) != math.MaxInt64 || h.Count() != 7 {
		t.Errorf("%v to %v of %d", h.Quantile(0), h.Quantile(1), h.Count())
	}
	for i := range len(h.counts) - 1 {
		if upper(i)+1 > 0 && index(upper(i)+1) != i+1 {
			t.Fatalf("behind %v, the last of place %d, comes place %d", upper(i), i, index(upper(i)+1))
		}
	}
}
