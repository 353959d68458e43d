package rig

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/stomp"
)

// Body receives the next frame of c, which must have that body.
func Body(t testing.TB, c <-chan stomp.Frame, body string) stomp.Frame {
	t.Helper()
	f, open := <-c
	if !open || string(f.Body) != body {
		t.Fatalf("got %.80q, channel open %t; want %.80q", f.Body, open, body)
	}
	return f
}

// Bodies reads what lies in a channel until it is closed or, in a bubble, until nobody has anything left to do.
func Bodies(c <-chan stomp.Frame) (got []string, open bool) {
	for {
		synctest.Wait()
		select {
		case f, ok := <-c:
			if !ok {
				return got, false
			}
			got = append(got, string(f.Body))
		default:
			return got, true
		}
	}
}

// Closed waits for what comes from c next, and fails the test unless that is its end.
func Closed[T any](t testing.TB, c <-chan T) {
	t.Helper()
	if v, open := <-c; open {
		t.Errorf("%v came; want a closed channel", v)
	}
}

// IsClosed tells whether c is closed by now. It takes nothing from a channel that has something in it: c must be one
// on which nothing is ever sent.
func IsClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// Go makes a call in a goroutine. Whoever receives its error joins it.
func Go(call func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	return done
}

// Numbers returns "first", …, "last", as bodies.
func Numbers(first, last int) (s []string) {
	for i := first; i <= last; i++ {
		s = append(s, fmt.Sprint(i))
	}
	return s
}

// Until reads w up to a status of that state.
func Until(t testing.TB, w <-chan stomp.Status, state stomp.State) stomp.Status {
	t.Helper()
	return until(t, w, state.String(), func(s stomp.Status) bool { return s.State == state })
}

// UntilSession reads w up to that session. Real time may hide what came before it: the newest status wins.
func UntilSession(t testing.TB, w <-chan stomp.Status, epoch uint64) stomp.Status {
	t.Helper()
	return until(t, w, fmt.Sprint("of session ", epoch), func(s stomp.Status) bool {
		return s.State == stomp.StateConnected && s.Epoch == epoch
	})
}

func until(t testing.TB, w <-chan stomp.Status, what string, reached func(stomp.Status) bool) stomp.Status {
	t.Helper()
	var last stomp.Status
	for last = range w {
		if reached(last) {
			return last
		}
	}
	t.Fatalf("the status never was %s; the last is %+v", what, last)
	return last
}
