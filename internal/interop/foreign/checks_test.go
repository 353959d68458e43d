package foreign

import (
	"slices"
	"testing"
)

// A misspelt name in the table would not exclude its check.
func TestNotOffered_names_known_checks_and_reasons(t *testing.T) {
	for name, absences := range notOffered {
		for _, a := range absences {
			if a.why == "" {
				t.Errorf("%s: no reason why %v are not offered", name, a.checks)
			}
			for _, c := range a.checks {
				if !slices.Contains(checks, c) {
					t.Errorf("%s: there is no check %q", name, c)
				}
			}
		}
	}
}

func TestOffered_tells_why_checks_are_missing(t *testing.T) {
	told := make(map[string]string)
	rest := offered(func(check, why string) { told[check] = why }, "stomp.py", "1.0", "1.0")
	for _, c := range []string{"message-type", "nack", "silence"} {
		if slices.Contains(rest, c) || told[c] == "" {
			t.Errorf("%s is offered, or no reason was told: %q", c, told[c])
		}
	}
	if len(rest)+len(told) != len(checks) {
		t.Errorf("%d offered and %d not, of %d", len(rest), len(told), len(checks))
	}
}
