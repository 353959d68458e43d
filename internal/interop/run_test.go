package interop

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// What stops a server comes when everything else on it is done, a relay in front of it included, and one at a time.
func TestRun_stops_a_server_last(t *testing.T) {
	var mu sync.Mutex
	var ended []string // "column scenario"; guarded by mu
	stopping := 0      // guarded by mu
	record := func(name string, stops int) func(context.Context, *scene) error {
		return func(_ context.Context, s *scene) error {
			mu.Lock()
			if stopping += stops; stopping > 1 {
				t.Error("two scenarios stop a server at the same time")
			}
			mu.Unlock()
			runtime.Gosched()
			mu.Lock()
			defer mu.Unlock()
			stopping -= stops
			ended = append(ended, s.Column+" "+name)
			return nil
		}
	}
	backend := &fakeBroker{version: "1"}
	endpoints := []*Endpoint{
		{Column: "ws", Broker: backend},
		{Column: "TCP", Broker: backend},
		{Column: "relay", Broker: &fakeBroker{version: "2"}, Backend: backend},
	}
	scenarios := []Scenario{
		{Name: "restart", Exclusive: true, run: record("restart", 1)},
		{Name: "idle", Parallel: true, run: record("idle", 0)},
		{Name: "first", run: record("first", 0)},
		{Name: "second", run: record("second", 0)},
	}
	cells := 0
	if err := Run(t.Context(), endpoints, scenarios, func(Result) { cells++ }); err != nil {
		t.Fatal(err)
	}
	if want := len(endpoints) * len(scenarios); cells != want || len(ended) != want {
		t.Fatalf("%d cells were reported and %d run, want %d", cells, len(ended), want)
	}
	if got, want := ended[9:], []string{"relay restart", "ws restart", "TCP restart"}; !slices.Equal(got, want) {
		t.Errorf("in the end came %q, want %q", got, want)
	}
	inTurn := slices.DeleteFunc(slices.Clone(ended), func(s string) bool { return !strings.HasPrefix(s, "TCP ") || strings.HasSuffix(s, "idle") })
	if want := []string{"TCP first", "TCP second", "TCP restart"}; !slices.Equal(inTurn, want) {
		t.Errorf("on one endpoint came %q, want %q", inTurn, want)
	}
}
