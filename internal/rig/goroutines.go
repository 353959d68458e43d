package rig

import (
	"bytes"
	"runtime"
)

// Goroutines counts those that run or wait. runtime.NumGoroutine counts as well one that is being cleared away, for
// which synctest.Wait does not wait.
func Goroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("\n\ngoroutine "))
}
