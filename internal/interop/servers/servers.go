// Package servers says, for all tests with real servers, when they run.
package servers

import (
	"errors"
	"os"
	"testing"

	"github.com/webstomp/webstomp/internal/interop/broker"
)

// OptIn skips the test unless WEBSTOMP_INTEROP is set.
func OptIn(t testing.TB) {
	t.Helper()
	if os.Getenv("WEBSTOMP_INTEROP") == "" {
		t.Skip("starts real servers: set WEBSTOMP_INTEROP=1 (internal/interop/install installs what they need)")
	}
}

// Require fails the test when err is not nil. If err says that a server is not available on this machine, it skips the
// test instead, except in CI.
func Require(t testing.TB, err error) {
	t.Helper()
	var missing *broker.Missing
	switch {
	case err == nil:
	case errors.As(err, &missing) && os.Getenv("CI") == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}
