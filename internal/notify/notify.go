// Package notify wakes goroutines that wait for a change of state guarded by a lock. Its channels are created only
// when a goroutine waits, and closed only after the lock is released.
package notify

// Event is a channel that is closed when something happens. It is part of the state that changes, and guarded by the
// same lock. The zero value is ready to use and holds no channel until the first Wait.
//
//	mu.Lock()
//	full := len(queue) == bound
//	room := event.Wait() // or, where something leaves: waiting := event.Take()
//	mu.Unlock()
//	<-room               // waiting.Wake()
type Event struct{ c chan struct{} }

// Wait returns a channel that is closed when the event happens next.
func (e *Event) Wait() <-chan struct{} {
	if e.c == nil {
		e.c = make(chan struct{})
	}
	return e.c
}

// Waiting reports whether Wait has been called since the last Take.
func (e *Event) Waiting() bool { return e.c != nil }

// Take marks the event as happened and returns its waiters. The caller wakes them after releasing the lock.
func (e *Event) Take() Waiters {
	w := Waiters{e.c}
	e.c = nil
	return w
}

// Waiters are the goroutines that waited for an Event. The zero value is empty.
type Waiters struct{ c chan struct{} }

// Wake wakes them. It must be called at most once, without the lock.
func (w Waiters) Wake() {
	if w.c != nil {
		close(w.c)
	}
}

// Signal sends to a channel of capacity 1 without blocking; one pending signal is enough. On a nil channel it does
// nothing.
func Signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
