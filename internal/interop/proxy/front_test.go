package proxy

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// TestMain also lets more tests run beside each other than there are processors: they wait most of the time.
func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	leak.Main(m)
}

// setup is what a test wants of a proxy, whichever it is.
type setup struct {
	to          string        // the upstream's host and port
	idle        time.Duration // without a byte after which a WebSocket, or TCP, is closed; 0: an hour
	hasty       bool          // whatever concerns HTTP, and not a WebSocket, times out after a second
	certificate string        // TLS with that, and HTTP/2 offered by ALPN; "": none
	clients     string        // the CA of the certificates that clients need; "": they need none
	onlyTLS12   bool
	redirect    int    // the status with which /old is answered
	location    string // and where that leads
	answer      int    // the status of every answer; 0: the upstream's
	noUpgrade   bool   // the headers of an upgrade are not passed on
	http11      bool   // with noUpgrade: the upstream is asked by HTTP/1.1 all the same
	gzip        bool   // responses are compressed where the client takes that
	narrow      bool   // buffers are small
	tcp         bool   // not HTTP: bytes are passed on
}

// kind is nginx or HAProxy.
type kind struct {
	name      string
	prepare   func(dir string, ports int) (*broker.Proxy, error)
	configure func(s setup, listen string) string
	unserved  int // the status where nobody listens behind it
}

var (
	nginxKind   = kind{"nginx", broker.NewNginx, nginx, 502}
	haproxyKind = kind{"HAProxy", broker.NewHAProxy, haproxy, 503}
	kinds       = []kind{nginxKind, haproxyKind}
)

// eachKind runs a test for each kind of proxy, beside other tests. It skips all unless WEBSTOMP_INTEROP is set.
func eachKind(t *testing.T, test func(t *testing.T, k kind)) {
	t.Helper()
	servers.OptIn(t)
	t.Parallel()
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// front is a proxy that runs.
type front struct {
	*broker.Proxy
	kind kind
}

// start starts a proxy, which ends with the test.
func (k kind) start(t *testing.T, s setup) *front {
	t.Helper()
	p, err := k.prepare(t.TempDir(), 1)
	servers.Require(t, err)
	f := &front{Proxy: p, kind: k}
	f.configure(t, s)
	t.Cleanup(func() {
		p.Stop()
		if t.Failed() {
			t.Logf("%s wrote:\n%s", k.name, p.Console())
		}
	})
	f.start(t)
	return f
}

func (f *front) configure(t *testing.T, s setup) {
	t.Helper()
	rig.OK(t, f.Configure(f.kind.configure(s, f.Address(0))))
}

// start starts it, and starts it again after Kill.
func (f *front) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	rig.OK(t, f.Start(ctx))
}

// url returns where the proxy is, with that scheme.
func (f *front) url(scheme string) string {
	if scheme == "tcp" || scheme == "tls" {
		return scheme + "://" + f.Address(0)
	}
	return scheme + "://" + f.Address(0) + "/ws"
}

// upstream starts a broker for a test, and returns its host and port.
func upstream(t *testing.T, opts ...stomptest.Option) (b *stomptest.Broker, address string) {
	t.Helper()
	b = stomptest.NewBroker(opts...)
	t.Cleanup(b.Close)
	return b, hostOf(t, b.URL())
}

func hostOf(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	rig.OK(t, err)
	return u.Host
}

// bounded returns a ctx that no test needs half of.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// client is a Client with a subscription, and its states.
type client struct {
	*stomp.Client
	destination string
	messages    <-chan stomp.Frame
	changes     <-chan stomp.Status
}

// destinations counts them: each client has its own.
var destinations atomic.Int64

// connect connects a Client, which ends with the test. It reconnects quickly unless an option says otherwise.
func connect(t *testing.T, ctx context.Context, url string, opts ...stomp.ConnectOption) *client {
	t.Helper()
	c, err := stomp.Connect(ctx, url, append([]stomp.ConnectOption{stomp.WithReconnect(stomp.Backoff{Max: 200 * time.Millisecond})}, opts...)...)
	rig.OK(t, err)
	t.Cleanup(func() { c.Close() })
	to := fmt.Sprintf("/topic/proxy-%d", destinations.Add(1))
	messages, err := c.Subscribe(ctx, to, stomp.WithReceipt())
	rig.OK(t, err)
	return &client{Client: c, destination: to, messages: messages, changes: c.Watch(ctx)}
}

// exchange sends a message and fails the test unless it arrives, in that session.
func (c *client) exchange(t *testing.T, ctx context.Context, body string, epoch uint64, opts ...stomp.SendOption) {
	t.Helper()
	rig.OK(t, c.Send(ctx, c.destination, []byte(body), append(opts, stomp.WithReceipt())...))
	select {
	case f, open := <-c.messages:
		if !open || string(f.Body) != body || f.Epoch != epoch {
			t.Errorf("%d bytes in session %d (open: %t), want the %d sent, in session %d; %v", len(f.Body), f.Epoch, open, len(body), epoch, c.Status().Err)
		}
	case <-ctx.Done():
		t.Fatalf("it does not arrive; %+v", c.Status())
	}
}
