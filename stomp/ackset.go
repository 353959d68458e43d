package stomp

import (
	"slices"
	"sync"
)

// ackSet knows which frames of a subscription on one session await an ACK or
// NACK, by their numbers from 1 in the order of arrival. In memory it is as
// long as the number of gaps: frames that are acknowledged in order cost
// nothing.
type ackSet struct {
	mu    sync.Mutex // guards what follows
	last  uint64
	open  []span        // ascending, apart
	taken int           // calls of take whose ACK is not certain yet
	empty chan struct{} // closed when open runs empty and none is taken; nil while nobody waits
}

// span is the numbers from lo to hi, both included.
type span struct{ lo, hi uint64 }

// add numbers the next frame.
func (a *ackSet) add() uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.last++
	if n := len(a.open); n > 0 && a.open[n-1].hi == a.last-1 {
		a.open[n-1].hi = a.last
	} else {
		a.open = append(a.open, span{a.last, a.last})
	}
	return a.last
}

// take takes the frame out for an ACK, and when cumulative all earlier ones. It
// returns what it took; nothing when the frame was not there any more. Where it
// took something, settle has to follow.
func (a *ackSet) take(seq uint64, cumulative bool) []span {
	a.mu.Lock()
	taken := a.cutLocked(seq, cumulative)
	if taken != nil {
		a.taken++
	}
	a.mu.Unlock()
	return taken
}

// settle says that the ACK for what was taken is accepted (and in a
// transaction, committed); or else, puts it back.
func (a *ackSet) settle(taken []span, accepted bool) {
	a.mu.Lock()
	a.taken--
	if !accepted {
		a.giveLocked(taken)
	}
	a.unlockAndTell()
}

// cutLocked takes numbers out of open.
func (a *ackSet) cutLocked(seq uint64, cumulative bool) []span {
	i, found := slices.BinarySearchFunc(a.open, seq, func(s span, seq uint64) int {
		switch {
		case s.hi < seq:
			return -1
		case s.lo > seq:
			return 1
		}
		return 0
	})
	if !found {
		return nil
	}
	s := a.open[i]
	var taken []span
	if cumulative {
		taken = append(slices.Clone(a.open[:i]), span{s.lo, seq})
		a.open = slices.Delete(a.open, 0, i)
		i = 0
	} else {
		taken = []span{{seq, seq}}
	}
	var rest []span
	if s.lo < seq && !cumulative {
		rest = append(rest, span{s.lo, seq - 1})
	}
	if seq < s.hi {
		rest = append(rest, span{seq + 1, s.hi})
	}
	a.open = slices.Replace(a.open, i, i+1, rest...)
	return taken
}

// giveLocked puts back what cutLocked took.
func (a *ackSet) giveLocked(spans []span) {
	a.open = append(a.open, spans...)
	slices.SortFunc(a.open, func(x, y span) int {
		if x.lo < y.lo {
			return -1
		}
		return 1
	})
	merged := a.open[:0]
	for _, s := range a.open {
		if n := len(merged); n > 0 && merged[n-1].hi+1 == s.lo {
			merged[n-1].hi = s.hi
		} else {
			merged = append(merged, s)
		}
	}
	a.open = merged
}

// forget takes out a frame that the consumer never got.
func (a *ackSet) forget(seq uint64) {
	a.mu.Lock()
	a.cutLocked(seq, false)
	a.unlockAndTell()
}

// drained returns a channel that is closed once no frame awaits an answer, and
// none is on its way.
func (a *ackSet) drained() <-chan struct{} {
	a.mu.Lock()
	if a.empty == nil {
		a.empty = make(chan struct{})
	}
	empty := a.empty
	a.unlockAndTell()
	return empty
}

// unlockAndTell closes empty where that has become true.
func (a *ackSet) unlockAndTell() {
	var empty chan struct{}
	if len(a.open) == 0 && a.taken == 0 {
		empty, a.empty = a.empty, nil
	}
	a.mu.Unlock()
	if empty != nil {
		close(empty)
	}
}
