// Package ackset tracks which frames of a subscription on one session await their acknowledgement, by number.
package ackset

import (
	"cmp"
	"slices"
	"sync"
)

// Set holds the numbers of the frames that await an ACK or NACK, counted from 1 in the order of arrival. The zero
// value is ready, and its methods may be called from any goroutine.
//
// The states of a number:
//
//	Add ──▶ open ──Take──▶ taken ──Settle(accepted)──▶ gone
//	         │  ▲            │
//	       Forget└──Settle(not accepted)
//
// A Set uses memory for gaps only: frames that are acknowledged in order cost none.
type Set struct {
	mu      sync.Mutex      // guards what follows; a leaf: nothing is locked below it
	last    uint64          // the latest number
	open    []Span          // await an acknowledgement; ascending, with gaps between them
	taken   int             // calls of Take without their Settle
	waiting []chan struct{} // returned by Drained; closed when nothing is open or taken
}

// Span is the numbers from Lo to Hi, both included.
type Span struct{ Lo, Hi uint64 }

// Add returns the number of the next frame, and counts it as awaiting its acknowledgement.
func (s *Set) Add() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	if n := len(s.open); n > 0 && s.open[n-1].Hi == s.last-1 {
		s.open[n-1].Hi = s.last
	} else {
		s.open = append(s.open, Span{s.last, s.last})
	}
	return s.last
}

// Take takes a frame out because its acknowledgement is about to be sent; if that is cumulative, all earlier ones as
// well. It returns what it took, and Settle must follow. It returns nil if the frame was not open; then no Settle
// must follow.
func (s *Set) Take(number uint64, cumulative bool) []Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	taken := s.removeLocked(number, cumulative)
	if taken != nil {
		s.taken++
	}
	return taken
}

// Settle completes a Take. accepted means that the acknowledgement was sent, and in a transaction committed.
// Otherwise the frames await one again.
func (s *Set) Settle(taken []Span, accepted bool) {
	s.mu.Lock()
	s.taken--
	if !accepted {
		s.restoreLocked(taken)
	}
	drained := s.drainedLocked()
	s.mu.Unlock()
	closeAll(drained)
}

// Forget takes out a frame that its consumer will not receive, so that it cannot be acknowledged.
func (s *Set) Forget(number uint64) {
	s.mu.Lock()
	s.removeLocked(number, false)
	drained := s.drainedLocked()
	s.mu.Unlock()
	closeAll(drained)
}

// Drained returns a channel that is closed as soon as no frame awaits an acknowledgement and none is about to be
// sent.
func (s *Set) Drained() <-chan struct{} {
	c := make(chan struct{})
	s.mu.Lock()
	s.waiting = append(s.waiting, c)
	drained := s.drainedLocked()
	s.mu.Unlock()
	closeAll(drained)
	return c
}

// drainedLocked returns the channels to close once mu is released: none, unless the set is drained.
func (s *Set) drainedLocked() []chan struct{} {
	if len(s.open) > 0 || s.taken > 0 {
		return nil
	}
	waiting := s.waiting
	s.waiting = nil
	return waiting
}

func closeAll(channels []chan struct{}) {
	for _, c := range channels {
		close(c)
	}
}

// removeLocked takes number out of open, and all below it if cumulative. It returns what it took; nil if number was
// not open.
func (s *Set) removeLocked(number uint64, cumulative bool) []Span {
	i, found := slices.BinarySearchFunc(s.open, number, func(span Span, number uint64) int {
		switch {
		case span.Hi < number:
			return -1
		case span.Lo > number:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	span := s.open[i]
	var rest []Span // of span
	if span.Lo < number && !cumulative {
		rest = append(rest, Span{span.Lo, number - 1})
	}
	if number < span.Hi {
		rest = append(rest, Span{number + 1, span.Hi})
	}
	taken, from := []Span{{number, number}}, i
	if cumulative {
		taken, from = append(slices.Clone(s.open[:i]), Span{span.Lo, number}), 0
	}
	s.open = slices.Replace(s.open, from, i+1, rest...)
	return taken
}

// restoreLocked puts back what removeLocked took.
func (s *Set) restoreLocked(spans []Span) {
	s.open = append(s.open, spans...)
	slices.SortFunc(s.open, func(a, b Span) int { return cmp.Compare(a.Lo, b.Lo) })
	merged := s.open[:0]
	for _, span := range s.open {
		if n := len(merged); n > 0 && merged[n-1].Hi+1 == span.Lo {
			merged[n-1].Hi = span.Hi
		} else {
			merged = append(merged, span)
		}
	}
	s.open = merged
}
