package outbox

import (
	"context"
	"slices"
)

// chunk is how much a connection gathers before it writes (see ws).
const chunk = 64 << 10

// model is an Outbox and its Writer on a line, as one would write them if nobody else ran meanwhile: what the Writer
// has still to do is a list of steps, and a step that the line has no room for stays at its head.
type model struct {
	all      []*modelFrame // accepted
	waiting  []*modelFrame // of those, the ones that are not taken
	taken    uint64
	flushed  uint64
	closed   error
	failed   error
	runs     bool
	over     bool  // Run has returned
	result   error // what it has returned
	steps    []func() bool
	frames   uint64
	beats    uint64
	beatDue  bool
	finished bool
	leaving  bool // Run has seen finished

	unflushed int
	gathered  []byte // not written to the line yet
	drains    bool   // all of it goes to the line before anything is added
	credit    int
	breaks    bool
	wire      []byte
}

type modelFrame struct {
	number                  uint64
	bytes                   []byte
	carry                   bool
	withdrawn, taken, begun bool // one that was withdrawn begins when its turn comes, too
	ticket                  *modelTicket
}

// modelTicket is a Ticket and what is known of it.
type modelTicket struct {
	real             *Ticket
	in               *model // nil: nowhere
	frame            *modelFrame
	begun, withdrawn bool
}

func (m *model) add(e *modelFrame, forced bool, last error) (uint64, error) {
	bytes := 0
	for _, w := range m.waiting {
		bytes += len(w.bytes)
	}
	switch {
	case m.closed != nil:
		return 0, m.closed
	case bytes >= bound && !forced:
		return 0, context.Canceled
	}
	e.number = uint64(len(m.all) + 1)
	if t := e.ticket; t != nil {
		if e.withdrawn = t.withdrawn; !t.withdrawn {
			t.in, t.frame = m, e
		}
	}
	m.all, m.waiting = append(m.all, e), append(m.waiting, e)
	m.closed = last
	return e.number, nil
}

func (t *modelTicket) withdraw() (unsent bool) {
	t.withdrawn = true
	if t.in != nil {
		if t.frame.taken {
			return false
		}
		t.frame.withdrawn = true
	}
	return !t.begun
}

func (t *modelTicket) leave(m *model) (number uint64, here, begun bool) {
	if t.in != m {
		return 0, false, false
	}
	t.in = nil
	t.begun = t.begun || t.frame.begun
	return t.frame.number, true, t.frame.begun
}

func (m *model) fail(err error) {
	if m.failed == nil {
		m.closed, m.failed = err, err
	}
}

func (m *model) awaitFlush(number uint64) error {
	switch {
	case m.flushed >= number:
		return nil
	case m.failed != nil:
		return m.failed
	}
	return context.Canceled
}

func (m *model) leftover() (left []*modelFrame) {
	for _, f := range m.all {
		if f.carry && !f.begun && !f.withdrawn {
			left = append(left, f)
		}
	}
	return left
}

// run goes on until the Writer sleeps, waits for the line, or is over.
func (m *model) run() {
	for m.runs && !m.over {
		if len(m.steps) == 0 && !m.plan() {
			return
		}
		if len(m.steps) > 0 {
			if !m.steps[0]() {
				return
			}
			m.steps = m.steps[1:]
		}
	}
}

// plan decides what is to be done next; false: nothing.
func (m *model) plan() bool {
	switch {
	case len(m.waiting) > 0:
		m.planBatch()
	case m.unflushed > 0:
		m.do(m.flush)
	case m.leaving:
		m.over = true
	case m.beatDue || m.finished:
		m.leaving = m.finished
		m.planBeat()
		m.do(m.flush)
	default:
		return false
	}
	return true
}

func (m *model) do(step func() bool) { m.steps = append(m.steps, step) }

func (m *model) planBatch() {
	batch := m.waiting
	m.waiting, m.taken = nil, uint64(len(m.all))
	written := 0
	for _, f := range batch {
		f.taken = true
		m.do(func() bool { f.begun = true; return true })
		if f.withdrawn {
			continue
		}
		m.do(func() bool { m.frames++; return true })
		for piece := range slices.Chunk(f.bytes, chunk) {
			m.do(func() bool { return m.gather(piece) })
		}
		m.do(func() bool { m.unflushed += len(f.bytes); return true })
		if written += len(f.bytes); written >= flushEvery {
			written = 0
			m.planBeat()
		}
	}
	m.planBeat() // whatever else waits
	m.do(func() bool {
		if m.unflushed > 0 && m.unflushed < flushEvery {
			return true
		}
		return m.flush()
	})
}

func (m *model) planBeat() {
	due := false
	m.do(func() bool {
		if due, m.beatDue = m.beatDue, false; due {
			m.beats++
		}
		return true
	})
	m.do(func() bool {
		if !due {
			return true
		}
		if !m.gather(heartBeat) {
			return false
		}
		m.unflushed += len(heartBeat)
		return true
	})
}

// gather writes p to the connection, which hands on what it holds where both do not fit a chunk.
func (m *model) gather(p []byte) bool {
	m.drains = m.drains || len(m.gathered) > 0 && len(m.gathered)+len(p) > chunk
	if m.drains && !m.drain() {
		return false
	}
	m.drains = false
	m.gathered = append(m.gathered, p...)
	return true
}

func (m *model) flush() bool {
	if !m.drain() {
		return false
	}
	m.unflushed, m.flushed = 0, m.taken
	return true
}

// drain hands the line all that was gathered, as far as it takes it.
func (m *model) drain() bool {
	n := min(m.credit, len(m.gathered))
	m.credit -= n
	m.wire = append(m.wire, m.gathered[:n]...)
	m.gathered = m.gathered[n:]
	if len(m.gathered) > 0 && m.breaks {
		m.over, m.result = true, errBroken
	}
	return len(m.gathered) == 0
}
