package ackset

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func filled(n int) *Set {
	s := new(Set)
	for range n {
		s.Add()
	}
	return s
}

func TestSet_takes_one_frame_or_all_up_to_it(t *testing.T) {
	for _, c := range []struct {
		name       string
		before     []uint64 // taken one by one beforehand
		number     uint64
		cumulative bool
		taken      []Span
		open       []Span
	}{
		{"the first", nil, 1, false, []Span{{1, 1}}, []Span{{2, 9}}},
		{"one in the middle", nil, 5, false, []Span{{5, 5}}, []Span{{1, 4}, {6, 9}}},
		{"the last", nil, 9, false, []Span{{9, 9}}, []Span{{1, 8}}},
		{"one alone between gaps", []uint64{4, 6}, 5, false, []Span{{5, 5}}, []Span{{1, 3}, {7, 9}}},
		{"up to the first", nil, 1, true, []Span{{1, 1}}, []Span{{2, 9}}},
		{"up to one in the middle", nil, 5, true, []Span{{1, 5}}, []Span{{6, 9}}},
		{"up to one behind gaps", []uint64{2, 4}, 5, true, []Span{{1, 1}, {3, 3}, {5, 5}}, []Span{{6, 9}}},
		{"all", nil, 9, true, []Span{{1, 9}}, []Span{}},
		{"taken before", []uint64{5}, 5, false, nil, []Span{{1, 4}, {6, 9}}},
		{"taken before, cumulative", []uint64{5}, 5, true, nil, []Span{{1, 4}, {6, 9}}},
		{"never added", nil, 10, true, nil, []Span{{1, 9}}},
		{"number 0", nil, 0, true, nil, []Span{{1, 9}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := filled(9)
			for _, n := range c.before {
				s.Settle(s.Take(n, false), true)
			}
			taken := s.Take(c.number, c.cumulative)
			if !slices.Equal(taken, c.taken) || (taken == nil) != (c.taken == nil) {
				t.Errorf("took %v, want %v", taken, c.taken)
			}
			if !slices.Equal(s.open, c.open) {
				t.Errorf("open is %v, want %v", s.open, c.open)
			}
		})
	}
}

func TestSet_is_drained_when_nothing_is_open_and_nothing_on_its_way(t *testing.T) {
	var s Set
	if !isClosed(s.Drained()) {
		t.Fatal("an empty set is not drained")
	}
	s.Add()
	s.Add()
	first, second := s.Drained(), s.Drained()
	s.Forget(1)
	taken := s.Take(2, false)
	if isClosed(first) {
		t.Fatal("drained while an acknowledgement is about to be sent")
	}
	s.Settle(taken, false)
	if isClosed(first) || !slices.Equal(s.open, []Span{{2, 2}}) {
		t.Fatalf("an acknowledgement that was not sent: open is %v", s.open)
	}
	s.Settle(s.Take(2, true), true)
	if !isClosed(first) || !isClosed(second) || s.waiting != nil {
		t.Fatal("drained, and not everybody was told")
	}
}

func TestSet_stays_short_where_frames_are_acknowledged_in_order(t *testing.T) {
	var s Set
	for range 100_000 {
		s.Settle(s.Take(s.Add(), false), true)
	}
	if len(s.open) != 0 || cap(s.open) > 8 {
		t.Fatalf("open has room for %d spans after 100,000 frames in order", cap(s.open))
	}
}

// model is a Set as one would write it without a thought of memory.
type model struct {
	last uint64
	open map[uint64]bool
	took []map[uint64]bool // by Take, not settled yet
}

func (m *model) take(number uint64, cumulative bool) map[uint64]bool {
	if !m.open[number] {
		return nil
	}
	taken := map[uint64]bool{}
	for n := range m.open {
		if n == number || cumulative && n < number {
			taken[n] = true
		}
	}
	for n := range taken {
		delete(m.open, n)
	}
	return taken
}

func numbers(spans []Span) map[uint64]bool {
	m := map[uint64]bool{}
	for _, s := range spans {
		for n := s.Lo; n <= s.Hi; n++ {
			m[n] = true
		}
	}
	return m
}

func equal(a, b map[uint64]bool) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if !b[n] {
			return false
		}
	}
	return true
}

func TestSet_does_what_a_plain_set_of_numbers_does(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 0))
		var s Set
		m := model{open: map[uint64]bool{}}
		var took [][]Span
		for step := range 200 {
			number := random.Uint64N(m.last + 2)
			switch random.IntN(6) {
			case 0, 1:
				m.last++
				m.open[m.last] = true
				if got := s.Add(); got != m.last {
					t.Fatalf("seed %d, step %d: Add returned %d, want %d", seed, step, got, m.last)
				}
			case 2, 3:
				cumulative := random.IntN(4) == 0
				want, got := m.take(number, cumulative), s.Take(number, cumulative)
				if !equal(numbers(got), want) {
					t.Fatalf("seed %d, step %d: Take(%d, %v) took %v, want %v", seed, step, number, cumulative, got, want)
				}
				if got != nil {
					took, m.took = append(took, got), append(m.took, want)
				}
			case 4:
				if len(took) > 0 {
					i, accepted := random.IntN(len(took)), random.IntN(2) == 0
					s.Settle(took[i], accepted)
					if !accepted {
						for n := range m.took[i] {
							m.open[n] = true
						}
					}
					took, m.took = slices.Delete(took, i, i+1), slices.Delete(m.took, i, i+1)
				}
			case 5:
				s.Forget(number)
				delete(m.open, number)
			}
			if !equal(numbers(s.open), m.open) {
				t.Fatalf("seed %d, step %d: open is %v, want %v", seed, step, s.open, m.open)
			}
			for i := 1; i < len(s.open); i++ {
				if s.open[i].Lo <= s.open[i-1].Hi+1 {
					t.Fatalf("seed %d, step %d: %v is not ascending with gaps", seed, step, s.open)
				}
			}
			if drained := isClosed(s.Drained()); drained != (len(m.open) == 0 && len(m.took) == 0) {
				t.Fatalf("seed %d, step %d: drained is %v with %d open and %d taken", seed, step, drained, len(m.open), len(m.took))
			}
		}
	}
}

func TestSet_gives_each_frame_to_one_of_many_takers(t *testing.T) {
	const frames, takers = 2_000, 8
	s := filled(frames)
	drained := s.Drained()
	var took [takers]int
	var all sync.WaitGroup
	for i := range took {
		all.Go(func() {
			for n := range uint64(frames) {
				if taken := s.Take(n+1, false); taken != nil {
					took[i]++
					s.Settle(taken, true)
				}
			}
		})
	}
	all.Wait()
	<-drained
	sum := 0
	for _, n := range took {
		sum += n
	}
	if sum != frames {
		t.Fatalf("%d frames were taken, of %d", sum, frames)
	}
}
