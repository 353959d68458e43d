package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/pprof"
	"time"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// Labels of a CPU profile: whose goroutine it was (a variant's name, or "peer",
// which package peer sets), and the measure.
const (
	viaLabel     = "via"
	measureLabel = "measure"
)

// Run measures each measure in that many rounds, the variants in turns, so that
// what changes on the machine changes for all of them. d is how long one sample
// takes, after its warm-up. done, if not nil, is called after each measure.
func Run(ctx context.Context, measures []Measure, rounds int, d time.Duration, done func(Result)) ([]Result, error) {
	var results []Result
	for _, m := range measures {
		r := Result{Measure: m}
		for range rounds {
			for i, v := range m.variants {
				s, err := m.take(ctx, v, d)
				if ctx.Err() != nil {
					return results, context.Cause(ctx)
				}
				if err != nil {
					return results, fmt.Errorf("%s, %s: %w", m.Name, v.name, err)
				}
				r.samples[i] = append(r.samples[i], s)
			}
		}
		results = append(results, r)
		if done != nil {
			done(r)
		}
	}
	return results, nil
}

func (m Measure) take(ctx context.Context, v variant, d time.Duration) (s Sample, err error) {
	pprof.Do(ctx, pprof.Labels(viaLabel, v.name, measureLabel, m.Bench), func(ctx context.Context) {
		s, err = m.kind.take(ctx, m, v, d)
	})
	return s, err
}

// takeMean divides a span of time by the operations in it.
func takeMean(ctx context.Context, m Measure, v variant, d time.Duration) (Sample, error) {
	return takeLoad(ctx, m, v, d, func(l *load, n int) (float64, error) {
		took, err := l.time(n)
		return float64(took) / float64(n), err
	})
}

// takeMedian times each operation.
func takeMedian(ctx context.Context, m Measure, v variant, d time.Duration) (Sample, error) {
	return takeLoad(ctx, m, v, d, func(l *load, n int) (float64, error) {
		laps := make([]float64, n)
		if err := l.laps(laps); err != nil {
			return 0, err
		}
		return stat.Median(laps), nil
	})
}

// laps runs as many operations as laps has room for and puts their times there.
func (l *load) laps(laps []float64) error {
	for i := range laps {
		took, err := l.time(1)
		if err != nil {
			return err
		}
		laps[i] = float64(took)
	}
	return nil
}

// takeLoad starts v, warms it up, measures and closes it.
func takeLoad(ctx context.Context, m Measure, v variant, d time.Duration, measure func(l *load, n int) (float64, error)) (s Sample, err error) {
	l, err := v.start(ctx, m.tls)
	if err != nil {
		return Sample{}, err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	s.N, err = l.warmUp(d)
	if err != nil {
		return Sample{}, err
	}
	runtime.GC() // what came before is not this sample's to clear away
	before := mallocs()
	if s.Value, err = measure(l, s.N); err != nil {
		return Sample{}, err
	}
	s.Count = float64(mallocs()-before) / float64(s.N)
	return s, nil
}

// warmUp runs for a tenth of d at least and returns how many operations d has.
// What took that long is run again, and the faster run counts: the first one may
// have waited for other work of the machine.
func (l *load) warmUp(d time.Duration) (int, error) {
	for n := 64; ; n *= 4 {
		took, err := l.time(n)
		if err == nil && took > d/10 {
			var again time.Duration
			again, err = l.time(n)
			took = min(took, again)
		}
		if err != nil {
			return 0, err
		}
		if took > d/10 {
			return max(1, int(float64(n)*float64(d)/float64(took))), nil
		}
	}
}

// time is how long n operations take.
func (l *load) time(n int) (time.Duration, error) {
	start := time.Now()
	err := l.run(n)
	return time.Since(start), err
}

// mallocs is how often the process has allocated so far.
func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}
