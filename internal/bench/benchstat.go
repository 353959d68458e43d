package bench

import (
	"fmt"
	"runtime"
	"strings"
)

// Benchstat renders results as go test -bench does: a line for each sample. To
// compare the variants: benchstat -col /via FILE.
func Benchstat(results []Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "goos: %s\ngoarch: %s\npkg: github.com/webstomp/webstomp/internal/bench\n", runtime.GOOS, runtime.GOARCH)
	for _, r := range results {
		toCeiling, toContract := r.ratios(ceiling), r.ratios(contract)
		for i, samples := range r.samples {
			for round, s := range samples {
				fmt.Fprintf(&b, "Benchmark%s/%s=%s-%d\t%d\t%.6g %s\t%.4g %s", r.Bench, viaLabel, r.variants[i].name, runtime.GOMAXPROCS(0),
					s.N, s.Value, r.kind.valueUnit, s.Count, r.kind.countUnit)
				if i == client {
					fmt.Fprintf(&b, "\t%.4g to-ceiling\t%.4g to-minimal", toCeiling[round], toContract[round])
				}
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
