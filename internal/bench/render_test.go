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

// someResults are a measure within its targets, one beyond, and one of connections.
func someResults() []Result {
	names := []variant{{name: "bare"}, {name: "client"}, {name: "handover"}}
	return []Result{
		{Measure{"quick & small", "Quick", 1.6, 3, perOperation, names[:2]}, [][]Sample{
			{{10, 1000, 0}, {10, 2000, 0}, {10, 500, 0}},
			{{10, 1500, 3}, {10, 2000, 3}, {10, 1000, 3.04}}, // 1.5, 1 and 2 times as much
		}},
		{Measure{"slow", "Slow/n=1", 1.35, 0, perLap, names}, [][]Sample{
			{{7, 12_345, 1}}, {{7, 24_690, 1.35}}, {{7, 150_000, 1}},
		}},
		{Measure{"idle", "Idle", 1.8, 3, perConnection, names[:2]}, [][]Sample{
			{{256, 10_000, 1}}, {{256, 17_500, 3}},
		}},
	}
}

func TestMarkdown(t *testing.T) {
	got := Markdown(someResults())
	want := strings.Join([]string{
		"| bodies of 256 B | client | ceiling | ceiling, through a channel | client ÷ ceiling | target | allocations | target |",
		"|---|---|---|---|---|---|---|---|",
		"| quick & small | 1.50 µs | 1.00 µs |  | 1.50 (1.00 to 2.00) | ≤ 1.6 | 3 | ≤ 3 |",
		"| slow | 24.7 µs | 12.3 µs | 150 µs | **2.00** (2.00 to 2.00) | ≤ 1.35 | **1.4** | ≤ 0 |",
		"| idle | 17.5 kB | 10.0 kB |  | 1.75 (1.75 to 1.75) | ≤ 1.8 | 3 goroutines | ≤ 3 |",
		"",
	}, "\n")
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestBenchstat(t *testing.T) {
	got := Benchstat(someResults())
	p := fmt.Sprint("-", runtime.GOMAXPROCS(0))
	for _, want := range []string{
		"goos: " + runtime.GOOS + "\n",
		"BenchmarkQuick/via=bare" + p + "\t10\t2000 ns/op\t0 allocs/op\n",
		"BenchmarkQuick/via=client" + p + "\t10\t1500 ns/op\t3 allocs/op\t1.5 to-ceiling\n",
		"BenchmarkQuick/via=client" + p + "\t10\t1000 ns/op\t3.04 allocs/op\t2 to-ceiling\n",
		"BenchmarkSlow/n=1/via=handover" + p + "\t7\t150000 p50-ns/op\t1 allocs/op\n",
		"BenchmarkIdle/via=client" + p + "\t256\t17500 B/conn\t3 goroutines/conn\t1.75 to-ceiling\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no line %q in\n%s", want, got)
		}
	}
}

func TestChart(t *testing.T) {
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
		`<rect class="met" x="400" y="52" width="225.0"`,    // 1.5 on a scale to 2
		`<rect class="missed" x="400" y="82" width="300.0"`, // 2
		`<path class="target" d="M640.0 48V70"/>`,
		"(≤ 1.35, missed)",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %q in\n%s", want, got)
		}
	}
	if marks := regexp.MustCompile(`class="target"`).FindAllString(got, -1); len(marks) != 4 { // and the legend's
		t.Errorf("%d marks, want 4", len(marks))
	}
}

// However long a bar is, it stays within the chart, and the scale is readable.
func TestChartOfALongBar(t *testing.T) {
	results := someResults()
	results[1].samples[client][0].Value *= 50
	got := Chart(results)
	if want := `y="82" width="267.9"`; !strings.Contains(got, want) { // 100 on a scale to 112
		t.Errorf("there is no %q in\n%s", want, got)
	}
	if figures := strings.Count(got, " ×</text>"); figures < 4 || figures > 10 {
		t.Errorf("the scale has %d figures:\n%s", figures, got)
	}
}

func TestReplace(t *testing.T) {
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

func TestConditions(t *testing.T) {
	got := Conditions(5, 700*time.Millisecond)
	for _, want := range []string{"5 rounds of 700ms", runtime.Version(), runtime.GOOS, "github.com/coder/websocket"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}
