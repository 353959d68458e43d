//go:build !js

package leak

// runtimeOwn is how many goroutines the runtime starts for itself while tests run.
const runtimeOwn = 0
