//go:build !race

package hostile_test

// underRace is false: this is an ordinary build.
const underRace = false
