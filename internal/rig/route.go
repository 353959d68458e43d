package rig

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// routeURL is the first endpoint of a Client that is connected by a Route.
const routeURL = "ws://one.test/ws"

// Route is the way to a broker without sockets: it notes each dial, and lets it meet the next Trouble of its script.
// When there is none left, the broker is as good as new. Any host leads to the broker.
type Route struct {
	Broker *stomptest.Broker

	mu     sync.Mutex // guards what follows
	dials  []Dial
	script []Trouble
	byHost func(host string) Trouble // when the script is at its end; nil: Well
}

// Dial is when a Client dialled, and whom.
type Dial struct {
	At   time.Time
	Host string
}

// Trouble is what becomes of one attempt to connect: it is called as the attempt dials, and prepares the broker. Its
// error is the dial's.
type Trouble func(ctx context.Context, b *stomptest.Broker) error

// NewRoute starts a broker and returns the way to it. Both end with the test.
func NewRoute(t testing.TB, opts ...stomptest.Option) *Route {
	t.Helper()
	return &Route{Broker: PipeBroker(t, opts...)}
}

// client returns an HTTP client that dials by this way.
func (r *Route) client() *http.Client {
	transport := r.Broker.Client().Transport.(*http.Transport).Clone()
	dial := transport.DialContext
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if err := r.meet(ctx, addr); err != nil {
			return nil, err
		}
		return dial(ctx, network, addr)
	}
	return &http.Client{Transport: transport}
}

func (r *Route) meet(ctx context.Context, addr string) error {
	host, _, _ := net.SplitHostPort(addr)
	r.mu.Lock()
	r.dials = append(r.dials, Dial{time.Now(), host})
	next := Well
	switch {
	case len(r.script) > 0:
		next, r.script = r.script[0], r.script[1:]
	case r.byHost != nil:
		next = r.byHost(host)
	}
	r.mu.Unlock()
	r.Broker.Silence(false)
	r.Broker.RefuseHandshakes(0, "")
	r.Broker.Intercept(nil)
	return next(ctx, r.Broker)
}

// Plan adds to the script.
func (r *Route) Plan(next ...Trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, next...)
}

// PlanByHost says what each host does from the end of the script on.
func (r *Route) PlanByHost(trouble func(host string) Trouble) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byHost = trouble
}

// Mend drops what is left of the script, and what hosts do after it.
func (r *Route) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script, r.byHost = nil, nil
}

// Dials returns the dials since it was called last.
func (r *Route) Dials() []Dial {
	r.mu.Lock()
	defer r.mu.Unlock()
	dials := r.dials
	r.dials = nil
	return dials
}

// Hosts returns the hosts that were dialled since Dials or Hosts was called last.
func (r *Route) Hosts() (hosts []string) {
	for _, d := range r.Dials() {
		hosts = append(hosts, d.Host)
	}
	return hosts
}

// WantDials fails the test unless there were n dials since Dials or Hosts was called last.
func (r *Route) WantDials(t testing.TB, n int) {
	t.Helper()
	if dials := r.Dials(); len(dials) != n {
		t.Errorf("%d dials, want %d: %v", len(dials), n, dials)
	}
}

// Times repeats a Trouble.
func Times(n int, same Trouble) []Trouble { return slices.Repeat([]Trouble{same}, n) }

// ErrDown is why NoDial fails.
var ErrDown = errors.New("nobody listens")

// Well is no trouble.
func Well(context.Context, *stomptest.Broker) error { return nil }

// NoDial fails the dial.
func NoDial(context.Context, *stomptest.Broker) error { return ErrDown }

// Hangs makes the dial take for ever.
func Hangs(ctx context.Context, _ *stomptest.Broker) error {
	<-ctx.Done()
	return ctx.Err()
}

// Silent leaves the upgrade unanswered.
func Silent(_ context.Context, b *stomptest.Broker) error {
	b.Silence(true)
	return nil
}

// RefusedUpgrade answers the upgrade with that status, and "go away".
func RefusedUpgrade(status int) Trouble {
	return func(_ context.Context, b *stomptest.Broker) error {
		b.RefuseHandshakes(status, "go away")
		return nil
	}
}

// answered answers CONNECT with an action.
func answered(do func(b *stomptest.Broker) stomptest.Action) Trouble {
	return func(_ context.Context, b *stomptest.Broker) error {
		On(b, wire.Connect, "", func(stomptest.Frame) stomptest.Action { return do(b) })
		return nil
	}
}

// Troubles of a broker that takes the upgrade.
var (
	// Mute never answers CONNECT.
	Mute = answered(func(*stomptest.Broker) stomptest.Action { return stomptest.Drop() })
	// Denied answers CONNECT with ERROR.
	Denied = answered(func(*stomptest.Broker) stomptest.Action {
		return stomptest.ReplyError("Access refused for user 'u'", nil, nil, true)
	})
	// Garbage answers with what is no STOMP at all.
	Garbage = answered(func(b *stomptest.Broker) stomptest.Action {
		b.SendRaw([]byte("220 mail.test ESMTP\r\n"))
		return stomptest.Drop()
	})
	// Foreign answers with a version that was not offered.
	Foreign = answered(func(b *stomptest.Broker) stomptest.Action {
		b.SendRaw([]byte("CONNECTED\nversion:2.0\n\n\x00"))
		return stomptest.Drop()
	})
	// Closes closes the WebSocket without a word.
	Closes = answered(func(*stomptest.Broker) stomptest.Action { return stomptest.CloseWith(1011, "oops") })
)
