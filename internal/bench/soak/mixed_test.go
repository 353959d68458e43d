package soak

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

var (
	mixedTime = flag.Duration("soak.time", 3*time.Second, "of the test with mixed work and faults, on each server; 30s is the short form, 1h the full one")
	mixedSeed = flag.Uint64("soak.seed", 0, "of that test's dice; 0: by chance")
	// A long run at full speed needs a machine of its own: beside other work calls take longer than callTime.
	mixedPause = flag.Duration("soak.pause", 0, "of each worker of that test between two jobs")
)

const (
	mixedClients = 4
	workers      = 3  // of each client
	rests        = 12 // how often everything rests and the memory is measured, at equal distances

	// mixedSlack is by how many bytes the live heap may differ between two rests, and between the first and the last.
	mixedSlack = 256 << 10
	// callTime bounds every call: what takes longer hangs. Servers that restart and dials that fail are over long
	// before.
	callTime = 30 * time.Second
)

// Several clients, of which each does everything that a client can do in several goroutines, on connections that
// break again and again, in every way: nothing is lost that was promised, and memory, goroutines and file descriptors
// end where they began, and do not grow meanwhile.
func TestClients_promise7_mixed_work_and_faults_leave_nothing(t *testing.T) {
	t.Run("stomptest", func(t *testing.T) {
		mix(t, func() place {
			b := stomptest.NewBroker() // a new one for each round: it keeps what it has received
			return place{url: b.URL(), leave: b.Close, fault: func(dice *rand.Rand) { misbehave(b, dice) }}
		})
	})
	t.Run("RabbitMQ", func(t *testing.T) {
		servers.OptIn(t)
		b, err := broker.NewRabbitMQ(filepath.Join(t.TempDir(), "data"), broker.RabbitMQOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Stop()
		if err := b.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		mix(t, func() place { return place{url: b.URL(), leave: func() {}} }, stomp.WithLogin("guest", "guest"))
	})
}

// place is where a round takes place.
type place struct {
	url   string
	leave func()
	fault func(*rand.Rand) // of the server; nil: it has none
}

// misbehave is a fault of the broker.
func misbehave(b *stomptest.Broker, dice *rand.Rand) {
	switch dice.IntN(4) {
	case 0:
		b.CloseConnections(1012, "restarting")
	case 1:
		b.RefuseHandshakes(http.StatusServiceUnavailable, "starting")
		b.Cut()
		time.Sleep(time.Duration(dice.IntN(50)) * time.Millisecond) // real time, as sockets have; nothing is expected after it
		b.RefuseHandshakes(0, "")
	case 2:
		b.SendRaw([]byte("220 mail.test ESMTP\r\n"))
	case 3:
		b.SendFrame("ERROR", [][2]string{{"message", "no more of this"}}, nil)
	}
}

// mixture is the state of one such test.
type mixture struct {
	*testing.T
	place
	opts  []stomp.ConnectOption
	lines lines

	calls, sessions, faults atomic.Int64
	mistaken                atomic.Int64 // see delivered
}

// mix runs the mixture for mixedTime.
func mix(t *testing.T, find func() place, opts ...stomp.ConnectOption) {
	seed := *mixedSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-soak.seed=%d", seed)
	m := &mixture{T: t, lines: lines{open: make(map[net.Conn]bool)}}
	m.opts = append(opts, stomp.WithReconnect(stomp.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}),
		stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: m.lines.dial}}))
	idle := runtime.NumGoroutine()
	var samples []memory
	var before memory
	var files int
	// One round before the first figure: the runtime and net/http keep something of the first use of everything.
	for i := range rests + 1 {
		m.place = find()
		m.round(rand.New(rand.NewPCG(seed, uint64(i))), *mixedTime/rests)
		m.leave()
		m.place = place{} // the broker with what it has received
		if !settled(idle) {
			t.Fatalf("%d goroutines where no client is left, want the %d from before", runtime.NumGoroutine(), idle)
		}
		if n := m.lines.count(); n != 0 {
			t.Errorf("%d connections are open where no client is left", n)
		}
		if i == 0 {
			before, files = measure(), descriptors()
			continue
		}
		samples = append(samples, measure())
	}
	t.Logf("%d calls, %d sessions, %d faults in %v; %d subscriptions were taken for refused", m.calls.Load(), m.sessions.Load(), m.faults.Load(),
		*mixedTime, m.mistaken.Load())
	if now := descriptors(); now > files {
		t.Errorf("%d file descriptors are open, want the %d from before", now, files)
	}
	first, last := quarter(samples[:rests/3]), quarter(samples[rests-rests/3:])
	t.Logf("before: %+v; the first rests: %+v; the last: %+v", before, first, last)
	if last.live > first.live+mixedSlack || last.live > before.live+mixedSlack {
		t.Errorf("the live heap was %d bytes before, %d at the first rests, %d at the last", before.live, first.live, last.live)
	}
	if n := m.mistaken.Load(); n > 2+m.faults.Load()/500 {
		t.Errorf("%d subscriptions were taken for refused, of %d faults", n, m.faults.Load())
	}
	if m.faults.Load() == 0 || m.sessions.Load() <= m.faults.Load()/4 {
		t.Error("that was no chaos")
	}
}

// round is the life of several clients, on a line that breaks for as long as d.
func (m *mixture) round(dice *rand.Rand, d time.Duration) {
	m.Helper()
	ctx, cancel := context.WithTimeout(m.Context(), d)
	defer cancel()
	var breaking, working sync.WaitGroup // joined below
	breakage := rand.New(rand.NewPCG(dice.Uint64(), 0))
	pause := int(min(d/4, 300*time.Millisecond)) // the longest between two faults
	breaking.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Duration(1 + breakage.IntN(pause))):
			}
			m.faults.Add(1)
			if m.fault != nil && breakage.IntN(3) == 0 {
				m.fault(breakage)
			} else {
				m.lines.cut(breakage)
			}
		}
	})
	for n := range mixedClients {
		c := m.connect()
		if c == nil {
			continue
		}
		m.answer(c, n)
		var all sync.WaitGroup // joined by the goroutine below
		for w := range workers {
			dice := rand.New(rand.NewPCG(dice.Uint64(), 0))
			all.Go(func() {
				for ctx.Err() == nil {
					m.job(c, dice, fmt.Sprintf("soak-%d-%d", n, w))
					select {
					case <-ctx.Done():
					case <-time.After(*mixedPause):
					}
				}
			})
		}
		end := dice.IntN(3)
		working.Go(func() {
			all.Wait()
			breaking.Wait() // what ends gracefully would not, on a line that breaks
			m.sessions.Add(int64(c.Stats().Sessions))
			m.end(c, end)
		})
	}
	working.Wait()
}

// bounded returns a ctx for one call.
func (m *mixture) bounded() (context.Context, context.CancelFunc) {
	m.calls.Add(1)
	return context.WithTimeout(m.Context(), callTime)
}

// connect returns nil where it fails the test.
func (m *mixture) connect() *stomp.Client {
	m.Helper()
	ctx, cancel := m.bounded()
	defer cancel()
	c, err := stomp.Connect(ctx, m.url, append(m.opts, stomp.WithInitialRetry())...)
	if err != nil {
		m.Error(err)
		return nil
	}
	return c
}

// ok reports whether a call has succeeded. What fails may do so because its session ended, and for no other reason.
func (m *mixture) ok(what string, err error) bool {
	m.Helper()
	lost := errors.Is(err, stomp.ErrConnectionLost) || errors.Is(err, stomp.ErrStale) || errors.Is(err, stomp.ErrTransactionDone)
	if err != nil && !lost {
		m.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// end ends a client in one of three ways.
func (m *mixture) end(c *stomp.Client, how int) {
	ctx, cancel := m.bounded()
	defer cancel()
	switch how {
	case 0:
		m.ok("Drain", c.Drain(ctx))
	case 1:
		m.ok("Disconnect", c.Disconnect(ctx))
	}
	if err := c.Close(); err != nil {
		m.Errorf("Close: %v", err)
	}
}

// answer lets c answer the requests of client n, until it ends.
func (m *mixture) answer(c *stomp.Client, n int) {
	ctx, cancel := m.bounded()
	requests, err := c.Subscribe(m.Context(), fmt.Sprint("/queue/soak-ask-", n))
	if err != nil {
		m.Errorf("Subscribe: %v", err)
	}
	go func() { // ends with c
		defer cancel()
		for f := range requests {
			c.Send(ctx, f.Header.Get("reply-to"), f.Body, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
		}
	}()
}

// job is one of the things that a client does. name is used by nobody else at the same time.
func (m *mixture) job(c *stomp.Client, dice *rand.Rand, name string) {
	ctx, cancel := m.bounded()
	defer cancel()
	switch dice.IntN(10) {
	case 0, 1, 2:
		m.delivered(ctx, c, "/queue/"+name, 1+dice.IntN(20))
	case 3:
		m.broadcast(ctx, c, "/topic/"+name, dice)
	case 4:
		soon, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // a request that is lost has no answer
		defer cancel()
		f, err := c.Request(soon, fmt.Sprint("/queue/soak-ask-", dice.IntN(mixedClients)), []byte(name))
		if !errors.Is(err, context.DeadlineExceeded) && m.ok("Request", err) && string(f.Body) != name {
			m.Errorf("the reply to %q is %q", name, f.Body)
		}
	case 5:
		m.transact(ctx, c, "/topic/"+name, dice)
	case 6:
		if m.ok("Send", c.Send(ctx, "/topic/"+name, make([]byte, 300_000))) {
			m.ok("Flush", c.Flush(ctx))
		}
	case 7:
		other := m.connect()
		if other == nil {
			return
		}
		m.ok("Send", other.Send(ctx, "/topic/"+name, nil))
		m.end(other, dice.IntN(3))
	case 8:
		m.ok("Reconnect", c.Reconnect(ctx))
	case 9:
		watching, cancel := context.WithCancel(ctx)
		w, unmatched := c.Watch(watching), c.Unmatched(watching)
		<-w
		cancel()
		for range w {
		}
		for range unmatched {
		}
		c.Stats()
	}
}

// tag makes bodies that are never the same twice.
var tag atomic.Int64

// delivered sends messages that must all arrive, and acknowledges what arrives.
func (m *mixture) delivered(ctx context.Context, c *stomp.Client, queue string, n int) {
	sub, err := c.NewSubscription(ctx, queue, stomp.WithAck(stomp.AckClientIndividual))
	if !m.ok("NewSubscription", err) {
		return
	}
	missing := make(map[string]bool)
	var receipts []*stomp.Receipt
	for range n {
		body := fmt.Sprint(tag.Add(1))
		missing[body] = true
		r, err := c.SendAsync(ctx, queue, []byte(body), stomp.WithRetry())
		if err != nil {
			m.Errorf("SendAsync: %v", err)
			return
		}
		receipts = append(receipts, r)
	}
	ended := make(chan struct{}) // Unsubscribe has returned
	for f := range sub.C {
		m.ok("Ack", c.Ack(ctx, f))
		if !missing[string(f.Body)] {
			continue // it came before, on a session that was lost
		}
		if delete(missing, string(f.Body)); len(missing) > 0 {
			continue
		}
		for _, r := range receipts {
			if err := r.Wait(ctx); err != nil {
				m.Errorf("Wait: %v", err)
			}
		}
		go func() { // joined below
			defer close(ended)
			m.ok("Unsubscribe", sub.Unsubscribe(ctx))
		}()
	}
	var said *stomp.Error
	switch {
	case len(missing) == 0:
		<-ended
	case errors.As(sub.Err(), &said): // one that meant nothing came while its SUBSCRIBE was tried alone, and passed for the answer
		m.mistaken.Add(1)
	default:
		m.Errorf("%d of %d messages did not arrive: %v", len(missing), n, sub.Err())
	}
}

// broadcast sends to a topic that it listens to, and ends the subscription in one of two ways.
func (m *mixture) broadcast(ctx context.Context, c *stomp.Client, topic string, dice *rand.Rand) {
	living, cancel := context.WithCancel(ctx)
	defer cancel()
	sub, err := c.NewSubscription(living, topic, stomp.WithBuffer(4, 0, stomp.OverflowDropOldest))
	if !m.ok("NewSubscription", err) {
		return
	}
	for range 20 {
		m.ok("Send", c.Send(ctx, topic, []byte("x")))
	}
	m.ok("Send", c.Send(ctx, topic, nil, stomp.WithReceipt()))
	ended := make(chan struct{})
	go func() { // joined below
		defer close(ended)
		for range sub.C {
		}
	}()
	if dice.IntN(2) == 0 {
		cancel()
	} else {
		m.ok("Unsubscribe", sub.Unsubscribe(ctx))
	}
	<-ended
}

func (m *mixture) transact(ctx context.Context, c *stomp.Client, topic string, dice *rand.Rand) {
	tx, err := c.Begin(ctx)
	if !m.ok("Begin", err) {
		return
	}
	for range 3 {
		m.ok("Transaction.Send", tx.Send(ctx, topic, []byte("x")))
	}
	if dice.IntN(2) == 0 {
		m.ok("Commit", tx.Commit(ctx, stomp.WithReceipt()))
	}
	m.ok("Abort", tx.Abort(ctx))
}

// lines are the connections of all clients.
type lines struct {
	mu   sync.Mutex // guards open
	open map[net.Conn]bool
}

func (l *lines) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		l.mu.Lock()
		l.open[nc] = true
		l.mu.Unlock()
	}
	return nc, err
}

// count returns how many are open. The clients have the connections themselves, so that nothing tells when one
// closes; a setting that it has anyway does.
func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for nc := range l.open {
		if nc.(*net.TCPConn).SetNoDelay(true) != nil {
			delete(l.open, nc)
		}
	}
	return len(l.open)
}

// cut ends one of the connections, with a reset or without.
func (l *lines) cut(dice *rand.Rand) {
	n := l.count()
	l.mu.Lock()
	defer l.mu.Unlock()
	for nc := range l.open { // in no order
		if n--; n <= 0 || dice.IntN(2) == 0 {
			nc.(*net.TCPConn).SetLinger(dice.IntN(2) - 1)
			nc.Close()
			return
		}
	}
}

// descriptors returns how many file descriptors this process has open; 0 where that cannot be told.
func descriptors() int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(list)
}
