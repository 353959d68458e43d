package interop

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/stomp"
)

// fakeBroker is a broker.Broker that starts nothing.
type fakeBroker struct {
	version string
	start   error
}

func (*fakeBroker) Name() string                              { return "fake" }
func (b *fakeBroker) Version() string                         { return b.version }
func (b *fakeBroker) Start(context.Context) error             { return b.start }
func (*fakeBroker) Stop()                                     {}
func (*fakeBroker) Kill()                                     {}
func (*fakeBroker) DeleteQueue(context.Context, string) error { return nil }

func TestTable_has_a_row_per_scenario_and_notes_below(t *testing.T) {
	scenarios := []Scenario{
		{Name: "works", run: func(context.Context, *scene) error { return nil }},
		{Name: "breaks", run: func(context.Context, *scene) error { return errors.New("broken") }},
		{Name: queueSharedName, run: func(context.Context, *scene) error { panic("not offered, so not tried") }},
	}
	endpoints := []*Endpoint{{Column: "Spring", Broker: &fakeBroker{version: "1.2.3"}, dialect: dialect{name: springSimple}}}
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

// A fault that is known is a cell of its own. Where it is mended the cell is ok, and an error unless the server
// moves.
func TestTable_has_known_faults_until_they_are_mended(t *testing.T) {
	var end error
	scenarios := []Scenario{{Name: promisedBeatsName, run: func(context.Context, *scene) error { return end }}}
	stays := &Endpoint{Column: "RabbitMQ ws", Broker: &fakeBroker{version: "4"}, dialect: dialect{name: rabbitMQ}}
	moves := &Endpoint{Column: "RabbitMQ newest ws", Broker: &fakeBroker{version: "5"}, Moves: true, dialect: dialect{name: rabbitMQ}}
	tcp := &Endpoint{Column: "RabbitMQ TCP", Broker: &fakeBroker{version: "4"}, TCP: true, dialect: dialect{name: rabbitMQ}}
	for _, c := range []struct {
		end               error
		stays, moves, tcp string
	}{
		{fmt.Errorf("%w: EOF", errSessionLost), "fault (1)", "fault (1)", "**FAILS**"},
		{fmt.Errorf("%w: %w", errSessionLost, &stomp.Error{}), "**FAILS**", "**FAILS**", "**FAILS**"},
		{errors.New("anything else"), "**FAILS**", "**FAILS**", "**FAILS**"},
		{nil, "**FAILS**", "ok", "ok"},
	} {
		end = c.end
		for e, want := range map[*Endpoint]string{stays: c.stays, moves: c.moves, tcp: c.tcp} {
			if got := cell(e.try(t.Context(), &scenarios[0]), new([]string)); got != want {
				t.Errorf("%s, ended with %v: the cell is %q, want %q", e.Column, end, got, want)
			}
		}
	}
	end = nil
	if r := stays.try(t.Context(), &scenarios[0]); !strings.Contains(r.Err.Error(), "internal/interop/offers.go") {
		t.Errorf("mended: %v, want what to do", r.Err)
	}
}

// A server that moves fails nothing by being away, and by having other cells than the page.
func TestTable_lets_a_server_that_moves_be_missing(t *testing.T) {
	scenarios := []Scenario{
		{Name: "works", run: func(context.Context, *scene) error { return nil }},
		{Name: promisedBeatsName, run: func(context.Context, *scene) error { return errSessionLost }},
	}
	page := func(version string, newest *Endpoint) string {
		endpoints := []*Endpoint{
			{Column: "RabbitMQ ws", Broker: &fakeBroker{version: version}, dialect: dialect{name: rabbitMQ}}, newest,
			{Column: "Spring", Broker: &fakeBroker{version: "1"}, dialect: dialect{name: springSimple}},
		}
		var results []Result
		err := Run(t.Context(), endpoints, scenarios, func(r Result) { results = append(results, r) })
		if err != nil {
			t.Fatal(err)
		}
		text, err := Replace("before\n"+begin+end+"after\n", Table(endpoints, scenarios, results))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const column = "RabbitMQ newest ws"
	absent := &Endpoint{Column: column, Moves: true, Absent: errors.New("no mirror\nand more")}
	broken := &Endpoint{Column: column, Moves: true, Broker: &fakeBroker{start: errors.New("it ended")}}
	there := &Endpoint{Column: column, Moves: true, Broker: &fakeBroker{version: "5"}}
	all := []*Endpoint{absent, broken, there}
	want := withoutMoving(page("4.0", there), all)
	if !strings.Contains(want, "| works | ok | ok |\n") || strings.Contains(want, column) || strings.Contains(want, "4.0") {
		t.Errorf("compared is:\n%s", want)
	}
	for why, e := range map[string]*Endpoint{"no mirror": absent, "it ended": broken} {
		got := page("4.1", e)
		if !strings.Contains(got, "| works | ok | missing | ok |\n") || !strings.Contains(got, column+" is missing: ") || !strings.Contains(got, why) {
			t.Errorf("the page:\n%s\nwant a column that is missing, and why", got)
		}
		if withoutMoving(got, all) != want {
			t.Errorf("compared is:\n%s\nwant what it is when nothing is missing:\n%s", withoutMoving(got, all), want)
		}
	}
	stays := []*Endpoint{{Column: "RabbitMQ ws", Broker: &fakeBroker{start: errors.New("it ended")}}}
	if err := Run(t.Context(), stays, scenarios, func(Result) {}); err == nil {
		t.Error("a server that has to be there does not start, and nothing fails")
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
