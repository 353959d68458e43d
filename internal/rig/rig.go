// Package rig is what the tests of stomp are built on: checks that say what they wanted, one way to connect a Client,
// an embedded broker, a server that the test plays itself (over a pipe, a socket or a WebSocket), a network that
// fails by a script, certificates and a proxy. Whatever it starts ends with the test.
package rig

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// Bubble runs a subtest in a synctest bubble: its time is exact, and a goroutine that it leaves behind fails it.
func Bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// Within returns a ctx that ends after d, in the bubble's time.
func Within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// Ended returns a ctx that has ended already.
func Ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The back-offs of tests.
var (
	// QuickBackoff has delays that do not matter: a millisecond at most.
	QuickBackoff = stomp.Backoff{Min: time.Millisecond, Max: time.Millisecond}
	// LongBackoff has delays that are longer than whatever a test does meanwhile, but for one in a million.
	LongBackoff = stomp.Backoff{Min: 100_000 * time.Hour, Max: 100_000 * time.Hour}
)
