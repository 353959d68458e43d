package interop

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// wanted skips where nobody asked for real servers.
func wanted(t *testing.T) {
	t.Helper()
	if os.Getenv("WEBSTOMP_INTEROP") == "" {
		t.Skip("needs real servers: internal/interop/install installs them, WEBSTOMP_INTEROP=1 starts them")
	}
}

// started ends the test at an error. A server that cannot be had is none, but
// in CI.
func started(t *testing.T, err error) {
	t.Helper()
	var missing *broker.Missing
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// All scenarios on all servers: no cell fails.
func TestInterop(t *testing.T) {
	wanted(t)
	endpoints, err := Endpoints(t.TempDir())
	started(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	var results []Result
	err = Run(ctx, endpoints, Scenarios, func(r Result) {
		results = append(results, r)
		t.Run(r.Endpoint.Column+"/"+r.Scenario.Name, func(t *testing.T) {
			switch {
			case r.Err != nil:
				t.Errorf("after %v: %v", r.Took.Round(time.Millisecond), r.Err)
			case r.Missing != "":
				t.Logf("not offered: %s %s", r.Endpoint.Broker.Name(), r.Missing)
			default:
				t.Logf("ok in %v", r.Took.Round(time.Millisecond))
			}
		})
	})
	started(t, err)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	table := Table(endpoints, Scenarios, results)
	current, err := Replace(string(readme), table)
	if err != nil {
		t.Fatal(err)
	}
	if withoutVersions(current) != withoutVersions(string(readme)) {
		t.Errorf("the README's table is another one: go run ./internal/interop/cmd/matrix. This run's is\n%s", table)
	}
}

// withoutVersions leaves out the row with the servers' versions: a machine may have a later package.
func withoutVersions(readme string) string {
	before, rest, _ := strings.Cut(readme, begin)
	_, after, _ := strings.Cut(rest, "\n|---|")
	return before + after
}
