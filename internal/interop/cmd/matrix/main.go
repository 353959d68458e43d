// Command matrix starts every server that the client is tested with, runs every
// scenario on each and writes the table in docs/interop.md. internal/interop/install
// installs what the servers need.
//
//	go run ./internal/interop/cmd/matrix
//	go run ./internal/interop/cmd/matrix -only RabbitMQ -scenario prefetch
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
	page := flag.String("page", "docs/interop.md", "the `file` that holds the table; empty: only print the table")
	only := flag.String("only", "", "run only the `columns` that match this regular expression, and write nothing")
	scenario := flag.String("scenario", "", "run only the `scenarios` that match this regular expression, and write nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *page, *only, *scenario); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, page, only, scenario string) error {
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
		case r.Fault != "":
			fmt.Printf("fault %s: %s (%v): %s\n", r.Endpoint.Column, r.Scenario.Name, r.Took.Round(time.Millisecond), r.Fault)
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
	if page == "" || only != "" || scenario != "" {
		return nil
	}
	old, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	text, err := interop.Replace(string(old), table)
	if err != nil {
		return err
	}
	return os.WriteFile(page, []byte(text), 0o644)
}

// matching returns the elements of all whose name matches the regular expression.
// It fails when none does.
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
