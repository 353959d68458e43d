//go:build !amd64 && !arm64

package checked

import (
	"fmt"
	"runtime"
)

// A goroutine tells goroutines apart: the number of one.
type goroutine uint64

// currentGoroutine returns the calling one: its stack begins with "goroutine 7 [running]:".
func currentGoroutine() (g goroutine) {
	var stack [64]byte
	if _, err := fmt.Sscanf(string(stack[:runtime.Stack(stack[:], false)]), "goroutine %d", &g); err != nil {
		panic(err)
	}
	return g
}
