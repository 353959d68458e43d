package stomp

import (
	"log/slog"
	"strings"
	"time"
	"unicode"
)

// remindEvery is how often a log is reminded of an outage that goes on for the same reason.
const remindEvery = time.Minute

// outage is a time without a session, as its log tells it: the first failed attempt, each new reason, a line about once a
// minute, and how long it took.
type outage struct {
	log      *slog.Logger
	began    time.Time
	attempts int       // that failed
	reason   string    // of the last line, see kindOf
	told     time.Time // when that was
}

// failed counts a failed attempt.
func (o *outage) failed(now time.Time, err error) {
	o.attempts++
	reason := kindOf(err)
	if reason == o.reason && now.Sub(o.told) < remindEvery {
		return
	}
	o.reason, o.told = reason, now
	o.log.Warn("stomp: no connection yet", "attempts", o.attempts, "for", now.Sub(o.began), "error", err)
}

// kindOf is what two errors have in common that differ only by ports, times and numbers of theirs.
func kindOf(err error) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
}
