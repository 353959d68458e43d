package stomptest

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// defaultBeat is what the strict broker offers: what most clients and servers propose.
const defaultBeat = 10 * time.Second

// beatStyle is how a server answers the client's heart-beat. The zero value offers defaultBeat, and less to a client
// that asks for less.
type beatStyle struct {
	echo      bool          // CONNECTED repeats the client's numbers, swapped
	unit      time.Duration // they are rounded down to multiples of it
	least     time.Duration // and are at least that, when not 0
	leastSend time.Duration // the first one alone
	otherwise time.Duration // the second one for a client that sends none
	ifAsked   bool          // no entry for a client that sent none
	none      bool          // offers 0,0
	missed    int           // intervals of silence until the client is given up; 0: 2
}

// beats is what CONNECT and CONNECTED agreed on (C6); 0: none that way.
type beats struct {
	send, receive time.Duration
	offer         string // CONNECTED's entry; "": none
}

// negotiate reads the client's heart-beat, "" when it sent none.
func (b *Broker) negotiate(heartBeat string) (beats, error) {
	cx, cy, err := parseHeartBeat(heartBeat)
	if err != nil {
		return beats{}, err
	}
	var sx, sy time.Duration
	style := &b.act.beats
	switch {
	case b.cfg.heartBeatSet:
		sx, sy = b.cfg.heartBeatSend, b.cfg.heartBeatRecv
	case style.none:
	case style.echo:
		sx, sy = style.round(cy), style.round(cx)
		if cy > 0 {
			sx = max(sx, style.leastSend)
		}
		if cx == 0 {
			sy = style.otherwise
		}
	default:
		sx, sy = atMost(cy), atMost(cx)
	}
	agreed := beats{offer: fmt.Sprintf("%d,%d", sx.Milliseconds(), sy.Milliseconds())}
	if heartBeat == "" && style.ifAsked {
		agreed.offer = ""
	}
	if sx > 0 && cy > 0 {
		agreed.send = max(sx, cy)
	}
	if cx > 0 && sy > 0 {
		agreed.receive = max(cx, sy)
	}
	return agreed, nil
}

// atMost is what the strict broker offers to a client that asks for d.
func atMost(d time.Duration) time.Duration {
	if d == 0 {
		return defaultBeat
	}
	return min(d, defaultBeat)
}

func (s *beatStyle) round(d time.Duration) time.Duration {
	if d == 0 {
		return 0
	}
	if s.unit > 0 {
		d = d.Truncate(s.unit)
	}
	return max(d, s.least)
}

// maxBeat keeps twice an interval far from the end of time.Duration.
const maxBeat = 365 * 24 * time.Hour

func parseHeartBeat(s string) (send, receive time.Duration, err error) {
	if s == "" {
		return 0, 0, nil
	}
	x, y, ok := strings.Cut(s, ",")
	a, errA := strconv.ParseUint(x, 10, 63)
	b, errB := strconv.ParseUint(y, 10, 63)
	if !ok || errA != nil || errB != nil {
		return 0, 0, fmt.Errorf("heart-beat is %q: two numbers of milliseconds are wanted, as in 10000,10000", s)
	}
	const most = uint64(maxBeat / time.Millisecond)
	return time.Duration(min(a, most)) * time.Millisecond, time.Duration(min(b, most)) * time.Millisecond, nil
}

// watchdog calls bark when nothing has come for a while. Its timer is the runtime's: it needs no goroutine while it
// waits, and stop joins the one that runs bark.
type watchdog struct {
	last func() time.Time // when something came
	bark func()           // once; the watchdog goes on, so that it may be called for again

	mu      sync.Mutex // guards what follows
	limit   time.Duration
	timer   *time.Timer
	set     int // counts the calls of watch: a look that comes late knows that it is out of date
	stopped bool
	running sync.WaitGroup // a call that is scheduled counts as well
}

// watch sets how much silence is too much; 0 ends the watch.
func (w *watchdog) watch(limit time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	w.limit = limit
	w.set++
	if w.timer != nil && w.timer.Stop() {
		w.running.Done()
	}
	w.timer = nil
	if limit > 0 {
		set := w.set
		w.running.Add(1)
		w.timer = time.AfterFunc(limit, func() { w.look(set) })
	}
}

func (w *watchdog) look(set int) {
	defer w.running.Done()
	quiet := time.Since(w.last())
	if w.again(set, quiet) {
		w.bark()
	}
}

// again schedules the next look, and says whether it has been quiet for too long.
func (w *watchdog) again(set int, quiet time.Duration) (bark bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.set != set {
		return false
	}
	bark = quiet >= w.limit
	wait := w.limit
	if !bark {
		wait -= quiet
	}
	w.running.Add(1)
	w.timer.Reset(wait)
	return bark
}

// stop ends the watch and waits for a bark under way.
func (w *watchdog) stop() {
	w.mu.Lock()
	w.stopped = true
	if w.timer != nil && w.timer.Stop() {
		w.running.Done()
	}
	w.mu.Unlock()
	w.running.Wait()
}
