package stomp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promise 1: ctx is honoured at once at each stage of Connect, and nothing is left behind.
func TestConnect_promise1_ctx_at_each_stage(t *testing.T) {
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	for name, c := range map[string]struct {
		url  string
		opts func(*stomptest.Broker) []stomp.ConnectOption
		says string
	}{
		"credentials": {"", func(b *stomptest.Broker) []stomp.ConnectOption {
			return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client()), stomp.WithCredentials(func(ctx context.Context) (string, string, error) { return "", "", hang(ctx) })}
		}, "WithCredentials: "},
		"HTTP_headers": {"", func(b *stomptest.Broker) []stomp.ConnectOption {
			return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client()), stomp.WithHTTPHeaderFunc(func(ctx context.Context) (http.Header, error) { return nil, hang(ctx) })}
		}, "WithHTTPHeaderFunc: "},
		"dialling": {"ws://broker.test/ws", func(*stomptest.Broker) []stomp.ConnectOption {
			dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return nil, hang(ctx) }
			return []stomp.ConnectOption{stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: dial}})}
		}, "connecting to broker.test:80: "},
		"a_dialer_of_ones_own": {"", func(*stomptest.Broker) []stomp.ConnectOption {
			return []stomp.ConnectOption{stomp.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { return nil, hang(ctx) })}
		}, "WithDialer: "},
		"the_upgrade": {"", func(b *stomptest.Broker) []stomp.ConnectOption {
			b.Silence(true)
			return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())}
		}, "waiting for the answer to the WebSocket upgrade: "},
		"CONNECTED_on_a_WebSocket": {"", func(b *stomptest.Broker) []stomp.ConnectOption {
			b.Intercept(func(stomptest.Event) stomptest.Action { return stomptest.FallSilent() })
			return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client())}
		}, "waiting for CONNECTED: "},
		"CONNECTED_on_a_stream": {"", func(b *stomptest.Broker) []stomp.ConnectOption {
			b.Intercept(func(stomptest.Event) stomptest.Action { return stomptest.FallSilent() })
			return []stomp.ConnectOption{stomp.WithDialer(b.Dial)}
		}, "waiting for CONNECTED: "},
		"a_peer_that_does_not_read_CONNECT": {"tcp://broker.test", func(*stomptest.Broker) []stomp.ConnectOption {
			near, _ := net.Pipe()
			return []stomp.ConnectOption{stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return near, nil })}
		}, "sending CONNECT: "},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			url := c.url
			if url == "" {
				url = b.URL()
			}
			ctx := rig.Within(t, 3*time.Second)
			start := time.Now()
			err := rig.ConnectError(t, ctx, url, c.opts(b)...)
			if took := time.Since(start); took != 3*time.Second {
				t.Errorf("it took %v, want exactly 3s", took)
			}
			var failed *stomp.ConnectError
			if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || failed.Permanent() {
				t.Errorf("the error is %v: want a *ConnectError around ctx's, not permanent", err)
			}
			if want := c.says + "context deadline exceeded"; !strings.Contains(err.Error(), want) {
				t.Errorf("the error says %q, want %q in it", err, want)
			}
			b.Silence(false)
			synctest.Wait()
			if n := b.Connections(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

func TestConnect_promise1_ctx_ended_before(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the user left"))
	err := rig.ConnectError(t, ctx, "ws://broker.test/ws", stomp.WithCredentials(func(context.Context) (string, string, error) {
		t.Error("credentials were asked for")
		return "", "", nil
	}))
	rig.ErrorText(t, err, "stomp: connect ws://broker.test/ws: context canceled: the user left")
	rig.ErrorIs(t, err, context.Canceled)
}

// Promise 1: a ctx that ends as CONNECTED comes has cut the connection: no Client comes back that is dead already.
func TestConnect_promise1_ctx_ends_with_CONNECTED(t *testing.T) {
	b := rig.PipeBroker(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	h := &hookHandler{onReceived: cancel}
	err := rig.ConnectError(t, ctx, b, stomp.WithLogger(slog.New(h)))
	rig.ErrorText(t, err, "stomp: connect ws://pipe.test/ws: context canceled")
}

// hookHandler calls a function when the log says that a frame came.
type hookHandler struct {
	sendingHandler
	onReceived func()
}

func (h *hookHandler) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "stomp: received" {
		h.onReceived()
	}
	return nil
}

// Promise 1: ctx bounds Connect alone, on every transport.
func TestConnect_promise1_the_end_of_ctx_does_not_touch_the_Client(t *testing.T) {
	for name, with := range map[string]func(b *stomptest.Broker) stomp.ConnectOption{
		"WebSocket": func(b *stomptest.Broker) stomp.ConnectOption { return stomp.WithHTTPClient(b.Client()) },
		"stream":    func(b *stomptest.Broker) stomp.ConnectOption { return stomp.WithDialer(b.Dial) },
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			client, err := stomp.Connect(ctx, b.URL(), with(b))
			rig.OK(t, err)
			defer client.Close()
			cancel()
			time.Sleep(time.Hour)
			if err := client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()); err != nil || client.Status().State != stomp.StateConnected {
				t.Errorf("after the end of Connect's ctx: %v, %v", err, client.Status().State)
			}
		})
	}
}

// The functions that are asked before an attempt get the ctx of Connect, values included.
func TestConnect_ctx_values_reach_the_functions(t *testing.T) {
	type key struct{}
	b := rig.PipeBroker(t, stomptest.WithLogin("u", "p"), stomptest.WithHTTPAuth(func(r *http.Request) int {
		if r.Header.Get("Authorization") != "Bearer tenant" {
			return http.StatusUnauthorized
		}
		return 0
	}))
	ctx := context.WithValue(t.Context(), key{}, "tenant")
	client, err := stomp.Connect(ctx, b.URL(), stomp.WithHTTPClient(b.Client()),
		stomp.WithCredentials(func(ctx context.Context) (string, string, error) {
			if ctx.Value(key{}) != "tenant" {
				t.Error("the value did not reach WithCredentials")
			}
			return "u", "p", nil
		}),
		stomp.WithHTTPHeaderFunc(func(ctx context.Context) (http.Header, error) {
			token, _ := ctx.Value(key{}).(string)
			return http.Header{"Authorization": {"Bearer " + token}}, nil
		}))
	rig.OK(t, err)
	client.Close()
}

// An error of these functions ends the attempt, is found by errors.Is, and nothing is dialled.
func TestConnect_errors_of_the_functions(t *testing.T) {
	cause := errors.New("the vault is sealed")
	b := rig.PipeBroker(t)
	for name, c := range map[string]struct {
		opt  stomp.ConnectOption
		want string
	}{
		"WithCredentials":    {stomp.WithCredentials(func(context.Context) (string, string, error) { return "", "", cause }), "WithCredentials: the vault is sealed"},
		"WithHTTPHeaderFunc": {stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) { return nil, cause }), "WithHTTPHeaderFunc: the vault is sealed"},
	} {
		t.Run(name, func(t *testing.T) {
			err := rig.ConnectError(t, t.Context(), b, c.opt)
			rig.ErrorText(t, err, "stomp: connect ws://pipe.test/ws: "+c.want)
			rig.ErrorIs(t, err, cause)
		})
	}
	if n := b.Connections(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// Nobody reads a bare "deadline exceeded": the attempt before says more than the one that had no time left.
func TestConnect_promise1_ctx_error_says_what_the_attempt_before_met(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := rig.NewRoute(t)
		route.PlanByHost(func(host string) rig.Trouble {
			if host == "one.test" {
				return rig.Denied
			}
			return rig.Hangs
		})
		err := rig.ConnectError(t, rig.Within(t, 2*time.Second), route, stomp.WithFailover("ws://two.test/ws"))
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		rig.Refused(t, err, "Access refused for user 'u'")
		rig.ErrorSays(t, err, "stomp: connect ws://two.test/ws: ", "(the attempt before, ws://one.test/ws: ")
	})
}
