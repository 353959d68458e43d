package rig

import (
	"bytes"
	"regexp"
	"runtime"
)

var bubble = regexp.MustCompile(`^goroutine \d+ \[[^]]*(synctest bubble \d+)`)

// Goroutines counts those of the caller's bubble that run or wait. runtime.NumGoroutine counts as well those of other
// tests, one that the runtime starts for itself (a finalizer's), and one that is being cleared away, for which
// synctest.Wait does not wait.
func Goroutines() int {
	stacks := make([]byte, 64<<10)
	n := runtime.Stack(stacks, true)
	for n == len(stacks) { // there may be more
		stacks = make([]byte, 2*len(stacks))
		n = runtime.Stack(stacks, true)
	}
	stacks = stacks[:n]
	own := bubble.FindSubmatch(stacks) // the caller's stands first
	if own == nil {
		panic("rig.Goroutines: not in a bubble")
	}
	n = 0
	for _, stack := range bytes.Split(stacks, []byte("\n\n")) {
		if of := bubble.FindSubmatch(stack); of != nil && bytes.Equal(of[1], own[1]) {
			n++
		}
	}
	return n
}
