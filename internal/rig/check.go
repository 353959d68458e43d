package rig

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// OK ends the test at an error.
func OK(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ErrorIs fails the test unless errors.Is finds each of targets in err.
func ErrorIs(t testing.TB, err error, targets ...error) {
	t.Helper()
	for _, target := range targets {
		if !errors.Is(err, target) {
			t.Errorf("error %v; want one that matches %q", err, target)
		}
	}
}

// ErrorAs returns the E that errors.As finds in err. Where there is none it fails the test and returns a zero one, so
// that the caller may look at its fields.
func ErrorAs[E any, P interface {
	*E
	error
}](t testing.TB, err error) P {
	t.Helper()
	var found P
	if !errors.As(err, &found) {
		t.Errorf("error %v; want a %T in it", err, found)
		return P(new(E))
	}
	return found
}

// Refused fails the test unless err holds the broker's ERROR with that message, and returns it.
func Refused(t testing.TB, err error, message string) *stomp.Error {
	t.Helper()
	refused := ErrorAs[stomp.Error](t, err)
	if refused.Message != message {
		t.Errorf("error %v; want the broker's ERROR %q", err, message)
	}
	return refused
}

// ErrorClause fails the test unless err holds a *ProtocolError of that clause, and returns it.
func ErrorClause(t testing.TB, err error, clause string) *stomp.ProtocolError {
	t.Helper()
	protocol := ErrorAs[stomp.ProtocolError](t, err)
	if protocol.Clause != clause {
		t.Errorf("error %v; want a *ProtocolError of clause %s", err, clause)
	}
	return protocol
}

// ErrorLimit fails the test unless err holds a *LimitError that is want. A zero Size is any.
func ErrorLimit(t testing.TB, err error, want stomp.LimitError) {
	t.Helper()
	limit := *ErrorAs[stomp.LimitError](t, err)
	if want.Size == 0 {
		limit.Size = 0
	}
	if limit != want {
		t.Errorf("error %v; want a *LimitError of %+v", err, want)
	}
}

// ErrorText compares an error's text, which is a promise: what was tried, on what, why, and what to look at next.
func ErrorText(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %q", want)
	}
	if got := err.Error(); got != want {
		t.Errorf("the error says\n\t%s\nwant\n\t%s", got, want)
	}
}

// ErrorSays fails the test unless all of these are in the error's text.
func ErrorSays(t testing.TB, err error, texts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one that says %q", texts)
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in: %v", text, err)
		}
	}
}

// ErrorHides fails the test if a secret is in the error's text.
func ErrorHides(t testing.TB, err error, secret string) {
	t.Helper()
	if err != nil && strings.Contains(err.Error(), secret) {
		t.Errorf("a secret is in the error: %v", err)
	}
}

// Unsent fails the test unless stomp.Unsent says so of err: nothing of the frame was written.
func Unsent(t testing.TB, err error) {
	t.Helper()
	if !stomp.Unsent(err) {
		t.Errorf("Unsent is false of: %v", err)
	}
}

// MaySent fails the test unless err leaves open what became of the frame: stomp.Unsent is false.
func MaySent(t testing.TB, err error) {
	t.Helper()
	if stomp.Unsent(err) {
		t.Errorf("Unsent is true of: %v", err)
	}
}

// Equal fails the test where got is not want.
func Equal[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// Takes fails the test unless f takes exactly that long, in the bubble's time.
func Takes(t testing.TB, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took != want {
		t.Errorf("it took %v, want exactly %v", took, want)
	}
}
