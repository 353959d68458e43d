package cluster

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"
)

// words returns what the servers' logs say around the begin of these gaps: warnings, errors, and that a server closes
// connections, each with how often it stands there.
func (l *load) words(gaps []gap) string {
	counts := make(map[string]int)
	for i, node := range l.cluster.Nodes {
		log, err := os.ReadFile(node.Log())
		if err != nil {
			return err.Error()
		}
		for _, e := range entries(string(log)) {
			if telling.MatchString(e.text) && slices.ContainsFunc(gaps, func(g gap) bool {
				return g.url == node.URL() && e.at.After(g.lost.Add(-time.Second)) && e.at.Before(g.lost.Add(time.Second))
			}) {
				counts[fmt.Sprintf("node %d: %s", i+1, particulars.Replace(e.text))]++
			}
		}
	}
	if len(counts) == 0 {
		return " nothing"
	}
	return listed(counts)
}

// entry is one of a server's log.
type entry struct {
	at   time.Time
	text string // in one line
}

// entries are those of a log. Each line of one begins with the same time and process.
func entries(log string) (all []entry) {
	last := ""
	for line := range strings.Lines(log) {
		m := logged.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		at, err := time.Parse("2006-01-02 15:04:05.999999-07:00", m[2])
		if err != nil {
			continue
		}
		text := strings.Join(strings.Fields(m[3]), " ")
		if m[1] != last {
			all = append(all, entry{at, strings.Fields(m[1])[2] + " " + text})
		} else {
			all[len(all)-1].text += " " + text
		}
		last = m[1]
	}
	return all
}

var (
	logged = regexp.MustCompile(`^((\S+ \S+) \[\w+\] <[0-9.]+>) *(.*)`)
	// telling is what is worth to be told.
	telling = regexp.MustCompile(`\[(warning|error)\]|(?i)closing (all|.*stomp) connection|is stopping`)
	// particulars are what differs between entries that say the same.
	particulars = replacements{
		{regexp.MustCompile(`<[0-9]+\.[0-9.]+>`), "<pid>"},
		{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "127.0.0.1:port"},
		{regexp.MustCompile(`webstomp[0-9]+@localhost`), "node"},
		{regexp.MustCompile(`[0-9]{6,}`), "number"},
		{regexp.MustCompile(`^(.{200}).*`), "$1…"},
	}
)

// replacements are made one after the other.
type replacements []struct {
	what *regexp.Regexp
	by   string
}

func (r replacements) Replace(text string) string {
	for _, one := range r {
		text = one.what.ReplaceAllString(text, one.by)
	}
	return text
}

// reasons are what the clients say of the sessions that they lost, each with how often.
func reasons(gaps []gap) string {
	counts := make(map[string]int)
	for _, g := range gaps {
		counts[particulars.Replace(fmt.Sprint(g.err))]++
	}
	return listed(counts)
}

func listed(counts map[string]int) (text string) {
	for _, said := range slices.Sorted(maps.Keys(counts)) {
		text += fmt.Sprintf("\n    %d × %s", counts[said], said)
	}
	return text
}
