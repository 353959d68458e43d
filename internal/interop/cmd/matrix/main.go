// Command matrix starts every server that the client is tested with, tries every
// scenario on each and writes the README's table. What the servers need is
// installed by internal/interop/install.
//
//	go run ./internal/interop/cmd/matrix
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/internal/interop"
)

func main() {
	readme := flag.String("readme", "README.md", "the file to write the table into; empty: only print it")
	only := flag.String("only", "", "a regular expression of the `columns` to try, without writing anything")
	scenario := flag.String("scenario", "", "a regular expression of the `scenarios` to try, without writing anything")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *readme, *only, *scenario); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, readme, only, scenario string) error {
	dir, err := os.MkdirTemp("", "webstomp-matrix-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := interop.Endpoints(dir)
	if err != nil {
		return err
	}
	endpoints, err := matching(all, only, func(e *interop.Endpoint) string { return e.Column })
	if err != nil {
		return err
	}
	scenarios, err := matching(interop.Scenarios, scenario, func(s interop.Scenario) string { return s.Name })
	if err != nil {
		return err
	}
	var results []interop.Result
	failures, start := 0, time.Now()
	err = interop.Run(ctx, endpoints, scenarios, func(r interop.Result) {
		results = append(results, r)
		switch {
		case r.Err != nil:
			failures++
			fmt.Printf("FAILS %s: %s: after %v: %v\n", r.Endpoint.Column, r.Scenario.Name, r.Took.Round(time.Millisecond), r.Err)
		case r.Missing != "":
			fmt.Printf("–     %s: %s: %s\n", r.Endpoint.Column, r.Scenario.Name, r.Missing)
		default:
			fmt.Printf("ok    %s: %s (%v)\n", r.Endpoint.Column, r.Scenario.Name, r.Took.Round(time.Millisecond))
		}
	})
	if err != nil {
		return err
	}
	table := interop.Table(endpoints, scenarios, results)
	fmt.Printf("\n%s\n%d cells in %v\n", table, len(results), time.Since(start).Round(time.Second))
	if failures > 0 {
		return fmt.Errorf("%d cells fail", failures)
	}
	if readme == "" || only != "" || scenario != "" {
		return nil
	}
	old, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	text, err := interop.Replace(string(old), table)
	if err != nil {
		return err
	}
	return os.WriteFile(readme, []byte(text), 0o644)
}

// matching keeps what a regular expression matches.
func matching[T any](all []T, expr string, name func(T) string) ([]T, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	var some []T
	for _, one := range all {
		if re.MatchString(name(one)) {
			some = append(some, one)
		}
	}
	if len(some) == 0 {
		return nil, fmt.Errorf("nothing matches %q", expr)
	}
	return some, nil
}
