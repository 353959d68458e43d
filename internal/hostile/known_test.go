package hostile_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// closeCodeFault stands for all cases: the code of the close frame that the Client sends after a breach.
const closeCodeFault = "the close code"

// knownFaults names the cases that fail today, and why. A * at the end stands for anything. Numbers are those of the
// issue "Hard to break".
var knownFaults = map[string]string{}

// knownFault returns what is wrong where a case fails today.
func knownFault(name string) (fault string, known bool) {
	for pattern, fault := range knownFaults {
		prefix, isPrefix := strings.CutSuffix(pattern, "*")
		if name == pattern || isPrefix && strings.HasPrefix(name, prefix) {
			met.Store(pattern, true)
			return fault, true
		}
	}
	return "", false
}

// isOpen tells whether a fault that is no case of its own is known.
func isOpen(fault string) bool {
	_, known := knownFault(fault)
	return known
}

// skipUnderRace skips a test that measures; what is known of its cases counts as met.
func skipUnderRace(t *testing.T) {
	for pattern := range knownFaults {
		if strings.HasPrefix(pattern, "memory: ") {
			met.Store(pattern, true)
		}
	}
	t.Skip("what is measured under the race detector says nothing")
}

// met holds the entries of knownFaults that were met.
var met sync.Map

// knownFaultsMet returns an error for each line of knownFaults that no case has met, if all cases have run.
func knownFaultsMet() error {
	for _, selection := range []string{"test.run", "test.skip", "test.list", "test.fuzz"} {
		if flag.Lookup(selection).Value.String() != "" {
			return nil
		}
	}
	var list []error
	for pattern, fault := range knownFaults {
		if _, ok := met.Load(pattern); !ok {
			list = append(list, fmt.Errorf("no case has met %q: take it out of knownFaults (%s)", pattern, fault))
		}
	}
	return errors.Join(list...)
}
