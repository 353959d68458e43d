package bench

import (
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// someResults are a measure within its goals, one beyond, and one of connections.
func someResults() []Result {
	measure := func(name, bench string, count float64, k *kind) Measure {
		return Measure{Name: name, Bench: bench, Count: count, kind: k, variants: three(nil, nil, nil)}
	}
	return []Result{
		{measure("quick & small", "Quick", 3, perOperation), [3][]Sample{
			ceiling:  {{10, 500, 0}, {10, 1000, 0}, {10, 250, 0}},
			client:   {{10, 1500, 3}, {10, 2000, 3}, {10, 1000, 3.04}},
			contract: {{10, 1500, 9}, {10, 4000, 9}, {10, 800, 9}}, // 1, 2 and 0.8 times as much
		}},
		{measure("slow", "Slow/n=1", 0, perLap), [3][]Sample{
			{{7, 12_345, 1}}, {{7, 24_690, 1.35}}, {{7, 16_460, 1}},
		}},
		{measure("idle", "Idle", 3, perConnection), [3][]Sample{
			{{256, 10_000, 1}}, {{256, 17_500, 3}}, {{256, 17_500, 1}},
		}},
	}
}

func TestMarkdown_has_a_row_for_each_measure(t *testing.T) {
	got := Markdown(someResults())
	want := strings.Join([]string{
		"| bodies of 256 B | client | same contract | bare library | client ÷ same contract (goal: ≤ 1.05) | client ÷ bare library | allocations | target |",
		"|---|---|---|---|---|---|---|---|",
		"| quick & small | 1.50 µs | 1.50 µs | 0.50 µs | 1.00 (0.50 to 1.25) | 3.00 | 3 | ≤ 3 |",
		"| slow | 24.7 µs | 16.5 µs | 12.3 µs | **1.50** (1.50 to 1.50) | 2.00 | **1.4** | ≤ 0 |",
		"| idle | 17.5 kB | 17.5 kB | 10.0 kB | 1.00 (1.00 to 1.00) | 1.75 | 3 goroutines | ≤ 3 |",
		"",
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestBenchstat_has_a_line_for_each_sample(t *testing.T) {
	got := Benchstat(someResults())
	p := fmt.Sprint("-", runtime.GOMAXPROCS(0))
	for _, want := range []string{
		"goos: " + runtime.GOOS + "\n",
		"BenchmarkQuick/via=bare" + p + "\t10\t1000 ns/op\t0 allocs/op\n",
		"BenchmarkQuick/via=client" + p + "\t10\t1500 ns/op\t3 allocs/op\t3 to-ceiling\t1 to-minimal\n",
		"BenchmarkQuick/via=client" + p + "\t10\t1000 ns/op\t3.04 allocs/op\t4 to-ceiling\t1.25 to-minimal\n",
		"BenchmarkSlow/n=1/via=minimal" + p + "\t7\t16460 p50-ns/op\t1 allocs/op\n",
		"BenchmarkIdle/via=client" + p + "\t256\t17500 B/conn\t3 goroutines/conn\t1.75 to-ceiling\t1 to-minimal\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no line %q in\n%s", want, got)
		}
	}
}

func TestChart_has_a_bar_for_each_measure(t *testing.T) {
	got := Chart(someResults())
	decoder := xml.NewDecoder(strings.NewReader(got))
	for {
		if _, err := decoder.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, got)
		}
	}
	if strings.Contains(got, "%!") {
		t.Errorf("a verb went wrong:\n%s", got)
	}
	for _, want := range []string{
		"quick &amp; small",
		`<rect class="met" x="400" y="52" width="200.0"`,    // 1 on a scale to 1.5
		`<rect class="missed" x="400" y="82" width="300.0"`, // 1.5
		`<path class="target" d="M610.0 48V70"/>`,
		`>1.50<tspan class="dim"> missed</tspan>`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if marks := regexp.MustCompile(`class="target"`).FindAllString(got, -1); len(marks) != 4 { // and the legend's
		t.Errorf("%d marks, want 4", len(marks))
	}
}

// However long a bar is, it stays within the chart.
func TestChart_has_a_scale_that_fits(t *testing.T) {
	results := someResults()
	results[1].samples[client][0].Value *= 50
	got := Chart(results)
	if want := `y="82" width="281.2"`; !strings.Contains(got, want) { // 75 on a scale to 80
		t.Errorf("there is no %q in\n%s", want, got)
	}
	if figures := strings.Count(got, " ×</text>"); figures < 4 || figures > 10 {
		t.Errorf("the scale has %d figures:\n%s", figures, got)
	}
}

func TestReplace_takes_a_page_with_a_place_for_it(t *testing.T) {
	page := "before\n" + begin + "old\n" + end + "after\n"
	got, err := Replace(page, "new\n")
	if want := "before\n" + begin + "\nnew\n\n" + end + "after\n"; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	for _, page := range []string{"no place", begin, end} {
		if _, err := Replace(page, "new\n"); err == nil {
			t.Errorf("%q is taken for a page with a place for the table", page)
		}
	}
}

func TestConditions_name_what_was_measured_with(t *testing.T) {
	got := Conditions(5, 700*time.Millisecond)
	for _, want := range []string{"5 rounds of 700ms", runtime.Version(), runtime.GOOS, "github.com/coder/websocket"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}
