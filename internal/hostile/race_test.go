//go:build race

package hostile_test

// underRace is true where the race detector makes everything ten times as slow, and sync.Pool forgetful: what is
// measured there says nothing, and a case is run in fewer ways.
const underRace = true
