// Package stat has the little that tables of figures need: which of several
// figures counts, and how many digits of it are shown.
package stat

import (
	"slices"
	"strconv"
)

// Median is the middle one of values, or the mean of the two in the middle. There
// must be one; values keep their order.
func Median[T ~int64 | ~uint64 | ~float64](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Digits writes x with three digits, or with all that are before the point.
func Digits(x float64) string {
	switch {
	case x < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}
