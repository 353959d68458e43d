package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/bench"
	"github.com/webstomp/webstomp/internal/leak"
)

func TestMain(m *testing.M) {
	bench.RunIdle()
	leak.Main(m)
}

func TestOptions_choose_the_measures(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    options
		want int // -1: refused
	}{
		{"all", options{rounds: 1, sample: 1}, len(bench.Measures)},
		{"by benchmark", options{rounds: 1, sample: 1, only: "^Receipt/"}, 3},
		{"by name", options{rounds: 1, sample: 1, only: "10,000"}, 1},
		{"none", options{rounds: 1, sample: 1, only: "nothing"}, -1},
		{"not an expression", options{rounds: 1, sample: 1, only: "("}, -1},
		{"part of a page", options{rounds: 1, sample: 1, only: "Send", markdown: "page"}, -1},
		{"part of a chart", options{rounds: 1, sample: 1, only: "Send", svg: "chart"}, -1},
		{"no rounds", options{sample: 1}, -1},
		{"no time", options{rounds: 1}, -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.o.measures()
			if tc.want < 0 && err == nil || tc.want >= 0 && (err != nil || len(got) != tc.want) {
				t.Errorf("%d measures, %v; want %d", len(got), err, tc.want)
			}
		})
	}
}

// The page that is renewed is the one that there is.
func TestOptions_report_into_the_page(t *testing.T) {
	original, err := os.ReadFile("../../../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	page, chart := filepath.Join(dir, "page.md"), filepath.Join(dir, "chart.svg")
	if err := os.WriteFile(page, original, 0o644); err != nil {
		t.Fatal(err)
	}
	o := options{rounds: 1, sample: time.Millisecond, only: "^RoundTrip$"}
	measures, err := o.measures()
	if err != nil {
		t.Fatal(err)
	}
	results, err := bench.Run(t.Context(), measures, o.rounds, o.sample, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.markdown, o.svg = page, chart
	if err := o.report(results); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{page: "| " + measures[0].Name + " |", chart: measures[0].Name} {
		if got, err := os.ReadFile(file); err != nil || strings.Count(string(got), want) != 1 {
			t.Errorf("%s does not have %q once: %v\n%s", file, want, err, got)
		}
	}
}
