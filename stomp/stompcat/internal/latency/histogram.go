// Package latency has a histogram of durations.
package latency

import (
	"math/bits"
	"time"
)

// A power of two is divided into parts of equal width: a quantile is at most 1/64, 1.6 %, above the true one.
const (
	partBits = 6
	parts    = 1 << partBits
)

// Histogram counts durations of any length in a fixed 30 KiB. The zero value is empty. It is for one goroutine at a
// time.
type Histogram struct {
	counts [parts * (64 - partBits + 1)]uint64
	n      uint64
	max    time.Duration
}

// Add counts d. A negative one, from a clock that was set back, counts as 0.
func (h *Histogram) Add(d time.Duration) {
	d = max(d, 0)
	h.counts[index(d)]++
	h.n++
	h.max = max(h.max, d)
}

// Merge adds what other has counted.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.n += other.n
	h.max = max(h.max, other.max)
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.n }

// Max returns the longest duration, 0 if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile returns a duration that a share q, from 0 to 1, of all did not exceed; 0 if there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	rank := uint64(q * float64(h.n))
	if float64(rank) < q*float64(h.n) {
		rank++
	}
	rank = max(rank, 1)
	seen := uint64(0)
	for i, n := range h.counts {
		if seen += n; seen >= rank {
			return min(upper(i), h.max)
		}
	}
	return h.max
}

// index returns the place of d in counts: below parts nanoseconds each has one of its own, above that the highest bit
// chooses a row, and the partBits behind it the place in there.
func index(d time.Duration) int {
	v := uint64(d)
	if v < parts {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - partBits
	return (shift+1)*parts + int(v>>shift) - parts
}

// upper returns the longest duration that has place i.
func upper(i int) time.Duration {
	if i < parts {
		return time.Duration(i)
	}
	shift := i/parts - 1
	return time.Duration((uint64(i%parts+parts)+1)<<shift - 1)
}
