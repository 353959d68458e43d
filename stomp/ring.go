package stomp

// ring is a queue that reuses its memory and lets go of it when it runs empty.
type ring struct {
	items []Frame
	head  int
	n     int
}

// ringKept is how many places an empty ring keeps.
const ringKept = 64

func (r *ring) len() int { return r.n }

// push adds f at the end.
func (r *ring) push(f Frame) {
	r.grow()
	r.items[(r.head+r.n)%len(r.items)] = f
	r.n++
}

// unpop puts back what pop has taken last.
func (r *ring) unpop(f Frame) {
	r.grow()
	r.head = (r.head + len(r.items) - 1) % len(r.items)
	r.items[r.head] = f
	r.n++
}

// grow makes room for one more.
func (r *ring) grow() {
	if r.n < len(r.items) {
		return
	}
	grown := make([]Frame, max(16, 2*len(r.items)))
	k := copy(grown, r.items[r.head:])
	copy(grown[k:], r.items[:r.head])
	r.items, r.head = grown, 0
}

// pop takes what was pushed first. There has to be something.
func (r *ring) pop() Frame {
	f := r.items[r.head]
	r.items[r.head] = Frame{}
	r.head = (r.head + 1) % len(r.items)
	r.n--
	if r.n == 0 && len(r.items) > ringKept {
		r.items, r.head = nil, 0
	}
	return f
}
