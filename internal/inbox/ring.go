package inbox

// ring is a queue that reuses its memory, and frees it when it runs empty.
type ring[T any] struct {
	items []T
	head  int
	n     int
}

// ringKept is how many places an empty ring keeps.
const ringKept = 64

func (r *ring[T]) len() int { return r.n }

// push adds v at the end.
func (r *ring[T]) push(v T) {
	r.grow()
	r.items[(r.head+r.n)%len(r.items)] = v
	r.n++
}

// unpop puts back what pop took last.
func (r *ring[T]) unpop(v T) {
	r.grow()
	r.head = (r.head + len(r.items) - 1) % len(r.items)
	r.items[r.head] = v
	r.n++
}

// at returns the value in that place, counted from the front.
func (r *ring[T]) at(i int) T { return r.items[(r.head+i)%len(r.items)] }

// swap puts v into that place and returns what was there.
func (r *ring[T]) swap(i int, v T) T {
	place := &r.items[(r.head+i)%len(r.items)]
	old := *place
	*place = v
	return old
}

// grow makes room for one more.
func (r *ring[T]) grow() {
	if r.n < len(r.items) {
		return
	}
	grown := make([]T, max(16, 2*len(r.items)))
	k := copy(grown, r.items[r.head:])
	copy(grown[k:], r.items[:r.head])
	r.items, r.head = grown, 0
}

// pop takes what was pushed first. The ring must not be empty.
func (r *ring[T]) pop() T {
	v := r.items[r.head]
	clear(r.items[r.head : r.head+1])
	r.head = (r.head + 1) % len(r.items)
	r.n--
	if r.n == 0 && len(r.items) > ringKept {
		r.items, r.head = nil, 0
	}
	return v
}
