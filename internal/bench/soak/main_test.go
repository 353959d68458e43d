package soak

import (
	"flag"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
)

var (
	clients  = flag.Int("soak.clients", 1000, "clients of the test with many; 10,000 is the full form")
	messages = flag.Int("soak.messages", 200_000, "messages of the test with one client; 5,000,000 is the short form, 100,000,000 the full one")
)

// The test's own program is the broker that runs beside it.
func TestMain(m *testing.M) {
	if os.Getenv(brokerVariable) != "" {
		os.Exit(serveBroker(os.Stdin, os.Stdout))
	}
	leak.Main(m)
}

// memory is what this process holds when it rests.
type memory struct {
	live       uint64 // bytes of the objects that are reachable
	heap       uint64 // bytes of the heap's spans that hold any
	stacks     uint64
	goroutines int
}

// measure collects the garbage first. What lies in a sync.Pool goes with the
// second collection.
func measure() memory {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{m.HeapAlloc, m.HeapInuse, m.StackInuse, runtime.NumGoroutine()}
}

// settled waits until no more than that many goroutines run, for those that are
// just ending, and reports whether it came to that.
func settled(goroutines int) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 {
		if runtime.NumGoroutine() <= goroutines {
			return true
		}
		<-tick.C
	}
	return false
}
