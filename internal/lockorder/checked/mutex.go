// Package checked has mutexes that check in which order they are locked. The command internal/lockorder runs the
// library's tests in a build whose mutexes are those of this package; nothing that is built otherwise imports it.
//
// What is checked of each goroutine, at each lock that it takes or releases:
//
//   - a lock is taken under another one only if that pair is allowed, whichever of those held is the other;
//   - so no lock is taken under one of its own type, be it the same one;
//   - the goroutine that locks unlocks.
//
// The first violation ends the process, with the stacks of both sides. No deadlock has to come about for it to be
// found: it is enough that the tests pass by.
package checked

import "sync"

// Lock gives a mutex its name. The zero value has to be ready.
type Lock interface{ LockName() string }

// Mutex is a sync.Mutex that checks the order. The zero value is an unlocked one.
type Mutex[L Lock] struct{ mu sync.Mutex }

// Lock locks m, if the calling goroutine may.
func (m *Mutex[L]) Lock() {
	process.take(m, name[L]())
	m.mu.Lock()
}

// Unlock unlocks m, if the calling goroutine has locked it.
func (m *Mutex[L]) Unlock() {
	process.release(m, name[L]())
	m.mu.Unlock()
}

// RWMutex is a sync.RWMutex that checks the order. To read takes it, too: a reader waits for a writer, and for
// readers behind one that waits. The zero value is an unlocked one.
type RWMutex[L Lock] struct{ mu sync.RWMutex }

// Lock locks m for writing, if the calling goroutine may.
func (m *RWMutex[L]) Lock() {
	process.take(m, name[L]())
	m.mu.Lock()
}

// Unlock unlocks m for writing, if the calling goroutine has locked it.
func (m *RWMutex[L]) Unlock() {
	process.release(m, name[L]())
	m.mu.Unlock()
}

// RLock locks m for reading, if the calling goroutine may.
func (m *RWMutex[L]) RLock() {
	process.take(m, name[L]())
	m.mu.RLock()
}

// RUnlock unlocks m for reading, if the calling goroutine has locked it.
func (m *RWMutex[L]) RUnlock() {
	process.release(m, name[L]())
	m.mu.RUnlock()
}

func name[L Lock]() string {
	var l L
	return l.LockName()
}
