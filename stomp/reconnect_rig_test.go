package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A trouble is what becomes of one attempt to connect: it is told as the attempt dials, and prepares the broker. Its
// error is the dial's.
type trouble func(ctx context.Context, b *stomptest.Broker) error

// approach is the way to a broker without sockets: it notes each dial, and lets it meet the next trouble of its script.
// When there is none left, the broker is as good as new.
type approach struct {
	broker *stomptest.Broker

	mu     sync.Mutex // guards what follows
	dials  []dialled
	script []trouble
}

type dialled struct {
	at   time.Time
	host string
}

func newApproach(t *testing.T, opts ...stomptest.Option) *approach {
	t.Helper()
	return &approach{broker: pipeBroker(t, opts...)}
}

// client is an HTTP client that dials by this way.
func (l *approach) client() *http.Client {
	transport := l.broker.Client().Transport.(*http.Transport).Clone()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if err := l.meet(ctx, addr); err != nil {
			return nil, err
		}
		return dial(ctx, network, addr)
	}
	return &http.Client{Transport: transport}
}

func (l *approach) meet(ctx context.Context, addr string) error {
	host, _, _ := net.SplitHostPort(addr)
	l.mu.Lock()
	l.dials = append(l.dials, dialled{time.Now(), host})
	next := well
	if len(l.script) > 0 {
		next, l.script = l.script[0], l.script[1:]
	}
	l.mu.Unlock()
	l.broker.Silence(false)
	l.broker.RefuseHandshakes(0, "")
	l.broker.Intercept(nil)
	return next(ctx, l.broker)
}

// plan adds to the script.
func (l *approach) plan(next ...trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script = append(l.script, next...)
}

// forget returns the dials so far, and begins anew.
func (l *approach) forget() []dialled {
	l.mu.Lock()
	defer l.mu.Unlock()
	dials := l.dials
	l.dials = nil
	return dials
}

func (l *approach) hosts() (hosts []string) {
	for _, d := range l.forget() {
		hosts = append(hosts, d.host)
	}
	return hosts
}

// join connects a client by this way; the test's end closes it.
func (l *approach) join(t *testing.T, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	c, err := stomp.Connect(t.Context(), "ws://one.test/ws", append([]stomp.ConnectOption{stomp.WithHTTPClient(l.client())}, opts...)...)
	fine(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// errDown is why a dial fails.
var errDown = errors.New("nobody listens")

func well(context.Context, *stomptest.Broker) error   { return nil }
func noDial(context.Context, *stomptest.Broker) error { return errDown }

// hangs: the dial takes for ever.
func hangs(ctx context.Context, _ *stomptest.Broker) error {
	<-ctx.Done()
	return ctx.Err()
}

// silent: the connection is there, and the upgrade is not answered.
func silent(_ context.Context, b *stomptest.Broker) error {
	b.Silence(true)
	return nil
}

// refusedUpgrade refuses the upgrade.
func refusedUpgrade(code int) trouble {
	return func(_ context.Context, b *stomptest.Broker) error {
		b.RefuseHandshakes(code, "go away")
		return nil
	}
}

// hello answers CONNECT with an action.
func hello(answer func(b *stomptest.Broker) stomptest.Action) trouble {
	return func(_ context.Context, b *stomptest.Broker) error {
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == wire.Connect {
				return answer(b)
			}
			return stomptest.Pass()
		})
		return nil
	}
}

var (
	// mute: CONNECT is never answered.
	mute = hello(func(*stomptest.Broker) stomptest.Action { return stomptest.Drop() })
	// refused: the broker's ERROR in answer to CONNECT.
	refused = hello(func(*stomptest.Broker) stomptest.Action {
		return stomptest.ReplyError("Access refused for user 'u'", nil, nil, true)
	})
	// garbage is no STOMP at all.
	garbage = hello(func(b *stomptest.Broker) stomptest.Action {
		b.SendRaw([]byte("220 mail.test ESMTP\r\n"))
		return stomptest.Drop()
	})
	// foreign is a version that was not offered.
	foreign = hello(func(b *stomptest.Broker) stomptest.Action {
		b.SendRaw([]byte("CONNECTED\nversion:2.0\n\n\x00"))
		return stomptest.Drop()
	})
	// closes ends the WebSocket without a word.
	closes = hello(func(*stomptest.Broker) stomptest.Action { return stomptest.CloseWith(1011, "oops") })
)

// times repeats a trouble.
func times(n int, same trouble) []trouble { return slices.Repeat([]trouble{same}, n) }

// until reads w up to a status of that state.
func until(t testing.TB, w <-chan stomp.Status, state stomp.State) stomp.Status {
	t.Helper()
	var last stomp.Status
	for last = range w {
		if last.State == state {
			return last
		}
	}
	t.Fatalf("the status never was %v; the last is %+v", state, last)
	return last
}

// longBackoff is one whose delays are longer than whatever a test does meanwhile, but for one in a million.
var longBackoff = stomp.Backoff{Min: 100_000 * time.Hour, Max: 100_000 * time.Hour}

// quickBackoff is one whose delays do not matter.
var quickBackoff = stomp.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}

// lasts fails the test unless f takes exactly that long, in the bubble's time.
func lasts(t testing.TB, want time.Duration, f func()) {
	t.Helper()
	start := time.Now()
	f()
	if took := time.Since(start); took != want {
		t.Errorf("it took %v, want exactly %v", took, want)
	}
}

// rangeOf fails the test unless samples fill their range from 0 to 1 as even draws do.
func rangeOf(t testing.TB, what string, samples []float64) {
	t.Helper()
	sum := 0.0
	for _, s := range samples {
		if s < 0 || s > 1 {
			t.Errorf("%s: %v of the ceiling", what, s)
		}
		sum += s
	}
	low, high, mean := slices.Min(samples), slices.Max(samples), sum/float64(len(samples))
	if low > 0.25 || high < 0.75 || mean < 0.3 || mean > 0.7 {
		t.Errorf("%s: %d draws from %.3f to %.3f, mean %.3f: not even between 0 and 1", what, len(samples), low, high, mean)
	}
}

func describe(dials []dialled) string { return fmt.Sprintf("%d dials: %v", len(dials), dials) }
