package leak

import (
	"runtime"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

func TestSettles(t *testing.T) {
	before := runtime.NumGoroutine()
	block, running := make(chan struct{}), make(chan struct{})
	go func() { // ends at the close of block
		close(running)
		<-block
	}()
	<-running
	if n := runtime.NumGoroutine(); n != before+1 {
		t.Fatalf("%d goroutines, want %d", n, before+1)
	}
	close(block)
	if !settles(before) {
		t.Error("a goroutine that ended still counts")
	}
}
