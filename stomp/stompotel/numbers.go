package stompotel

import (
	"strconv"
	"sync"
)

// idNumbers gives out the lowest numbers that are free, so that a program that replaces its Clients makes no new time
// series.
type idNumbers struct {
	mu    sync.Mutex // guards taken
	taken []bool     // the number is the index, and one
}

// take returns a number, and what gives it back.
func (n *idNumbers) take() (id string, release func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	i := 0
	for i < len(n.taken) && n.taken[i] {
		i++
	}
	if i == len(n.taken) {
		n.taken = append(n.taken, false)
	}
	n.taken[i] = true
	return strconv.Itoa(i + 1), func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.taken[i] = false
	}
}
