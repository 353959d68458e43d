package docs

import (
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

// remark is the comment behind a command.
var remark = regexp.MustCompile(`(^|\s)#.*$`)

// commands returns those of all pages.
func commands(t *testing.T) (all []command) {
	t.Helper()
	for _, b := range blocks(t, "") {
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

// A command that stands in no line of the table, and a line of the table that stands on no page, are both mistakes. Those
// of the tool need no line: its own tests run it.
func TestCommands_are_those_of_the_table(t *testing.T) {
	found := commands(t)
	for _, c := range found {
		uses := func(step []string) bool { return len(step) > 0 && step[0] == tool }
		if _, ok := table[c.text]; !ok && !slices.ContainsFunc(steps(c.text), uses) {
			t.Errorf("%s:%d: the table has no line for\n\t%s", c.page, c.line, c.text)
		}
	}
	for text := range table {
		if !slices.ContainsFunc(found, func(c command) bool { return c.text == text }) {
			t.Errorf("the table has a line for what is on no page:\n\t%s", text)
		}
	}
}
