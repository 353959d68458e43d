// Package leak makes a test package fail when it leaves goroutines behind.
package leak

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
)

// patience is how long a goroutine that is ending may take to do so.
const patience = 5 * time.Second

// Main runs the tests of a package, and fails if more goroutines run after
// them than did before. It is for TestMain, and does not return.
func Main(m *testing.M) {
	before := runtime.NumGoroutine() + runtimeOwn
	code := m.Run()
	if code == 0 && !fuzzing() && !Settles(before) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprintf(os.Stderr, "goroutines: %d before the tests, %d after:\n%s\n", before, runtime.NumGoroutine(), stacks)
		code = 1
	}
	os.Exit(code)
}

// fuzzing reports whether go test fuzzes: it leaves a goroutine of its own
// behind then, for signals.
func fuzzing() bool { return flag.Lookup("test.fuzz").Value.String() != "" }

// Settles waits until no more than that many goroutines run, for those that are
// just ending, and reports whether it came to that.
func Settles(goroutines int) bool { return settles(goroutines, patience) }

// settles waits until no more than that many goroutines run, and reports whether
// it came to that.
func settles(goroutines int, patience time.Duration) bool {
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if runtime.NumGoroutine() <= goroutines {
			return true
		}
	}
	return false
}
