//go:build amd64 || arm64

package checked

// A goroutine tells goroutines apart that run at the same time: the address of what the runtime knows of one.
type goroutine uintptr

// currentGoroutine returns the calling one. It is written in assembly since runtime.Stack, the other way to tell,
// walks the whole stack: the tests take thirty times as long.
func currentGoroutine() goroutine
