package stomp

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// leaveGrace is how much longer than its ctx a user's function may take. One that heeds its ctx returns within
// microseconds, even on a machine that is busy, and is joined; what it says counts. One that does not is left behind.
const leaveGrace = 100 * time.Millisecond

var (
	errLeft   = errors.New("a function that was given to an option goes on beyond its ctx")
	errBusy   = errors.New("a function that was given to an option has not returned from an earlier call")
	errExited = errors.New("a function that was given to an option has ended its goroutine (runtime.Goexit)")
)

// mustReturn calls f, which calls functions of the user's without a ctx. One that ends the goroutine, as Fatal of a test
// does, would take along what that is for, and nobody would ever know: it ends the process, as a panic does. where says
// what to look at.
func mustReturn(f func(), where func() string) {
	returned := false
	defer func() {
		if returned {
			return
		}
		if text := recover(); text != nil {
			panic(text) // the stack that led to it is still there
		}
		panic("stomp: " + where() + " has ended its goroutine (runtime.Goexit, as by FailNow and Fatal of a test)")
	}()
	f()
	returned = true
}

// userCall is one call of a user's function, which may go on beyond its ctx. It has a goroutine of its own, so that
// nobody waits for longer than leaveGrace after that. A function that panics ends the process with its own stack.
type userCall[T any] struct {
	done     chan struct{} // closed when the function has returned, unless it was left behind before
	value    T             // set before done is closed
	err      error         // likewise
	settled  atomic.Bool   // set by the first to decide whether it was left behind: the goroutine, or result
	unwanted func(T)       // gets what comes from a function that was left behind; nil: that is dropped
}

// startCall calls f in a goroutine. Calls with the same turn, which has a capacity of 1, come one after the other: as
// long as an earlier one has not returned, f waits within ctx. The caller waits for done, or whatever else ends the
// call, ends ctx in the latter case, and then calls result.
func startCall[T any](ctx context.Context, turn chan struct{}, f func() (T, error), unwanted func(T)) *userCall[T] {
	c := &userCall[T]{done: make(chan struct{}), err: errExited, unwanted: unwanted}
	go func() { // joined by result, unless f goes on beyond ctx
		defer c.settle()
		select {
		case turn <- struct{}{}:
		default:
			select {
			case turn <- struct{}{}:
			case <-ctx.Done():
				c.err = errBusy
				return
			}
		}
		defer func() { <-turn }()
		c.value, c.err = f()
	}()
	return c
}

// settle hands over what the function has returned.
func (c *userCall[T]) settle() {
	switch {
	case c.settled.CompareAndSwap(false, true):
		close(c.done)
	case c.err == nil && c.unwanted != nil:
		c.unwanted(c.value)
	}
}

// result returns what the function has returned, errLeft if it does not return within leaveGrace, or errBusy if it
// was not called because of an earlier call.
func (c *userCall[T]) result() (T, error) {
	grace := time.NewTimer(leaveGrace)
	defer grace.Stop()
	select {
	case <-c.done:
		return c.value, c.err
	case <-grace.C:
	}
	if c.settled.CompareAndSwap(false, true) {
		var none T
		return none, errLeft
	}
	<-c.done // it is about to be closed
	return c.value, c.err
}
