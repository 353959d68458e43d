package docs

import (
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is a line of a block that a reader types.
type command struct {
	text string // without its comment, blanks as one
	page string
	line int
}

// shells are the languages of blocks of commands.
var shells = []string{"", "sh", "console"}

// remark is the comment behind a command.
var remark = regexp.MustCompile(`(^|\s)#.*$`)

// commands returns those of all pages.
func commands(t *testing.T) (all []command) {
	t.Helper()
	for _, b := range blocks(t, shells...) {
		typed := strings.HasPrefix(b.text, "$ ") || strings.Contains(b.text, "\n$ ")
		for i, line := range strings.Split(b.text, "\n") {
			line, prompted := strings.CutPrefix(line, "$ ")
			if typed && !prompted {
				continue
			}
			if text := strings.Join(strings.Fields(remark.ReplaceAllString(line, "")), " "); text != "" {
				all = append(all, command{text, b.page, b.line + i})
			}
		}
	}
	return all
}

// around are what a shell and its machine have, beside which the tool and examples stand.
var around = []string{"export", "read", "printf", "echo", "seq", "head", "jq"}

// isTestedElsewhere reports whether a command runs the tool or examples alone, which have tests of their own that do so.
func (c command) isTestedElsewhere() bool {
	in := ""
	for _, step := range steps(c.text) {
		switch {
		case len(step) == 2 && step[0] == "cd":
			in = step[1]
		case len(step) > 0 && (step[0] == tool || slices.Contains(around, step[0])):
		case len(step) > 2 && step[0] == "go" && step[1] == "run" && strings.HasPrefix(path.Join(in, step[2]), "examples/"):
		default:
			return false
		}
	}
	return true
}

// A command that stands in no line of the table, and a line of the table that stands on no page, are both mistakes. What
// is tested elsewhere needs no line.
func TestCommands_are_those_of_the_table(t *testing.T) {
	found := commands(t)
	for _, c := range found {
		if _, ok := table[c.text]; !ok && !c.isTestedElsewhere() {
			t.Errorf("%s:%d: the table has no line for\n\t%s", c.page, c.line, c.text)
		}
	}
	for text := range table {
		if !slices.ContainsFunc(found, func(c command) bool { return c.text == text }) {
			t.Errorf("the table has a line for what is on no page:\n\t%s", text)
		}
	}
}
