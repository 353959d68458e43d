package leak

import (
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m) }

// Many goroutines, so that those of the test runner make no difference.
func TestSettles_tells_running_goroutines_from_ended_ones(t *testing.T) {
	const many = 100
	block := make(chan struct{})
	for range many {
		go func() { <-block }() // ends at the close of block
	}
	if settles(many/2, time.Millisecond) {
		t.Error("goroutines that run do not count")
	}
	close(block)
	if !settles(many/2, patience) {
		t.Error("goroutines that ended still count")
	}
}
