package interop

import (
	"context"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
)

// TestMain also lets more tests run beside each other than there are processors: those that do so wait for servers
// most of the time. A -parallel on the command line counts all the same.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	leak.Main(m)
}

// TestRun_no_cell_of_the_matrix_fails also holds docs/interop.md to the results.
func TestRun_no_cell_of_the_matrix_fails(t *testing.T) {
	servers.OptIn(t)
	endpoints, err := Endpoints(t.TempDir())
	servers.Require(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	defer cancel()
	var results []Result
	err = Run(ctx, endpoints, Scenarios, func(r Result) {
		results = append(results, r)
		t.Run(r.Endpoint.Column+"/"+r.Scenario.Name, func(t *testing.T) {
			switch took := r.Took.Round(time.Millisecond); {
			case r.Err != nil:
				t.Errorf("after %v: %v", took, r.Err)
			case r.Missing != "":
				t.Logf("not offered: %s %s", r.Endpoint.Broker.Name(), r.Missing)
			case r.Fault != "":
				t.Logf("a fault, after %v: %s %s", took, r.Endpoint.Broker.Name(), r.Fault)
			default:
				t.Logf("ok in %v", took)
			}
		})
	})
	servers.Require(t, err)
	for _, e := range endpoints {
		if e.Absent != nil {
			t.Logf("%s is missing: %v", e.Column, e.Absent)
		}
	}
	page, err := os.ReadFile("../../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	table := Table(endpoints, Scenarios, results)
	current, err := Replace(string(page), table)
	if err != nil {
		t.Fatal(err)
	}
	if withoutMoving(current, endpoints) != withoutMoving(string(page), endpoints) {
		t.Errorf("the table in docs/interop.md is out of date; go run ./internal/interop/cmd/matrix renews it. This run's table:\n%s", table)
	}
}
