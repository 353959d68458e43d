package interop

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// fakeBroker is a broker.Broker that starts nothing.
type fakeBroker struct{ version string }

func (fakeBroker) Name() string                              { return "fake" }
func (b fakeBroker) Version() string                         { return b.version }
func (fakeBroker) Start(context.Context) error               { return nil }
func (fakeBroker) Stop()                                     {}
func (fakeBroker) Kill()                                     {}
func (fakeBroker) DeleteQueue(context.Context, string) error { return nil }

func TestTable_has_a_row_per_scenario_and_notes_below(t *testing.T) {
	scenarios := []Scenario{
		{Name: "works", run: func(context.Context, *scene) error { return nil }},
		{Name: "breaks", run: func(context.Context, *scene) error { return errors.New("broken") }},
		{Name: queueSharedName, run: func(context.Context, *scene) error { panic("not offered, so not tried") }},
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
		"| " + queueSharedName + " | – (1) |",
		"",
		"1. not offered: Spring simple broker: has topics only: every subscriber of a /queue/ gets every message",
		"",
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestReplace_keeps_the_text_around_the_table(t *testing.T) {
	page := "before\n" + begin + "old\n" + end + "after\n"
	got, err := Replace(page, "new\n")
	if want := "before\n" + begin + "\nnew\n\n" + end + "after\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if _, err := Replace("no place", "new\n"); err == nil {
		t.Error("a page without a place for the table is accepted")
	}
}
