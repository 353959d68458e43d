package bench

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// Conditions says under what conditions [Run] is run now, in one sentence.
func Conditions(rounds int, d time.Duration) string {
	return fmt.Sprintf("Medians of %d rounds of %v each, with %s on %s/%s, %d cores, %s.",
		rounds, d, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), library())
}

// library names the WebSocket library and its version.
func library() string {
	const path = "github.com/coder/websocket"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return path + " " + m.Version
			}
		}
	}
	return path
}

// Markdown renders results as a table: a row for each measure. What misses the
// goal, or its target of allocations, is in bold.
func Markdown(results []Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| bodies of 256 B | client | same contract | bare library | client ÷ same contract (goal: ≤ %v) | client ÷ bare library | allocations | target |\n", Goal)
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		mid, least, most := r.Ratio()
		ratio := fmt.Sprintf("%s (%s to %s)", emphasised(stat.Digits(mid), r.GoalMet()), stat.Digits(least), stat.Digits(most))
		_, count := r.values(client)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | ≤ %v |\n", r.Name, r.of(client), r.of(contract), r.of(ceiling),
			ratio, stat.Digits(stat.Median(r.ratios(ceiling))), emphasised(r.counted(count), r.CountMet()), r.Count)
	}
	return b.String()
}

// of is the value of a variant.
func (r Result) of(variant int) string {
	value, _ := r.values(variant)
	return r.kind.value(value)
}

// counted is a count, with a decimal where it has one.
func (r Result) counted(count float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(count, 'f', 1, 64), ".0") + r.kind.counted
}

func emphasised(text string, met bool) string {
	if met {
		return text
	}
	return "**" + text + "**"
}

// A page holds the table between these two lines.
const (
	begin = "<!-- The table is written by: go run ./internal/bench/cmd/bench -markdown FILE -->\n"
	end   = "<!-- end of the table -->\n"
)

// Replace puts a table into a page.
func Replace(page, table string) (string, error) {
	before, rest, ok := strings.Cut(page, begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return "", fmt.Errorf("there is no place for the table: the lines %q and %q are missing", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
