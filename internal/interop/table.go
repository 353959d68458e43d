package interop

import (
	"fmt"
	"slices"
	"strings"
)

// Table renders results as Markdown: one row per scenario, one column per
// endpoint, and below them the reasons for what is not offered, fails by a fault of
// the server, or is missing.
func Table(endpoints []*Endpoint, scenarios []Scenario, results []Result) string {
	cells := make(map[string]Result)
	for _, r := range results {
		cells[r.Scenario.Name+"\x00"+r.Endpoint.Column] = r
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, e := range endpoints {
		fmt.Fprintf(&b, " %s<br>%s |", e.Column, e.version())
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(endpoints)) + "\n")
	var notes []string
	for _, sc := range scenarios {
		fmt.Fprintf(&b, "| %s |", sc.Name)
		for _, e := range endpoints {
			text := "missing"
			if e.Absent == nil {
				text = cell(cells[sc.Name+"\x00"+e.Column], &notes)
			}
			fmt.Fprintf(&b, " %s |", text)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", i+1, note)
	}
	for _, e := range endpoints {
		if e.Absent != nil {
			why, _, _ := strings.Cut(e.Absent.Error(), "\n")
			fmt.Fprintf(&b, "\n%s is missing: %s\n", e.Column, why)
		}
	}
	return b.String()
}

// cell returns "ok", "FAILS", or the number of the note that says why the scenario
// was not tried or which fault of the server it met. It appends to notes where the
// note is a new one.
func cell(r Result, notes *[]string) string {
	text, note := "", ""
	switch {
	case r.Scenario == nil:
		return "not run"
	case r.Err != nil:
		return "**FAILS**"
	case r.Fault != "":
		text, note = "fault", "fault: "+r.Endpoint.name+": "+r.Fault
	case r.Missing == noWebSocket:
		text, note = "–", "not offered: TCP: "+noWebSocket
	case r.Missing != "":
		text, note = "–", "not offered: "+r.Endpoint.name+": "+r.Missing
	default:
		return "ok"
	}
	i := slices.Index(*notes, note)
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, note)
	}
	return fmt.Sprintf("%s (%d)", text, i+1)
}

// withoutMoving returns the page with its table as far as it holds on every machine:
// without the columns of endpoints that move, and without the head, which has the
// servers' versions.
func withoutMoving(page string, endpoints []*Endpoint) string {
	before, rest, _ := strings.Cut(page, begin)
	table, after, _ := strings.Cut(rest, end)
	var moving []int // of the columns
	var kept []string
	for i, line := range strings.Split(strings.TrimSpace(table), "\n") {
		columns := strings.Split(line, "|")
		moves := func(text string) bool {
			return slices.ContainsFunc(endpoints, func(e *Endpoint) bool {
				return e.Moves && (strings.HasPrefix(text, " "+e.Column+"<br>") || strings.HasPrefix(text, e.Column+" is missing: "))
			})
		}
		switch {
		case i == 0:
			for c, text := range columns {
				if moves(text) {
					moving = append(moving, c)
				}
			}
		case len(columns) == 1 && !moves(line):
			kept = append(kept, line)
		case len(columns) > 1:
			for _, c := range slices.Backward(moving) {
				if c < len(columns) {
					columns = slices.Delete(columns, c, c+1)
				}
			}
			kept = append(kept, strings.Join(columns, "|"))
		}
	}
	return before + strings.TrimSpace(strings.Join(kept, "\n")) + after
}

// The page (docs/interop.md) holds the table between these two lines.
const (
	begin = "<!-- The table is written by: go run ./internal/interop/cmd/matrix -->\n"
	end   = "<!-- end of the table -->\n"
)

// Replace returns the page with its table replaced. It fails when the page lacks
// one of the two lines around the table.
func Replace(page, table string) (string, error) {
	before, rest, hasBegin := strings.Cut(page, begin)
	_, after, hasEnd := strings.Cut(rest, end)
	if !hasBegin || !hasEnd {
		return "", fmt.Errorf("the page has no place for the table: the lines %q and %q must be there", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + "\n" + table + "\n" + end + after, nil
}
