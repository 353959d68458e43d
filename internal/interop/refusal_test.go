package interop

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// In these tests a server refuses a Client for a while that it had accepted before and whose credentials are good.
// The Client must not take that for the last word. Most of their back-offs are short: a Client that counts refusals
// gives up.

// relayAway is how long the broker behind the relay is away.
var relayAway = flag.Duration("relay.away", 20*time.Second, "how long the relay's broker is stopped; 1m is the full form")

// outage is a Client with a subscription, and the outage that it goes through.
type outage struct {
	*stomp.Client
	sub      *stomp.Subscription[stomp.Frame]
	changes  <-chan stomp.Status
	began    time.Time
	words    []string // of refusals: each has one of them
	refusals int      // seen so far
}

// connect connects a Client, which ends with the test, and subscribes.
func connect(t *testing.T, ctx context.Context, url, destination string, subscribe []stomp.SubscribeOption, opts ...stomp.ConnectOption) *outage {
	t.Helper()
	c, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	sub, err := c.NewSubscription(ctx, destination, append(subscribe, stomp.WithReceipt())...)
	if err != nil {
		t.Fatal(err)
	}
	return &outage{Client: c, sub: sub, changes: c.Watch(ctx)}
}

// begin says that the connection is lost now, and with which words, one or the other, the Client will be refused.
func (o *outage) begin(words ...string) { o.began, o.words = time.Now(), words }

// so returns for how long the outage has gone on so far.
func (o *outage) so() time.Duration { return time.Since(o.began).Round(time.Millisecond) }

// refused waits until the Client was refused so often.
func (o *outage) refused(t *testing.T, times int) {
	t.Helper()
	for o.refusals < times {
		if o.step(t) {
			t.Fatalf("after %v it is back; it was refused %d times, want %d", o.so(), o.refusals, times)
		}
	}
}

// back waits until the Client has a session again.
func (o *outage) back(t *testing.T) {
	t.Helper()
	for !o.step(t) {
	}
	t.Logf("after %v it is back; it was refused %d times", o.so(), o.refusals)
}

// receives fails the test unless messages that the Client sends now reach its subscription.
func (o *outage) receives(t *testing.T, ctx context.Context) {
	t.Helper()
	if err := arrives(ctx, o.Client, o.sub); err != nil {
		t.Error(err)
	}
}

// step waits for the next status, and reports whether the Client is back.
func (o *outage) step(t *testing.T) (back bool) {
	t.Helper()
	st, open := <-o.changes
	switch {
	case !open || st.State == stomp.StateClosed:
		t.Fatalf("after %v and %d refusals the Client is over, or the test's time is: %.200v", o.so(), o.refusals, o.Err())
	case st.State == stomp.StateConnected:
		return st.Epoch > 1
	}
	t.Logf("after %v: %.200v", o.so(), st.Err)
	var err *stomp.ConnectError
	if errors.As(st.Err, &err) && err.Refused() {
		o.refusals++
		if !slices.ContainsFunc(o.words, func(words string) bool { return strings.Contains(err.Error(), words) }) {
			t.Errorf("refused with %.200q; want %q", err, o.words)
		}
	}
	return false
}

// The broker holds the Client's dead connection, which is all that the virtual host has room for.
func TestRabbitMQ_promise3_outlasts_a_full_virtual_host(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	way, url := newLine(t, r.URL())
	c := connect(t, ctx, url, "/queue/full", nil, stomp.WithReconnect(stomp.Backoff{Max: time.Second}),
		stomp.WithHeartBeat(8*time.Second, time.Second)) // so the Client notices long before the broker
	if err := r.LimitHost(ctx, 1); err != nil {
		t.Fatal(err)
	}
	c.begin("access denied")
	way.die()
	c.refused(t, 3)
	c.back(t)
	c.receives(t, ctx)
}

// Another connection takes the last place that a user has. This Client has the default back-off.
func TestRabbitMQ_promise3_outlasts_a_user_at_its_limit(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	way, url := newLine(t, r.URL())
	login := stomp.WithLogin("limited", "limited")
	c := connect(t, ctx, url, "/queue/full", nil, login)
	other, err := stomp.Connect(ctx, r.URL(), login)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := r.LimitUser(ctx, "limited", 1); err != nil {
		t.Fatal(err)
	}
	c.begin("access denied")
	way.cut()
	c.refused(t, 1)
	<-time.After(3 * time.Second)
	if err := other.Disconnect(ctx); err != nil {
		t.Error(err)
	}
	c.back(t)
	c.receives(t, ctx)
}

// A line goes dead without a word, and the server holds the old connection, with the client-id, until it misses its
// heart-beats. What is sent to the durable subscription meanwhile is not lost.
func TestClassic_promise3_outlasts_its_own_dead_connection(t *testing.T) {
	servers.OptIn(t)
	t.Parallel()
	b, err := broker.NewClassic(t.TempDir(), newest(broker.ClassicVersions))
	servers.Require(t, err)
	start(t, b)
	t.Cleanup(b.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	login := stomp.WithLogin("guest", "guest")
	way, url := newLine(t, b.TCPURL())
	durable := jmsDurable("activemq.subscriptionName")("news")
	c := connect(t, ctx, url, "/topic/news", append(durable.subscribe, stomp.WithAck(stomp.AckClientIndividual)),
		append(durable.connect, login, stomp.WithReconnect(stomp.Backoff{Max: time.Second}),
			stomp.WithHeartBeat(8*time.Second, time.Second))...)
	other, err := stomp.Connect(ctx, b.TCPURL(), login)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	c.begin("already connected from")
	way.die()
	if err := other.Send(ctx, "/topic/news", []byte("into the dead line"), stomp.WithPersistent(), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	c.refused(t, 3)
	if err := other.Send(ctx, "/topic/news", []byte("likewise"), stomp.WithPersistent(), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	c.back(t)
	got, frames, err := bodies(ctx, c.sub, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := same(got, []string{"into the dead line", "likewise"}); err != nil {
		t.Error(err)
	}
	for _, f := range frames {
		if err := c.Ack(ctx, f); err != nil {
			t.Error(err)
		}
	}
}

// The broker behind a relay is stopped for a while.
func TestSpring_promise3_outlasts_the_absence_of_its_broker(t *testing.T) {
	t.Parallel()
	behind := rabbit(t)
	relay, err := broker.NewSpring(t.TempDir(), broker.SpringOptions{Backend: behind})
	servers.Require(t, err)
	start(t, relay)
	t.Cleanup(relay.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), *relayAway+2*time.Minute)
	defer cancel()
	c := connect(t, ctx, relay.URL(), "/topic/news", nil, tomcatSplit, stomp.WithReconnect(stomp.Backoff{Max: 2 * time.Second}))
	c.begin("Broker not available.", "Failed to connect: ") // the latter until the relay has noticed
	behind.Stop()
	returns := time.NewTimer(*relayAway)
	defer returns.Stop()
	c.refused(t, 3)
	<-returns.C
	start(t, behind)
	t.Logf("after %v its broker is back", c.so())
	c.back(t)
	c.receives(t, ctx)
}

// A gateway refuses every upgrade for a second, as it does while the application behind it is restarted.
func TestRabbitMQ_promise3_outlasts_a_gateway_that_refuses(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target, err := url.Parse("http" + strings.TrimPrefix(r.URL(), "ws"))
	if err != nil {
		t.Fatal(err)
	}
	target.Path = ""
	proxy := httputil.NewSingleHostReverseProxy(target)
	var refuse atomic.Int32 // with that status; 0: it lets through
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status := int(refuse.Load()); status != 0 {
			http.Error(w, "not now", status)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	defer gateway.Close()
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			way, url := newLine(t, "ws"+strings.TrimPrefix(gateway.URL, "http")+"/ws")
			c := connect(t, ctx, url, "/queue/gateway", nil, stomp.WithReconnect(stomp.Backoff{Max: 100 * time.Millisecond}))
			refuse.Store(int32(status))
			defer refuse.Store(0)
			c.begin("not now")
			way.cut()
			second := time.NewTimer(time.Second)
			defer second.Stop()
			c.refused(t, 3)
			<-second.C
			refuse.Store(0)
			c.back(t)
			c.receives(t, ctx)
		})
	}
}
