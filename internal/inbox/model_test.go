package inbox

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
)

// model is an Inbox as one would write it if nobody else ran meanwhile.
type model struct {
	bound     Bound
	room      int     // of the channel
	channel   []value // what the consumer gets first
	queue     []value // what comes behind it, the value in the feeder's hand included
	ended     bool    // takes nothing more
	closed    bool
	stalled   bool
	overrun   Overrun // since then
	dropped   []int
	received  uint64
	delivered uint64
	stalls    uint64
}

func (m *model) waiting() []value { return slices.Concat(m.channel, m.queue) }

func (m *model) held() (bytes int64) {
	for _, v := range m.waiting() {
		bytes += v.size
	}
	return bytes
}

func (m *model) fits(size int64) bool {
	n := len(m.waiting())
	return n == 0 || n < m.bound.Count && m.held()+size <= m.bound.Bytes
}

func (m *model) put(v value) Verdict {
	m.received++
	if m.ended {
		m.dropped = append(m.dropped, v.number)
		return Refused
	}
	verdict := Delivered
	if m.bound.Policy == Latest {
		return m.putLatest(v)
	}
	if !m.fits(v.size) {
		switch m.bound.Policy {
		case Block:
			verdict = Full
			if !m.stalled {
				verdict, m.stalled = Filled, true
				m.overrun = Overrun{Held: m.held()}
				m.stalls++
			}
			m.overrun.Beyond += v.size
			m.overrun.Last = v.size
		case DropOldest:
			verdict = Dropped
			for !m.fits(v.size) {
				oldest := m.waiting()[0]
				m.dropped = append(m.dropped, oldest.number)
				if len(m.channel) > 0 {
					m.channel = m.channel[1:]
				} else {
					m.queue = m.queue[1:]
				}
			}
		case DropNewest, Fail:
			m.dropped = append(m.dropped, v.number)
			if m.bound.Policy == Fail {
				return Overflowed
			}
			return Dropped
		}
	}
	m.queue = append(m.queue, v)
	m.feed()
	return verdict
}

// putLatest puts v where the value of its key waits, else at the end. Beyond the bound the oldest go; if that is v
// itself, it goes to the end.
func (m *model) putLatest(v value) Verdict {
	before := len(m.dropped)
	if i := slices.IndexFunc(m.queue, func(other value) bool { return other.key == v.key }); i >= 0 {
		m.dropped = append(m.dropped, m.queue[i].number)
		m.queue[i] = v
	} else {
		m.queue = append(m.queue, v)
	}
	for len(m.queue) > 1 && (len(m.queue) > m.bound.Count || m.held() > m.bound.Bytes) {
		oldest := m.queue[0]
		m.queue = m.queue[1:]
		if oldest == v {
			m.queue = append(m.queue, v)
		} else {
			m.dropped = append(m.dropped, oldest.number)
		}
	}
	m.feed()
	if len(m.dropped) > before {
		return Dropped
	}
	return Delivered
}

// feed moves what the channel has room for, as a feeder does that runs to where it has to wait.
func (m *model) feed() {
	for len(m.queue) > 0 && len(m.channel) < m.room {
		m.channel, m.queue = append(m.channel, m.queue[0]), m.queue[1:]
		m.relieve()
	}
	m.closed = m.closed || m.ended && len(m.queue) == 0
}

// relieve ends a stall once the queue is half empty.
func (m *model) relieve() {
	if len(m.queue) == 0 || len(m.waiting()) <= m.bound.Count/2 && m.held() <= m.bound.Bytes/2 {
		m.stalled = false
	}
}

func (m *model) receive() (v value, state string) {
	switch {
	case len(m.channel) > 0:
		v, m.channel = m.channel[0], m.channel[1:]
		m.delivered++
		m.feed()
		return v, "value"
	case m.room == 0 && len(m.queue) > 0: // from the feeder's hand
		v, m.queue = m.queue[0], m.queue[1:]
		m.delivered++
		m.relieve()
		m.feed()
		return v, "value"
	case m.closed:
		return value{}, "closed"
	}
	return value{}, "empty"
}

func (m *model) drain() {
	m.ended = true
	m.feed()
}

func (m *model) end() {
	for _, v := range m.queue {
		m.dropped = append(m.dropped, v.number)
	}
	m.queue = nil
	m.drain()
}

func (m *model) stats() Stats {
	return Stats{Received: m.received, Delivered: m.delivered, Dropped: uint64(len(m.dropped)), Stalls: m.stalls,
		Queued: len(m.waiting()), QueuedBytes: m.held()}
}

func TestInbox_does_what_the_model_does(t *testing.T) {
	for _, policy := range []Policy{Block, DropOldest, DropNewest, Fail, Latest} {
		for _, through := range []bool{false, true} {
			for seed := range uint64(150) {
				synctest.Test(t, func(t *testing.T) {
					if err := compare(policy, through, rand.New(rand.NewPCG(seed, uint64(policy)))); err != nil {
						t.Fatalf("policy %d, through an outlet: %v, seed %d: %v", policy, through, seed, err)
					}
				})
			}
		}
	}
}

// compare makes the same calls to an Inbox and to the model, until the first difference.
func compare(policy Policy, through bool, random *rand.Rand) error {
	o := new(owner)
	bound := Bound{Count: 1 + random.IntN(24), Bytes: 1 + random.Int64N(100), Policy: policy}
	in := New(o, bound)
	channel := in.C()
	if through {
		out := &outlet{out: make(chan value)}
		in, channel = NewThrough(o, bound, out), out.out
	}
	m := &model{bound: bound, room: cap(channel)}
	defer o.feeders.Wait()
	defer in.End()
	appetite := 1 + random.IntN(5) // of the consumer
	for step := range 120 {
		var call string
		switch c := random.IntN(60); {
		case c == 0:
			call = "Drain"
			in.Drain()
			m.drain()
		case c == 1:
			call = "End"
			in.End()
			m.end()
		case c < 2+10*appetite:
			call = "receive"
			got, state := receive(channel)
			want, wantState := m.receive()
			if got != want || state != wantState {
				return fmt.Errorf("step %d, %s: %v, %s, want %v, %s", step, call, got, state, want, wantState)
			}
		default:
			v := value{number: step, size: random.Int64N(bound.Bytes + 10), key: string(rune('a' + random.IntN(7)))}
			call = fmt.Sprintf("Put(%v)", v)
			if got, want := in.Put(v), m.put(v); got != want {
				return fmt.Errorf("step %d, %s: verdict %d, want %d", step, call, got, want)
			}
		}
		synctest.Wait() // the feeder has come to where it waits for the consumer
		if got, want := in.Stats(), m.stats(); got != want {
			return fmt.Errorf("step %d, %s: %+v, want %+v", step, call, got, want)
		}
		if got, want := in.Stalled(), m.stalled && !m.ended; got != want {
			return fmt.Errorf("step %d, %s: stalled is %v, want %v", step, call, got, want)
		}
		want := m.overrun
		if !m.stalled || m.ended {
			want = Overrun{}
		}
		if got := in.Overrun(); got != want {
			return fmt.Errorf("step %d, %s: %+v, want %+v", step, call, got, want)
		}
		if got := isClosed(in.Closed()); got != m.closed {
			return fmt.Errorf("step %d, %s: closed is %v, want %v", step, call, got, m.closed)
		}
		slices.Sort(o.dropped) // what the feeder had in its hand when the end came is told last
		slices.Sort(m.dropped)
		if !slices.Equal(o.dropped, m.dropped) {
			return fmt.Errorf("step %d, %s: dropped %v, want %v", step, call, o.dropped, m.dropped)
		}
	}
	return nil
}
