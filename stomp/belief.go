package stomp

import "time"

// What is inferred from failures is believed when it has lasted, not when it was counted: at the default Backoff
// three attempts fit into a third of a second, and servers answer anything for some seconds while they restart.

const (
	// refusalsBelieved is how many refusals of our credentials it takes at least; Backoff.Refused is for how long.
	refusalsBelieved = 3

	// silentEndsBelieved is for how long sessions end without a word while a frame is unanswered, until it is suspected,
	// and silenceBelieved until it is believed to be the reason.
	silentEndsBelieved = 5 * time.Second
	silenceBelieved    = 5 * time.Minute

	// endsBelieved is how often a session has to end over a frame that was sent alone, at least.
	endsBelieved = 3

	// subscribeBelieved is for how long sessions end over the SUBSCRIBE of a subscription that was confirmed before,
	// until that is believed to be refused now.
	subscribeBelieved = time.Minute

	// sendBelieved is the same for a SEND WithRetry. Where there are so many suspects that one has been alone but once,
	// manyBelieved is how long that takes, while manyCosts trials or more have cost sessions.
	sendBelieved = 30 * time.Second
	manyBelieved = time.Minute
	manyCosts    = 10

	// scoutBelieved is for how long no connection can be had for asking alone (see scout.go), until the session is put
	// at risk instead.
	scoutBelieved = time.Minute
)

// doubt is something that failures suggest, and that is believed when it has lasted.
type doubt struct {
	since time.Time // of the first failure
	times int       // failures that count
}

// add counts another failure.
func (d *doubt) add(now time.Time) {
	d.begin(now)
	d.times++
}

// begin notes when the first failure was, if it is this one.
func (d *doubt) begin(now time.Time) {
	if d.since.IsZero() {
		d.since = now
	}
}

// lasted reports whether the failures go on for at least so long, and that often.
func (d doubt) lasted(now time.Time, long time.Duration, times int) bool {
	return d.times >= times && now.Sub(d.since) >= long
}

// suspicion is what the ends of sessions suggest about a frame that is sent on every session: a SUBSCRIBE, or a SEND
// WithRetry. It is owned by the supervisor.
type suspicion struct {
	ends  int   // sessions that ended while it was unanswered
	lone  doubt // those of them that ended over it alone; since the first of all
	words error // of the server, at the last one
	costs int   // trials, of whatever, that had cost a session before the first

	held      bool      // it is not sent with everything else, but tried alone
	trying    bool      // that is under way
	triedAt   time.Time // when the last trial began
	passed    int       // trials that the server has not answered
	unclear   int       // trials that took longer, or whose end may have been about something else
	notBefore time.Time // it is not tried before that
	header    Header    // of the SUBSCRIBE that is about to be tried
}

const (
	// shortestPause is the time after a trial that has cost a session, before any other trial.
	shortestPause = 2 * time.Second
	longestPause  = 30 * time.Second

	shortestTrial = time.Second // see trialTime
	longestTrial  = 4 * time.Second
)

// trialTime is how long a trial of something keeps everybody else waiting, after as many that were unclear: a server
// that is slow to refuse gets longer.
func trialTime(unclear int) time.Duration { return min(shortestTrial<<min(unclear, 8), longestTrial) }

// trialPause is how long a frame waits after its n-th trial that has cost a session.
func trialPause(n int) time.Duration {
	pause := shortestPause
	for ; n > 1 && pause < longestPause; n-- {
		pause *= 2
	}
	return min(pause, longestPause)
}
