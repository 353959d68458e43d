package stomp

import (
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// remindEvery is how often a log is reminded of an outage that goes on for the same reason.
const remindEvery = time.Minute

// outage is a time without a session, as its log tells it: the first failed attempt, each new reason, a line about
// once a minute, and how long it took.
type outage struct {
	log      *slog.Logger // nil: it is not told
	began    time.Time
	attempts int             // that failed
	reasons  map[string]bool // that were told, see kindOf
	told     time.Time       // when the last line was written
}

// reasonsKept is how many reasons of one outage are told apart.
const reasonsKept = 16

// failed counts a failed attempt.
func (o *outage) failed(now time.Time, err error) {
	o.attempts++
	reason := kindOf(err)
	isNew := !o.reasons[reason] && len(o.reasons) < reasonsKept
	if o.log == nil || !isNew && now.Sub(o.told) < remindEvery {
		return
	}
	if o.reasons == nil {
		o.reasons = make(map[string]bool)
	}
	if o.told = now; isNew {
		o.reasons[reason] = true
	}
	o.log.Warn("stomp: no connection yet", "attempts", o.attempts, "for", now.Sub(o.began).Round(time.Millisecond), "error", err)
}

// kindOf is what two errors have in common that differ only by their endpoint, its page, and ports, times and other
// numbers.
func kindOf(err error) string {
	status := 0
	var failed *ConnectError
	if errors.As(err, &failed) {
		status, err = failed.StatusCode, failed.Err
	}
	return strconv.Itoa(status) + strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, err.Error())
}
