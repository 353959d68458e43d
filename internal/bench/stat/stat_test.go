package stat_test

import (
	"slices"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

func TestMedian_is_in_the_middle_and_keeps_the_order(t *testing.T) {
	for _, tc := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 2, 9}, 3},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		before := slices.Clone(tc.values)
		if got := stat.Median(tc.values); got != tc.want || !slices.Equal(tc.values, before) {
			t.Errorf("%v: %v, want %v; now they are %v", before, got, tc.want, tc.values)
		}
	}
	if got := stat.Median([]time.Duration{3, 1, 2}); got != 2 {
		t.Errorf("%v, want 2ns", got)
	}
	if got := stat.Median([]uint64{2, 4}); got != 3 {
		t.Errorf("%v, want 3", got)
	}
}

func TestDigits_are_three_or_all_before_the_point(t *testing.T) {
	for x, want := range map[float64]string{0: "0.00", 1.234: "1.23", 9.99: "9.99", 12.34: "12.3", 123.4: "123", 54_321: "54321"} {
		if got := stat.Digits(x); got != want {
			t.Errorf("%v: %q, want %q", x, got, want)
		}
	}
}
