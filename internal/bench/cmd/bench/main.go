// Command bench measures the client against its ceilings and prints the table.
//
//	go run ./internal/bench/cmd/bench
//	go run ./internal/bench/cmd/bench -only Receipt -rounds 1 -cpuprofile cpu.out
//	go run ./internal/bench/cmd/bench -markdown docs/performance.md -svg docs/performance.svg
//
// In a CPU profile, go tool pprof -tagfocus via=client shows the client's share
// alone; the others are via=bare, via=minimal and via=peer.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/internal/bench"
)

// options are the command line.
type options struct {
	only       string
	rounds     int
	sample     time.Duration
	benchstat  bool
	markdown   string
	svg        string
	cpuProfile string
}

func main() {
	bench.RunIdle()
	var o options
	flag.StringVar(&o.only, "only", "", "a regular expression of the `measures` to take, by name or by benchmark")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each measure is taken")
	flag.DurationVar(&o.sample, "time", 500*time.Millisecond, "how long one sample takes")
	flag.BoolVar(&o.benchstat, "benchstat", false, "print what benchstat reads instead of the table")
	flag.StringVar(&o.markdown, "markdown", "", "the `file` to renew the table in")
	flag.StringVar(&o.svg, "svg", "", "the `file` to draw the chart into")
	flag.StringVar(&o.cpuProfile, "cpuprofile", "", "the `file` to write a CPU profile to")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context) error {
	measures, err := o.measures()
	if err != nil {
		return err
	}
	if o.cpuProfile != "" {
		f, err := os.Create(o.cpuProfile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	start := time.Now()
	results, err := bench.Run(ctx, measures, o.rounds, o.sample, func(r bench.Result) {
		mid, _, _ := r.Ratio()
		fmt.Fprintf(os.Stderr, "%5.1fs  %s: %.2f\n", time.Since(start).Seconds(), r.Name, mid)
	})
	if err != nil {
		return err
	}
	return o.report(results)
}

// measures are those that are asked for, if the command line makes sense.
func (o *options) measures() ([]bench.Measure, error) {
	if o.rounds < 1 || o.sample <= 0 {
		return nil, errors.New("-rounds and -time must be above 0")
	}
	if o.only == "" {
		return bench.Measures, nil
	}
	if o.markdown != "" || o.svg != "" {
		return nil, errors.New("-markdown and -svg are for all measures: leave out -only")
	}
	re, err := regexp.Compile(o.only)
	if err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	var some []bench.Measure
	for _, m := range bench.Measures {
		if re.MatchString(m.Name) || re.MatchString(m.Bench) {
			some = append(some, m)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("-only: no measure matches %q", o.only)
	}
	return some, nil
}

// report prints the results and renews the files that show them.
func (o *options) report(results []bench.Result) error {
	table := bench.Conditions(o.rounds, o.sample) + "\n\n" + bench.Markdown(results)
	if o.benchstat {
		fmt.Print(bench.Benchstat(results))
	} else {
		fmt.Print(table)
	}
	if o.svg != "" {
		if err := os.WriteFile(o.svg, []byte(bench.Chart(results)), 0o644); err != nil {
			return err
		}
	}
	if o.markdown == "" {
		return nil
	}
	old, err := os.ReadFile(o.markdown)
	if err != nil {
		return err
	}
	page, err := bench.Replace(string(old), table)
	if err != nil {
		return fmt.Errorf("%s: %w", o.markdown, err)
	}
	return os.WriteFile(o.markdown, []byte(page), 0o644)
}
