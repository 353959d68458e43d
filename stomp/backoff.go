package stomp

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"
)

// Backoff sets the delays between attempts to reconnect. They go by rounds: one asks each endpoint once
// ([WithFailover]). The n-th round starts after a delay drawn evenly between 0 and a ceiling, Min·Factor^(n-1) and at
// most Max (full jitter), so that many clients that lost the same broker do not return all at once; within a round the
// next endpoint is asked after at most Min. A session that lasts as long as the ceiling has been a success: after it n
// starts again at 1. After a shorter one n goes on. Zero fields keep the defaults.
//
// An endpoint that rejects our credentials ([ConnectError.Refused]) is left alone for Max/2 to Max, twice as long
// after each further refusal, up to 4·Max. The Client ends when each endpoint that answers has done nothing else for
// Refused, and three times at least: servers do so for seconds while they restart. The Retry-After of a refused
// upgrade (429, 503) is kept, up to 4·Max.
type Backoff struct {
	Min, Max time.Duration // default 100 ms, 30 s
	Factor   float64       // default 2; 1 at least
	Attempts int           // per outage, then the Client ends; 0: no limit
	Refused  time.Duration // how long rejected credentials go on being tried; 0: 5 minutes, negative: no limit
}

var defaultBackoff = Backoff{Min: 100 * time.Millisecond, Max: 30 * time.Second, Factor: 2, Refused: 5 * time.Minute}

func (b Backoff) withDefaults() Backoff {
	if b.Min == 0 {
		b.Min = defaultBackoff.Min
	}
	if b.Max == 0 {
		b.Max = max(b.Min, defaultBackoff.Max)
	}
	if b.Factor == 0 {
		b.Factor = defaultBackoff.Factor
	}
	if b.Refused == 0 {
		b.Refused = defaultBackoff.Refused
	}
	return b
}

// check returns what makes no sense in the Backoff of that option.
func (b Backoff) check(option string) error {
	switch {
	case b.Min < 0 || b.Max < 0 || b.Attempts < 0:
		return errors.New(option + ": negative value in Backoff (0 keeps the default)")
	case b.Max != 0 && b.Max < b.Min:
		return errors.New(option + ": Backoff.Max is below Min")
	case b.Factor != 0 && !(b.Factor >= 1):
		return errors.New(option + ": Backoff.Factor is below 1")
	}
	return nil
}

// ceiling returns the upper end of the range for the n-th delay, n from 1.
func (b Backoff) ceiling(n int) time.Duration {
	ceiling := float64(b.Min)
	for ; n > 1 && ceiling < float64(b.Max); n-- {
		if b.Factor == 1 {
			break
		}
		ceiling *= b.Factor
	}
	if ceiling >= float64(b.Max) {
		return b.Max // not converted from the float, which cannot hold the longest durations
	}
	return time.Duration(ceiling)
}

func (b Backoff) delay(n int) time.Duration {
	ceiling := min(int64(b.ceiling(n)), math.MaxInt64-1)
	return time.Duration(rand.Int64N(ceiling + 1))
}
