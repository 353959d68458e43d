// Package notify wakes goroutines that wait for something to happen to state under a lock. What it wakes by is made only
// when somebody waits, and used only when the lock is released.
package notify

// Event is a channel that is closed when something happens. It belongs to the state that changes: the lock of that
// guards it. The zero value is ready; one that nobody waits for holds no channel.
//
//	mu.Lock()
//	full := len(queue) == bound
//	room := event.Wait() // or, where something leaves: waiting := event.Take()
//	mu.Unlock()
//	<-room               // waiting.Wake()
type Event struct{ c chan struct{} }

// Wait returns a channel that is closed when it happens next.
func (e *Event) Wait() <-chan struct{} {
	if e.c == nil {
		e.c = make(chan struct{})
	}
	return e.c
}

// Waiting tells whether Wait has been called since the last Take.
func (e *Event) Waiting() bool { return e.c != nil }

// Take says that it has happened, and returns those who wait. Whoever calls it wakes them when the lock is released.
func (e *Event) Take() Waiters {
	w := Waiters{e.c}
	e.c = nil
	return w
}

// Waiters are those who waited for an Event. The zero value is nobody.
type Waiters struct{ c chan struct{} }

// Wake lets them go on. It is called once, without the lock.
func (w Waiters) Wake() {
	if w.c != nil {
		close(w.c)
	}
}

// Signal leaves word in a channel of capacity 1, where a second word would say nothing new. A nil channel takes none.
func Signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
