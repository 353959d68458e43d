package bench

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
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

// Markdown renders results as a table: a row for each measure. What misses its
// target is in bold.
func Markdown(results []Result) string {
	var b strings.Builder
	b.WriteString("| bodies of 256 B | client | ceiling | ceiling, through a channel | client ÷ ceiling | target | allocations | target |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		value, count := r.values(client)
		mid, least, most := r.Ratio()
		ratio := fmt.Sprintf("%s (%s to %s)", emphasised(significant(mid), r.RatioMet()), significant(least), significant(most))
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | ≤ %v | %s | %s |\n", r.Name, r.kind.value(value), r.of(ceiling), r.of(handedOver),
			ratio, r.Target, emphasised(r.counted(count), r.CountMet()), r.countTarget())
	}
	return b.String()
}

// of is the value of a variant, or "" where the measure has none.
func (r Result) of(variant int) string {
	if variant >= len(r.samples) {
		return ""
	}
	value, _ := r.values(variant)
	return r.kind.value(value)
}

func (r Result) countTarget() string {
	if r.Count == noTarget {
		return ""
	}
	return fmt.Sprintf("≤ %v", r.Count)
}

// counted is a count, with a decimal where it has one. Allocations need no name:
// the column has it.
func (r Result) counted(count float64) string {
	text := strings.TrimSuffix(strconv.FormatFloat(count, 'f', 1, 64), ".0")
	if r.kind != perConnection {
		return text
	}
	return text + " goroutines"
}

func emphasised(text string, met bool) string {
	if met {
		return text
	}
	return "**" + text + "**"
}

func microseconds(ns float64) string  { return significant(ns/1e3) + " µs" }
func kilobytes(octets float64) string { return significant(octets/1e3) + " kB" }

// significant has three digits, or all before the point.
func significant(x float64) string {
	switch {
	case x < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
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
