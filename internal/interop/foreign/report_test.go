package foreign

import (
	"slices"
	"strings"
	"testing"
)

func TestReport_read_parses_the_lines(t *testing.T) {
	for name, c := range map[string]struct {
		text     string
		verdicts []verdict
		ended    bool
		err      string // part of the error's text; "": none
	}{
		"nothing":                {"", nil, false, ""},
		"ok_and_end":             {"ok text\nend\n", []verdict{{"text", ""}}, true, ""},
		"no_line_feed_at_end":    {"ok text\nend", []verdict{{"text", ""}}, true, ""},
		"carriage_returns":       {"ok text\r\nend\r\n", []verdict{{"text", ""}}, true, ""},
		"fail":                   {"fail text: no: at all\nend\n", []verdict{{"text", "no: at all"}}, true, ""},
		"no_end":                 {"ok text\n", []verdict{{"text", ""}}, false, ""},
		"fail_without_a_reason":  {"fail text\n", nil, false, "without a reason"},
		"fail_with_an_empty_one": {"fail text: \n", nil, false, "without a reason"},
		"ok_without_a_name":      {"ok\n", nil, false, "not the name"},
		"ok_with_more":           {"ok text: maybe\n", nil, false, "not the name"},
		"twice":                  {"ok text\nfail text: no\n", []verdict{{"text", ""}}, false, "already"},
		"after_the_end":          {"end\nok text\n", nil, true, "after the end"},
		"something_else":         {"ok text\nSegmentation fault\n", []verdict{{"text", ""}}, false, "Segmentation fault"},
		"an_empty_line":          {"\n", nil, false, "not a line"},
		"the_end_with_more":      {"end of it\n", nil, false, "not a line"},
		"a_line_without_end":     {"ok " + strings.Repeat("x", 1<<20), nil, false, "too long"},
	} {
		t.Run(name, func(t *testing.T) {
			var p report
			var heard []verdict
			err := p.read(strings.NewReader(c.text), func(v verdict) { heard = append(heard, v) })
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			if !slices.Equal(p.verdicts, c.verdicts) || !slices.Equal(heard, c.verdicts) {
				t.Errorf("kept %v and told %v, want %v", p.verdicts, heard, c.verdicts)
			}
			if p.ended != c.ended {
				t.Errorf("ended is %v", p.ended)
			}
		})
	}
}

func TestReport_missing_compares_with_the_request(t *testing.T) {
	p := report{verdicts: []verdict{{"one", ""}, {"two", "broken"}, {"more", ""}}}
	missing, others := p.missing([]string{"zero", "one", "two"})
	if !slices.Equal(missing, []string{"zero"}) || !slices.Equal(others, []string{"more"}) {
		t.Errorf("missing are %v and others %v, want zero and more", missing, others)
	}
}
