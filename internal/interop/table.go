package interop

import (
	"fmt"
	"slices"
	"strings"
)

// Table renders results as Markdown: one row per scenario, one column per
// endpoint, and below them the reasons for what is not offered.
func Table(endpoints []*Endpoint, scenarios []Scenario, results []Result) string {
	cells := make(map[string]Result)
	for _, r := range results {
		cells[r.Scenario.Name+"\x00"+r.Endpoint.Column] = r
	}
	var b strings.Builder
	b.WriteString("| |")
	for _, e := range endpoints {
		fmt.Fprintf(&b, " %s<br>%s |", e.Column, e.Broker.Version())
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(endpoints)) + "\n")
	var notes []string
	for _, sc := range scenarios {
		fmt.Fprintf(&b, "| %s |", sc.Name)
		for _, e := range endpoints {
			fmt.Fprintf(&b, " %s |", cell(cells[sc.Name+"\x00"+e.Column], &notes))
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for i, note := range notes {
		fmt.Fprintf(&b, "%d. not offered: %s\n", i+1, note)
	}
	return b.String()
}

// cell returns "ok", "FAILS", or the number of the note that says why the scenario
// was not tried. It appends to notes where the reason is a new one.
func cell(r Result, notes *[]string) string {
	switch {
	case r.Scenario == nil:
		return "not run"
	case r.Missing == "" && r.Err == nil:
		return "ok"
	case r.Missing == "":
		return "**FAILS**"
	}
	note := r.Endpoint.name + ": " + r.Missing
	if r.Missing == noWebSocket {
		note = "TCP: " + noWebSocket
	}
	i := slices.Index(*notes, note)
	if i < 0 {
		i = len(*notes)
		*notes = append(*notes, note)
	}
	return fmt.Sprintf("– (%d)", i+1)
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
