//go:build unix

package foreign

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestScript_run_reports_and_explains_failures(t *testing.T) {
	for name, c := range map[string]struct {
		shell  string
		checks int
		err    string // part of the error's text; "": none
	}{
		"to_the_end":       {"echo ok one; echo fail two: broken; echo end", 2, ""},
		"exit_status":      {"echo ok one; echo end; exit 3", 1, "exit status 3"},
		"no_end":           {"echo ok one", 1, `the line "end" is missing`},
		"stray_line":       {"echo ok one; echo hello; echo end", 1, `"hello"`},
		"complaint":        {"echo what is wrong >&2; exit 1", 0, "what is wrong"},
		"long_complaint":   {"yes complaint | head -c 100000 >&2; echo the last words >&2; exit 1", 0, "the last words"},
		"output_after_bad": {"echo hello; yes | head -c 1000000", 0, `"hello"`},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := script{name: "sh", args: []string{"-c", c.shell}}.run(t.Context(), func(verdict) {})
			if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("the error is %v, want %q", err, c.err)
			}
			if err != nil && len(err.Error()) > tailSize+1024 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if len(p.verdicts) != c.checks {
				t.Errorf("the report is %v, want %d verdicts", p.verdicts, c.checks)
			}
		})
	}
}

func TestScript_run_fails_without_the_program(t *testing.T) {
	if _, err := (script{name: "./no-such-program"}).run(t.Context(), func(verdict) {}); err == nil || !strings.Contains(err.Error(), "does not start") {
		t.Errorf("the error is %v", err)
	}
}

// The end of ctx ends the script and the processes that it started.
func TestScript_run_ends_with_ctx(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// The child holds stdout: run would wait for it if it were not killed, too.
	_, err := script{name: "sh", args: []string{"-c", "sleep 1000 & echo ok ready; wait"}}.run(ctx, func(verdict) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
}
