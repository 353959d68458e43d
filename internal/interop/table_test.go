package interop

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// fakeBroker runs nowhere.
type fakeBroker struct{ version string }

func (fakeBroker) Name() string                              { return "fake" }
func (b fakeBroker) Version() string                         { return b.version }
func (fakeBroker) Start(context.Context) error               { return nil }
func (fakeBroker) Stop()                                     {}
func (fakeBroker) Kill()                                     {}
func (fakeBroker) DeleteQueue(context.Context, string) error { return nil }

func TestTable(t *testing.T) {
	scenarios := []Scenario{
		{Name: "works", run: func(context.Context, *scene) error { return nil }},
		{Name: "breaks", run: func(context.Context, *scene) error { return errors.New("broken") }},
		{Name: "queue: in turns", run: func(context.Context, *scene) error { panic("not offered, so not tried") }},
	}
	endpoints := []*Endpoint{{Column: "Spring", Broker: fakeBroker{"1.2.3"}, dialect: dialect{name: springSimple}}}
	var results []Result
	if err := Run(t.Context(), endpoints, scenarios, func(r Result) { results = append(results, r) }); err != nil {
		t.Fatal(err)
	}
	got := Table(endpoints, scenarios, results)
	want := strings.Join([]string{
		"| | Spring<br>1.2.3 |",
		"|---|:-:|",
		"| works | ok |",
		"| breaks | **FAILS** |",
		"| queue: in turns | – (1) |",
		"",
		"1. not offered: Spring simple broker: has topics alone: every subscriber of a /queue/ gets all",
		"",
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReplace(t *testing.T) {
	readme := "before\n" + begin + "old\n" + end + "after\n"
	got, err := Replace(readme, "new\n")
	if want := "before\n" + begin + "\nnew\n\n" + end + "after\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := Replace("no place", "new\n"); err == nil {
		t.Error("a README without a place for the table is taken")
	}
}
