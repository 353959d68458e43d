package model_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// plan is what the dice make of one run before it begins.
type plan struct {
	stream    bool // STOMP on a bare stream
	profile   stomptest.Profile
	version   stomp.Version
	reconnect bool
	odds      int // one frame in so many meets a fault; 0: none
	troubles  int // faults of the broker as a whole
	poison    bool
	slow      time.Duration // what the broker takes for each frame that it sends
	flood     bool          // senders of large bodies, and a broker that does not read for a while
	requests  bool
	actors    int
	steps     int
	prefetch  int
	leaves    bool // sessions are cut, and nothing else: what had arrived by then is known
	relay     bool // there is one in front of the broker
	cancels   bool // RabbitMQ's queues are deleted, and nothing else happens
	early     bool // the Client is ended while everybody is at work
	end       ending

	muteSubscribe, muteUnsubscribe bool // the broker sends no RECEIPT for these, as some do
	credentials                    bool // they are asked for, from a function that may go on beyond its ctx
}

// ending is how the Client is ended.
type ending int

const (
	byDrain ending = iota
	byDisconnect
	byClose
	byLifetime
	byAll // at the same time
	endings
)

func (e ending) String() string {
	return [...]string{"Drain", "Disconnect", "Close", "WithLifetime", "all ways at once"}[e]
}

// peaceful reports whether nothing may go wrong.
func (p plan) peaceful() bool { return p.odds == 0 && p.troubles == 0 && !p.flood && !p.poison }

// confirms reports whether the broker sends a RECEIPT for SUBSCRIBE.
func (p plan) confirms() bool { return p.profile != stomptest.Spring && !p.muteSubscribe }

func chance(dice *rand.Rand, oneIn int) bool { return dice.IntN(oneIn) == 0 }

func newPlan(dice *rand.Rand) plan {
	p := plan{
		stream:    chance(dice, 2),
		profile:   []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.Artemis, stomptest.Classic, stomptest.Spring}[dice.IntN(5)],
		version:   stomp.V12,
		reconnect: !chance(dice, 6),
		poison:    chance(dice, 8),
		flood:     chance(dice, 6),
		requests:  chance(dice, 2),
		actors:    1 + dice.IntN(4),
		steps:     5 + dice.IntN(25),
		prefetch:  []int{0, 1, 5, 50}[dice.IntN(4)],
		early:     chance(dice, 3),
		end:       ending(dice.IntN(int(endings))),
	}
	if p.profile == stomptest.Spring && chance(dice, 3) {
		p.poison = true // what is held back needs other ways there, as nothing is confirmed
	}
	if chance(dice, 4) {
		p.version = []stomp.Version{stomp.V10, stomp.V11}[dice.IntN(2)]
	}
	p.muteSubscribe, p.muteUnsubscribe = chance(dice, 8), chance(dice, 8)
	p.credentials = chance(dice, 5)
	switch dice.IntN(4) {
	case 0: // no trouble at all
	case 1:
		p.troubles = 1 + dice.IntN(4)
	case 2:
		p.odds = 20 + dice.IntN(80)
	case 3:
		p.odds, p.troubles = 30+dice.IntN(150), 1+dice.IntN(8)
	}
	if p.leaves = chance(dice, 6); p.leaves {
		p.reconnect = chance(dice, 2)
		p.odds, p.troubles, p.flood, p.poison = 0, 2+dice.IntN(4), false, false
		if chance(dice, 2) { // while they are leaving
			p.early, p.end = true, byDrain
		}
	}
	if p.cancels = !p.leaves && !p.poison && chance(dice, 8); p.cancels {
		p.profile, p.odds, p.troubles, p.flood = stomptest.RabbitMQ, 0, 2+dice.IntN(4), false
	}
	if p.poison { // which is trouble enough
		if chance(dice, 2) {
			p.odds, p.troubles = 0, 0
		}
		p.muteSubscribe = chance(dice, 3)
		if p.odds == 0 && p.troubles == 0 && !p.flood && chance(dice, 2) {
			p.slow = tick(dice, 640*time.Millisecond)
		}
	}
	// What a relay keeps is never confirmed: beside poison nothing clears it, as on Spring.
	p.relay = chance(dice, 4) && !p.poison && p.version != stomp.V10 && (p.profile == stomptest.RabbitMQ || p.profile == stomptest.Artemis || p.profile == stomptest.Classic)
	p.muteSubscribe = p.muteSubscribe && p.profile == stomptest.Generic // the others answer each that they take
	return p
}

// world is one run.
type world struct {
	t      testing.TB
	seed   uint64
	plan   plan
	broker *stomptest.Broker
	client *stomp.Client
	began  time.Time
	log    rig.Log

	endLifetime context.CancelFunc
	greeted     chan uint64    // capacity 1: a session begins
	mended      chan struct{}  // closed when no further faults are made
	calmed      chan struct{}  // closed when consumers do not dawdle any more
	ended       chan struct{}  // closed as the user begins to end the Client
	consumers   sync.WaitGroup // of channels, and what else ends with the run

	mu       sync.Mutex // guards what follows
	lines    []line     // the last events, a ring
	nextLine int
	failures []string
	calls    map[*call]bool // under way
	calm     bool           // calmed is closed
	sends    []*sending
	byBody   map[string]*sending
	subs     []*subscription
	statuses []*watching
	endBegan time.Time // zero: the user has not begun to end the Client
	draining bool      // and does so with Drain, too
	logins   asking
	account
}

type line struct {
	at     time.Duration
	format string
	args   []any
}

// note writes down an event.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(format, args...)
}

func (w *world) noteLocked(format string, args ...any) {
	l := line{time.Since(w.began), format, args}
	if len(w.lines) < *events {
		w.lines = append(w.lines, l)
		return
	}
	w.lines[w.nextLine] = l
	w.nextLine = (w.nextLine + 1) % len(w.lines)
}

// fail writes down what is wrong. The run goes on to its end.
func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(format, args...)
}

func (w *world) failLocked(format string, args ...any) {
	text := fmt.Sprintf("%v: %s", time.Since(w.began), fmt.Sprintf(format, args...))
	w.noteLocked("WRONG: %s", text)
	if len(w.failures) < 10 {
		w.failures = append(w.failures, text)
	}
}

// reportLocked says what was wrong and what came before.
func (w *world) reportLocked() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the dice of -model.seed=%d: %+v\n", w.seed, w.plan)
	for i := range w.lines {
		l := w.lines[(w.nextLine+i)%len(w.lines)]
		fmt.Fprintf(&b, "%12v %s\n", l.at, fmt.Sprintf(l.format, l.args...))
	}
	for _, f := range w.failures {
		fmt.Fprintf(&b, "WRONG at %s\n", f)
	}
	return b.String()
}

// hangs ends the process: what hangs would never let the bubble end.
func (w *world) hangs(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.calls {
		w.failLocked("%s by %s has not returned since %v", c.name, c.by, c.began.Sub(w.began))
	}
	w.failLocked("%s", what)
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	fmt.Fprintf(os.Stderr, "--- FAIL: model\n%s\n%s\n%s\n", stacks, w.log.String(), w.reportLocked())
	os.Exit(1)
}

// patience is longer than everything that a run does, in the bubble's time.
const patience = 6 * time.Hour

// await waits for something that has to happen.
func (w *world) await(what string, c <-chan struct{}) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-c:
	case <-late.C:
		w.hangs(what)
	}
}

// awaitAll waits for goroutines.
func (w *world) awaitAll(what string, all *sync.WaitGroup) {
	done := make(chan struct{})
	go func() { // joined below
		all.Wait()
		close(done)
	}()
	w.await(what, done)
}

// run makes one run.
func run(t *testing.T, seed uint64) {
	dice := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		t: t, seed: seed, plan: newPlan(dice), began: time.Now(),
		greeted: make(chan uint64, 1), mended: make(chan struct{}), calmed: make(chan struct{}), ended: make(chan struct{}),
		calls: make(map[*call]bool), byBody: make(map[string]*sending),
	}
	w.account.init()
	w.connect(dice)
	if w.client != nil {
		w.work(dice)
	}
	w.broker.Close()
	time.Sleep(2 * longestAnswer) // the functions that were left behind return
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.failures) > 0 {
		t.Errorf("%s\n%s", w.log.String(), w.reportLocked())
	}
}

// connect starts the broker and connects the Client.
func (w *world) connect(dice *rand.Rand) {
	p := w.plan
	w.broker = stomptest.NewBroker(stomptest.WithPipe(), stomptest.WithProfile(p.profile), stomptest.WithPrefetch(p.prefetch),
		stomptest.WithLogger(slog.New(refusals{w})))
	w.broker.Intercept(w.intercept)
	w.broker.Delay(p.slow)
	w.slowed = p.slow > 0
	lifetime, end := context.WithCancel(context.Background())
	w.endLifetime = end
	opts := []stomp.ConnectOption{
		stomp.WithLogger(w.log.Logger(slog.LevelInfo)), stomp.WithVersions(p.version), stomp.WithLifetime(lifetime),
	}
	if p.reconnect {
		opts = append(opts, stomp.WithReconnect(stomp.Backoff{Min: 10 * time.Millisecond, Max: time.Second}), stomp.WithInitialRetry())
	} else {
		opts = append(opts, stomp.WithoutReconnect())
	}
	if chance(dice, 3) && p.version != stomp.V10 { // which has none, and servers that want to hear something
		opts = append(opts, stomp.WithHeartBeat(time.Duration(1+dice.IntN(3))*time.Second, time.Duration(dice.IntN(3))*time.Second))
	}
	if p.credentials {
		w.logins.dice = rand.New(rand.NewPCG(w.seed, 4))
		opts = append(opts, stomp.WithCredentials(w.login))
	}
	url := w.broker.URL()
	if p.stream {
		url = "tcp://broker.test"
		opts = append(opts, stomp.WithDialer(w.broker.Dial))
	} else {
		opts = append(opts, stomp.WithHTTPClient(w.broker.Client()))
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		w.note("Connect: %v", err)
		var failed *stomp.ConnectError
		if !errors.As(err, &failed) || w.plan.odds == 0 && !w.plan.credentials {
			w.fail("Connect: %v", err)
		}
		end()
		return
	}
	w.client = c
}

// work lets everybody work, then waits until all is quiet, and ends the Client; or ends it in the midst of it.
func (w *world) work(dice *rand.Rand) {
	w.watch(context.Background())
	if w.plan.requests {
		w.answerRequests()
	}
	var actors, troubles, enders sync.WaitGroup
	for i := range w.plan.actors {
		a := &actor{w: w, name: fmt.Sprintf("actor %d", i), number: i, dice: rand.New(rand.NewPCG(w.seed, uint64(10+i)))}
		actors.Go(a.work)
	}
	if chance(dice, 2) {
		a := &actor{w: w, name: "the hasty one", dice: rand.New(rand.NewPCG(w.seed, 3))}
		troubles.Go(a.hurry)
	}
	if w.plan.poison {
		a := &actor{w: w, name: "the poisoner", dice: rand.New(rand.NewPCG(w.seed, 5))}
		troubles.Go(a.poison)
	}
	if w.plan.troubles > 0 || w.plan.flood {
		m := &mischief{w: w, dice: rand.New(rand.NewPCG(w.seed, 1))}
		troubles.Go(m.work)
	}
	if w.plan.early {
		enders.Go(func() {
			time.Sleep(tick(dice, 30*time.Second))
			w.end(dice)
		})
	}
	w.awaitAll("the actors do not come to an end", &actors)
	close(w.mended)
	w.awaitAll("the mischief does not come to an end", &troubles)
	w.mend()
	if !w.plan.early {
		if w.settle() {
			w.judgeQuiet()
			w.probe(dice)
		}
		enders.Go(func() { w.end(dice) })
	}
	w.awaitAll("the Client does not end", &enders)
	w.await("Done is not closed", w.client.Done())
	w.endLifetime()
	w.awaitAll("a channel is not closed after the Client's end", &w.consumers)
	w.judgeEnd()
}

// tick returns a time below most in steps that are coarse, so that much happens at the same time.
func tick(dice *rand.Rand, most time.Duration) time.Duration {
	step := most / 16
	return time.Duration(dice.IntN(16)) * step.Truncate(time.Millisecond)
}

// mend ends all trouble.
func (w *world) mend() {
	w.note("no further faults")
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	close(w.calmed)
	w.broker.Delay(0)
	w.broker.RefuseHandshakes(0, "")
	w.silence(false)
}

// settle waits until the Client is connected, and everything that hangs over has had its time. It is false when the
// Client has ended by itself.
func (w *world) settle() bool {
	w.awaitSession()
	if w.plan.reconnect {
		time.Sleep(2 * time.Minute)
		w.judgeRestored()
		// What still waits for a RECEIPT that was dropped is sent again by the next session only.
		w.cut()
		time.Sleep(5 * time.Minute) // whatever is under suspicion is cleared by then
		w.awaitSession()
	}
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	if err := w.client.Err(); err != nil {
		if !closed(w.client.Done()) {
			w.fail("the Client has failed minutes ago, and Done is not closed: %v", err)
		}
		return false
	}
	return true
}

// awaitSession waits for a session that stands.
func (w *world) awaitSession() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var last stomp.Status
	for last = range w.client.Watch(ctx) {
		if last.State == stomp.StateConnected || last.State == stomp.StateClosed {
			break
		}
	}
	if last.State != stomp.StateConnected && (w.plan.reconnect || last.State != stomp.StateClosed) {
		w.fail("the Client does not find the broker again, which is well: %+v", last)
	}
}

// end ends the Client in the way that was planned.
func (w *world) end(dice *rand.Rand) {
	patient := 10 * time.Minute
	if chance(dice, 4) {
		patient = tick(dice, 2*time.Second)
	}
	how := w.plan.end
	w.mu.Lock()
	w.endBegan = time.Now()
	w.draining = how == byDrain || how == byAll
	w.noteLocked("the end, by %v within %v", how, patient)
	w.mu.Unlock()
	close(w.ended)
	nothingPending := w.client.Stats().ReceiptsPending == 0
	ways := map[ending]func(){
		byDrain: func() {
			w.disconnected(w.call("end", "Drain", patient, w.client.Drain))
		},
		byDisconnect: func() {
			began := time.Now()
			w.disconnected(w.call("end", "Disconnect", patient, w.client.Disconnect))
			if took := time.Since(began); took > 6*time.Second && how == byDisconnect && w.quietly() && nothingPending {
				w.fail("Disconnect takes %v when all is quiet", took)
			}
		},
		byClose: func() {
			began := time.Now()
			w.client.Close()
			if took := time.Since(began); took > leaveGrace {
				w.fail("Close takes %v", took)
			}
		},
		byLifetime: func() { w.endLifetime() },
	}
	if how != byAll {
		ways[how]()
		return
	}
	var all sync.WaitGroup // joined below
	for _, way := range ways {
		all.Go(way)
	}
	all.Wait()
}

// disconnected takes the outcome of Drain or Disconnect.
func (w *world) disconnected(err error) {
	if !closed(w.client.Done()) {
		w.fail("Drain or Disconnect has returned before Done is closed: %v", err)
	}
	if err == nil && w.plan.end != byAll {
		w.mu.Lock()
		w.gentle = true
		w.mu.Unlock()
	}
}

func (w *world) quietly() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.quiet
}

func closed(c <-chan struct{}) bool { return rig.IsClosed(c) }
