package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/webstomp/webstomp/internal/bench/stat"
)

// table gathers figures, and shows the median of each.
type table struct {
	server string // that the clients worked with
	rows   []*row
}

// row is one client at one piece of work.
type row struct {
	work, client string
	time, cpu    []float64 // microseconds per message, by round; cpu below 0: unknown
}

// newTable has a row for every client at every piece of work.
func newTable(server string, works []string, clients []contender) *table {
	t := &table{server: server}
	for _, work := range works {
		for _, c := range clients {
			t.rows = append(t.rows, &row{work: work, client: c.name})
		}
	}
	return t
}

func (t *table) add(work, client string, messages int, f figures) {
	for _, r := range t.rows {
		if r.work == work && r.client == client {
			r.time = append(r.time, f.Seconds*1e6/float64(messages))
			r.cpu = append(r.cpu, f.CPU*1e6/float64(messages))
		}
	}
}

// titles are the works in words.
var titles = map[string]string{
	workReceive: "receive",
	workSend:    "send",
	workEcho:    "send and receive, one at a time",
	workTopic:   "in and out over one topic",
}

// write prints the table as Markdown.
func (t *table) write(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| | client | µs a message | messages/s | CPU of the client, µs a message |\n|---|---|--:|--:|--:|\n")
	last := ""
	for _, r := range t.rows {
		title := titles[r.work]
		if r.work == last {
			title = ""
		}
		last = r.work
		time, cpu := stat.Median(r.time), "–"
		if c := stat.Median(r.cpu); c >= 0 {
			cpu = stat.Digits(c)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.0f | %s |\n", title, r.client, stat.Digits(time), 1e6/time, cpu)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
