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
var knownFaults = map[string]string{
	closeCodeFault:                    "16: after a breach the close frame is lost in a race, after one of STOMP there is none",
	"5.1 *":                           "11: masked frames are accepted",
	"leaving: pings and ERROR":        "12: a pong that cannot be written ends the reading",
	"storm: ERRORs for *":             "15: a line in the log for each",
	"memory: a queue of small frames": "13: what a frame costs beside its text is not counted",
	"memory: a queue of frames with many entries": "13: entries are not counted",
	"silence: a control frame, *":                 "one whose payload takes more than 5 s ends the session, in the library, and the text does not say why",
	"deflate, take-over: 5.1 *":                   "11: masked frames are accepted",
	"deflate, no take-over: 5.1 *":                "11: masked frames are accepted",
	"deflate, take-over: half *":                  "14: half a stream passes for a whole one",
	"deflate, no take-over: half *":               "14: half a stream passes for a whole one",
	"5.2 an ERROR cut off inside its message":     "what came of a WebSocket message is lost when the connection ends inside it (S2)",
}

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
