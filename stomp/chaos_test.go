package stomp_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/notify"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

var (
	chaosCuts = flag.Int("chaos.cuts", 150, "how often the chaos test cuts the connection; 1,000 is the full form")
	chaosSeed = flag.Uint64("chaos.seed", 0, "of the chaos test's dice; 0: by chance")
)

// mischief cuts connections at points chosen by dice: before, inside and after
// frames of every kind, both ways; abruptly, by a close, by silence.
type mischief struct {
	broker *stomptest.Broker

	mu    sync.Mutex // guards what follows
	dice  *rand.Rand
	left  int
	kinds map[string]int // what was cut, for the log
}

// odds is one in how many frames is cut: rare enough for a session to get
// something done between two cuts.
const odds = 25

func (m *mischief) act(e stomptest.Event) stomptest.Action {
	if e.Frame.Command == "CONNECT" {
		m.broker.Silence(false) // what had fallen silent finds its client gone, and gives its messages back
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.left == 0 || m.dice.IntN(odds) > 0 {
		return stomptest.Pass()
	}
	m.left--
	m.kinds[fmt.Sprint(e.Direction, " ", e.Frame.Command)]++
	switch m.dice.IntN(7) {
	case 0:
		return stomptest.CutBefore()
	case 1, 2:
		return stomptest.CutInside(m.dice.IntN(40))
	case 3, 4:
		return stomptest.CutAfter()
	case 5:
		return stomptest.CloseWith(1012, "restarting")
	default:
		return stomptest.FallSilent()
	}
}

func (m *mischief) over() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.left == 0
}

// TestClient_chaos: one producer with WithRetry, one consumer with acks of its own,
// and connections that end at any point. Every message arrives at least once;
// no ACK reaches a session that did not deliver its message; nothing is left
// running (TestMain, and the bubble itself).
func TestClient_chaos(t *testing.T) {
	for _, transport := range []string{"websocket", "stream"} {
		t.Run(transport, func(t *testing.T) {
			seed := *chaosSeed
			if seed == 0 {
				seed = rand.Uint64()
			}
			t.Logf("-chaos.seed=%d", seed)
			synctest.Test(t, func(t *testing.T) { chaos(t, transport, seed) })
		})
	}
}

func chaos(t *testing.T, transport string, seed uint64) {
	b := rig.PipeBroker(t)
	opts := []stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: 20 * time.Millisecond})}
	ctx := t.Context()
	var c *stomp.Client
	if transport == "stream" {
		c = rig.Connect(t, "tcp://broker.test", append(opts, stomp.WithDialer(b.Dial))...)
	} else {
		c = rig.Connect(t, b, opts...)
	}
	sub, err := c.NewSubscription(ctx, "/queue/chaos", stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "4"))
	rig.OK(t, err)
	m := &mischief{broker: b, dice: rand.New(rand.NewPCG(seed, 1)), left: *chaosCuts, kinds: make(map[string]int)}
	b.Intercept(m.act)

	seen := newArrivals()
	var consumer sync.WaitGroup
	consumer.Go(func() {
		for f := range sub.C {
			seen.add(string(f.Body))
			if err := c.Ack(ctx, f); err != nil && !errors.Is(err, stomp.ErrStale) {
				t.Errorf("ack: %v", err)
			}
		}
	})
	sent := produce(t, ctx, c, m)
	if !seen.await(sent) {
		t.Fatalf("%d of %d messages arrived; client %+v, %+v; subscription %v, %+v; at the broker: %d queued, %d unacked, %d subscriptions",
			seen.count(), sent, c.Status(), c.Stats(), sub.Err(), sub.Stats(), b.QueueLen("/queue/chaos"), b.Unacked("/queue/chaos"), b.Subscriptions("/queue/chaos"))
	}
	if n := b.StaleAcks(); n != 0 {
		t.Errorf("%d acks reached a session that had not delivered their message", n)
	}
	stats := c.Stats()
	t.Logf("%d messages, %d sessions, %d deliveries; cut: %v", sent, stats.Sessions, seen.deliveries(), m.kinds)
	if int(stats.Sessions) < *chaosCuts/4 {
		t.Errorf("%d sessions: that was no chaos", stats.Sessions)
	}
	rig.OK(t, c.Drain(ctx))
	consumer.Wait()
}

// produce sends, one at a time and several at once in turns, until the mischief
// is over, and returns how many messages it sent.
func produce(t *testing.T, ctx context.Context, c *stomp.Client, m *mischief) int {
	sent := 0
	for !m.over() || sent%8 != 0 {
		var pending []*stomp.Receipt
		for range 8 {
			r, err := c.SendAsync(ctx, "/queue/chaos", fmt.Appendf(nil, "message %d", sent), stomp.WithRetry())
			rig.OK(t, err)
			pending = append(pending, r)
			sent++
		}
		for _, r := range pending {
			rig.OK(t, r.Wait(ctx))
		}
	}
	return sent
}

// arrivals counts distinct messages.
type arrivals struct {
	mu    sync.Mutex
	times map[string]int // guarded by mu
	all   int            // likewise
	more  chan struct{}  // has room for one word: something came
}

func newArrivals() *arrivals {
	return &arrivals{times: make(map[string]int), more: make(chan struct{}, 1)}
}

func (a *arrivals) add(message string) {
	a.mu.Lock()
	a.times[message]++
	a.all++
	a.mu.Unlock()
	notify.Signal(a.more)
}

func (a *arrivals) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.times)
}

func (a *arrivals) deliveries() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all
}

// await waits until n distinct messages have arrived; false after an hour of
// the bubble's time.
func (a *arrivals) await(n int) bool {
	late := time.After(time.Hour)
	for a.count() < n {
		select {
		case <-a.more:
		case <-late:
			return false
		}
	}
	return true
}
