package stomp_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

var (
	suspectSeed = flag.Uint64("suspect.seed", 0, "of the dice of the random test of suspicion; 0: several by chance")
	suspectRuns = flag.Int("suspect.runs", 3, "how often it throws them")
)

// Promise 5, by dice: a broker that refuses some destinations in any way, beside Clients that send, subscribe,
// unsubscribe, reconnect and end at any time. Every call ends with its ctx; a SEND WithRetry that nobody refuses is
// confirmed; a subscription that nobody refuses delivers in the end; those that are refused get the broker's words;
// there are not many more sessions than refusals; and nothing is left.
func TestClient_promise5_at_random(t *testing.T) {
	seeds := []uint64{*suspectSeed}
	if *suspectSeed == 0 {
		seeds = seeds[:0]
		for range *suspectRuns {
			seeds = append(seeds, rand.Uint64())
		}
	}
	for _, seed := range seeds {
		rig.Bubble(t, fmt.Sprintf("-suspect.seed=%d", seed), func(t *testing.T) { newUnrest(t, seed).run() })
	}
}

// What the broker may be like, in milliseconds: how long it waits before each frame that it sends, and before it
// refuses.
const (
	mostDelay    = 400
	mostPatience = 180 // less than the quiet time before a trial, beyond which an answer is taken for that of another
)

// unrest is one run.
type unrest struct {
	t       *testing.T
	b       *stomptest.Broker
	c       *stomp.Client
	seed    uint64
	means   map[string]stomptest.Action // how it refuses a destination, but one: that with an ERROR that names the frame
	answers bool                        // the broker sends receipts
	delay   time.Duration               // how long the broker waits before each frame that it sends
	patient time.Duration               // how long it thinks before it refuses
	over    time.Time                   // nothing is begun after that
	events  atomic.Int64                // each of which may cost sessions

	mu   sync.Mutex // guards open
	open []*stomp.Subscription[stomp.Frame]
}

func newUnrest(t *testing.T, seed uint64) *unrest {
	dice := rand.New(rand.NewPCG(seed, 0))
	profiles := []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.Spring}
	profile := profiles[dice.IntN(len(profiles))]
	u := &unrest{t: t, seed: seed, means: make(map[string]stomptest.Action), answers: profile != stomptest.Spring}
	u.b = rig.PipeBroker(t, stomptest.WithProfile(profile))
	u.delay = time.Duration(dice.IntN(mostDelay)) * time.Millisecond
	u.b.Delay(u.delay)
	u.patient = time.Duration(dice.IntN(mostPatience)) * time.Millisecond
	u.over = time.Now().Add(time.Minute)
	for i := range 3 {
		u.means[fmt.Sprint("/topic/bad/", i)] = []stomptest.Action{
			stomptest.ReplyError("refused", nil, nil, false),
			stomptest.ReplyError("refused", nil, nil, true),
			stomptest.CloseWith(1000, "STOMP died"),
			stomptest.CloseWith(1009, ""),
			stomptest.CloseWith(1002, "refused"),
		}[dice.IntN(5)]
	}
	u.b.Intercept(func(e stomptest.Event) stomptest.Action {
		destination := e.Frame.Get("destination")
		if e.Direction != stomptest.In || !isBad(destination) {
			return stomptest.Pass()
		}
		time.Sleep(u.patient)
		if means, ok := u.means[destination]; ok {
			return means
		}
		return rig.Refuse("refused")(e.Frame) // it names the frame, which costs no session
	})
	u.c = rig.Connect(t, u.b, stomp.WithReconnect(stomp.Backoff{}))
	return u
}

func isBad(destination string) bool { return strings.HasPrefix(destination, "/topic/bad/") }

// destination is one of the first so many that are refused, in one of so many cases, or a good one.
func (u *unrest) destination(dice *rand.Rand, bad, odds int) string {
	if dice.IntN(odds) == 0 {
		u.events.Add(1)
		return fmt.Sprint("/topic/bad/", dice.IntN(bad))
	}
	return fmt.Sprint("/topic/good/", dice.IntN(4))
}

func (u *unrest) run() {
	var all sync.WaitGroup // joined below
	for i, do := range []func(*rand.Rand){u.send, u.send, u.send, u.subscribe, u.subscribe, u.subscribe, u.disturb} {
		dice := rand.New(rand.NewPCG(u.seed, uint64(i+1)))
		all.Go(func() {
			for time.Now().Before(u.over) && !rig.IsClosed(u.c.Done()) {
				do(dice)
				time.Sleep(time.Duration(dice.IntN(3000)) * time.Millisecond)
			}
		})
	}
	if early := u.seed%3 == 0; early { // in the middle of it
		time.Sleep(30 * time.Second)
	} else {
		all.Wait()
		u.delivers()
	}
	u.end()
	all.Wait()
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, sub := range u.open {
		rig.Closed(u.t, sub.C)
	}
	if n := u.c.Stats().ReceiptsPending; n != 0 {
		u.t.Errorf("%d receipts are pending", n)
	}
	if n, most := u.b.Sessions(), 10+6*u.events.Load(); int64(n) > most {
		u.t.Errorf("%d sessions after %d events", n, u.events.Load())
	}
	u.t.Logf("%d sessions, %d events, %d subscriptions", u.b.Sessions(), u.events.Load(), len(u.open))
}

// within calls f with a ctx of that length, and checks that it does not take longer.
func (u *unrest) within(d time.Duration, what string, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	start := time.Now()
	err := f(ctx)
	if took := time.Since(start); took > d {
		u.t.Errorf("%s took %v, its ctx ended after %v: %v", what, took, d, err)
	}
	return err
}

func (u *unrest) send(dice *rand.Rand) {
	if !u.answers {
		return
	}
	destination := u.destination(dice, len(u.means)+1, 15)
	limit := 10 * time.Minute
	brief := dice.IntN(4) == 0
	if brief {
		limit = time.Duration(dice.IntN(20000)) * time.Millisecond
	}
	start := time.Now()
	err := u.within(limit, "Send", func(ctx context.Context) error {
		if dice.IntN(2) == 0 {
			return u.c.Send(ctx, destination, nil, stomp.WithRetry())
		}
		r, err := u.c.SendAsync(ctx, destination, nil, stomp.WithRetry())
		if err != nil {
			return err
		}
		<-r.Done()
		return r.Err()
	})
	u.judge("SEND", destination, start, err, brief)
}

// judge checks what has become of a frame. brief: its ctx may have ended.
func (u *unrest) judge(command, destination string, start time.Time, err error, brief bool) {
	var refused *stomp.Error
	var closed *stomp.CloseError
	switch {
	case brief && errors.Is(err, context.DeadlineExceeded), errors.Is(err, stomp.ErrClosed), u.c.Err() != nil:
	case isBad(destination) && errors.As(err, &refused):
	case isBad(destination) && errors.As(err, &closed):
	case !isBad(destination) && err == nil:
	default:
		u.t.Errorf("%s %s after %v: %v", command, destination, time.Since(start), err)
	}
}

func (u *unrest) subscribe(dice *rand.Rand) {
	destination := u.destination(dice, len(u.means)+1, 10)
	ctx, cancel := context.WithCancel(context.Background())
	sub, err := u.c.NewSubscription(ctx, destination)
	if err != nil {
		u.judge("SUBSCRIBE", destination, time.Now(), err, false)
		cancel()
		return
	}
	go func() { // ends with the Client
		for range sub.C {
		}
	}()
	u.mu.Lock()
	u.open = append(u.open, sub)
	u.mu.Unlock()
	start := time.Now()
	switch n := dice.IntN(5); {
	case n == 0 && u.answers:
		err := u.within(10*time.Minute, "Confirmed", sub.Confirmed)
		u.judge("SUBSCRIBE", destination, start, err, false)
	case n == 1:
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
		cancel()
	case n == 2:
		time.Sleep(time.Duration(dice.IntN(2000)) * time.Millisecond)
		u.within(time.Duration(1+dice.IntN(2000))*time.Millisecond, "Unsubscribe", func(ctx context.Context) error { return sub.Unsubscribe(ctx) })
	}
	context.AfterFunc(u.t.Context(), cancel)
}

func (u *unrest) disturb(dice *rand.Rand) {
	u.events.Add(1)
	switch dice.IntN(6) {
	case 0:
		u.b.Cut()
	case 1:
		u.b.CloseConnections(1012, "restarting")
	case 2:
		u.b.CloseConnections(1002, "")
	case 3, 4:
		u.within(time.Duration(1+dice.IntN(10000))*time.Millisecond, "Reconnect", u.c.Reconnect)
	}
	time.Sleep(5 * time.Second)
}

// delivers checks that what is left of the subscriptions stands on the broker.
func (u *unrest) delivers() {
	settled := 5 * time.Minute
	if u.delay > 50*time.Millisecond { // it may take half a minute until each of 90 subscriptions has its RECEIPT
		settled = time.Hour
	}
	time.Sleep(settled)
	u.b.Delay(0)
	time.Sleep(u.delay) // of what was about to be sent
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, sub := range u.open {
		bad, ended := isBad(sub.Destination()), rig.IsClosed(sub.Done())
		switch before := sub.Stats().Received; {
		case bad && !ended:
			u.t.Errorf("a subscription to %s is open", sub.Destination())
		case bad:
		case ended && sub.Err() != nil:
			u.t.Errorf("a subscription to %s ended with %v", sub.Destination(), sub.Err())
		case !ended:
			rig.Publish(u.b, sub.Destination(), "x")
			time.Sleep(time.Millisecond)
			if sub.Stats().Received == before {
				u.t.Errorf("a subscription to %s gets nothing", sub.Destination())
			}
		}
	}
}

// end ends the Client in one of the ways.
func (u *unrest) end() {
	dice := rand.New(rand.NewPCG(u.seed, 100))
	limit := time.Duration(dice.IntN(20000)) * time.Millisecond
	switch dice.IntN(4) {
	case 0:
		u.within(limit, "Drain", u.c.Drain)
	case 1, 2:
		u.within(limit, "Disconnect", u.c.Disconnect)
	default:
		rig.Takes(u.t, 0, func() { u.c.Close() })
	}
	if !rig.IsClosed(u.c.Done()) {
		u.t.Error("the Client has not ended")
	}
	synctest.Wait()
}
