package bench

import (
	"slices"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// A Sample is one measurement of one variant.
type Sample struct {
	N     int     // operations
	Value float64 // ns an operation, or bytes a connection
	Count float64 // allocations an operation, or goroutines a connection
}

// A Result has the samples of all rounds.
type Result struct {
	Measure
	samples [3][]Sample // by variant, then by round
}

// ratios are the client's values against those of another variant, round by round.
func (r Result) ratios(variant int) []float64 {
	var to []float64
	for i, s := range r.samples[client] {
		to = append(to, s.Value/r.samples[variant][i].Value)
	}
	return to
}

// Ratio is the median of the client's ratios to the same contract, and their
// extremes.
func (r Result) Ratio() (mid, least, most float64) {
	of := r.ratios(contract)
	return stat.Median(of), slices.Min(of), slices.Max(of)
}

// values are the median Value and Count of a variant.
func (r Result) values(variant int) (value, count float64) {
	var values, counts []float64
	for _, s := range r.samples[variant] {
		values, counts = append(values, s.Value), append(counts, s.Count)
	}
	return stat.Median(values), stat.Median(counts)
}

// countSlack is what a count may be above its target: pools that a collection
// has emptied and buffers that grow, spread over the operations of a sample.
const countSlack = 0.25

// GoalMet reports whether the client is within the Goal.
func (r Result) GoalMet() bool {
	mid, _, _ := r.Ratio()
	return mid <= Goal
}

// CountMet reports whether the client is within its Count.
func (r Result) CountMet() bool {
	_, count := r.values(client)
	return count <= r.Count+countSlack
}
