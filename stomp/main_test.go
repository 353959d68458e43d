package stomp_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// TestMain fails when a goroutine is left after all tests: nothing runs after the Close of a Client. One that is just
// ending is given the time to.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); code == 0 && runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			fmt.Fprintf(os.Stderr, "goroutines: %d before the tests, %d after:\n%s\n", before, runtime.NumGoroutine(), stacks)
			code = 1
		}
	}
	os.Exit(code)
}

// connectTo returns a Client that the test's end closes.
func connectTo(t testing.TB, url string, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	c, err := stomp.Connect(t.Context(), url, append([]stomp.ConnectOption{stomp.WithoutReconnect()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// failToConnect returns the error of a Connect that must not succeed.
func failToConnect(t testing.TB, ctx context.Context, url string, opts ...stomp.ConnectOption) error {
	t.Helper()
	c, err := stomp.Connect(ctx, url, opts...)
	if err == nil {
		c.Close()
		t.Fatal("Connect succeeded")
	}
	if c != nil {
		t.Error("Connect returned a Client beside its error")
	}
	return err
}

// wantText compares an error's text, which is a promise: what was tried, on what, why, and what to look at next.
func wantText(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if got := err.Error(); got != want {
		t.Errorf("the error says\n\t%s\nwant\n\t%s", got, want)
	}
}
