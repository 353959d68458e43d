package leak

// runtimeOwn is how many goroutines the runtime starts for itself: one, for events.
const runtimeOwn = 1
