package foreign

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"
)

// verdict is the result of one check.
type verdict struct {
	check  string
	reason string // why it failed; "" if it passed
}

// report is what a script has printed, line by line:
//
//	ok NAME
//	fail NAME: reason
//	end
type report struct {
	verdicts []verdict
	ended    bool // "end" came; nothing may follow it
}

// read reads all lines of r and calls heard for each verdict as it comes. It fails at
// the first line that does not belong in a report.
func (p *report) read(r io.Reader, heard func(verdict)) error {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		v, err := p.line(line)
		if err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if v != nil {
			heard(*v)
		}
	}
	return lines.Err()
}

// line parses one line. The verdict is nil for "end".
func (p *report) line(line string) (*verdict, error) {
	word, rest, _ := strings.Cut(line, " ")
	v := verdict{check: rest}
	switch {
	case p.ended:
		return nil, fmt.Errorf("a line after the end")
	case line == "end":
		p.ended = true
		return nil, nil
	case word == "ok":
	case word == "fail":
		if v.check, v.reason, _ = strings.Cut(rest, ": "); v.reason == "" {
			return nil, fmt.Errorf("a failure without a reason")
		}
	default:
		return nil, fmt.Errorf("not a line of a report: ok NAME, fail NAME: reason, or end")
	}
	if v.check == "" || strings.ContainsAny(v.check, " :") {
		return nil, fmt.Errorf("%q is not the name of a check", v.check)
	}
	if slices.ContainsFunc(p.verdicts, func(o verdict) bool { return o.check == v.check }) {
		return nil, fmt.Errorf("the check %s has reported already", v.check)
	}
	p.verdicts = append(p.verdicts, v)
	return &v, nil
}

// missing returns the checks that have not reported; others are the reported checks
// that are not among checks.
func (p *report) missing(checks []string) (missing, others []string) {
	seen := make(map[string]bool)
	for _, v := range p.verdicts {
		seen[v.check] = true
		if !slices.Contains(checks, v.check) {
			others = append(others, v.check)
		}
	}
	for _, c := range checks {
		if !seen[c] {
			missing = append(missing, c)
		}
	}
	return missing, others
}
