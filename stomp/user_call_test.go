package stomp_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// leaveGrace is how much longer than its ctx a user's function may take: see user_call.go.
const leaveGrace = 100 * time.Millisecond

// roundTripper is a transport of the user's own.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// userFunctions are the options with a function that an attempt to connect calls. Each calls f before it does its
// work; the connections are those of a broker over pipes.
var userFunctions = map[string]func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption{
	"WithCredentials": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithDialer(b.Dial), stomp.WithCredentials(func(ctx context.Context) (login, passcode string, err error) {
			f(ctx)
			return "", "", nil
		})}
	},
	"WithHTTPHeaderFunc": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithHTTPClient(b.Client()), stomp.WithHTTPHeaderFunc(func(ctx context.Context) (http.Header, error) {
			f(ctx)
			return nil, nil
		})}
	},
	"WithBeforeConnect": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithDialer(b.Dial), stomp.WithBeforeConnect(func(ctx context.Context, _ *stomp.Attempt) error {
			f(ctx)
			return nil
		})}
	},
	"WithDialer": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		return []stomp.ConnectOption{stomp.WithDialer(func(ctx context.Context, url string) (net.Conn, error) {
			f(ctx)
			return b.Dial(context.WithoutCancel(ctx), url)
		})}
	},
	"WithHTTPClient": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		next := b.Client().Transport
		return []stomp.ConnectOption{stomp.WithHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			f(r.Context())
			return next.RoundTrip(r.WithContext(context.WithoutCancel(r.Context())))
		})})}
	},
	"WithHTTPClient's_proxy": func(b dialer, f func(ctx context.Context)) []stomp.ConnectOption {
		transport := b.Client().Transport.(*http.Transport).Clone()
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			f(r.Context())
			return nil, nil
		}
		return []stomp.ConnectOption{stomp.WithHTTPClient(&http.Client{Transport: transport})}
	},
}

// dialer is what userFunctions need of a broker.
type dialer interface {
	Dial(ctx context.Context, url string) (net.Conn, error)
	Client() *http.Client
}

// Promise 1: Connect returns with its ctx, whatever the user's functions do. What they return later is closed, and
// nothing else of the attempt is done.
func TestConnect_promise1_function_that_ignores_its_ctx(t *testing.T) {
	for name, option := range userFunctions {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			gate := make(chan struct{})
			ctx := rig.Within(t, 5*time.Second)
			rig.Takes(t, 5*time.Second+leaveGrace, func() {
				err := rig.ConnectError(t, ctx, b.URL(), option(b, func(context.Context) { <-gate })...)
				option, _, _ := strings.Cut(name, "'")
				rig.ErrorText(t, err, "stomp: connect ws://pipe.test/ws: "+option+": context deadline exceeded (it has not returned)")
				rig.ErrorIs(t, err, context.DeadlineExceeded)
				if rig.ErrorAs[stomp.ConnectError](t, err).Permanent() {
					t.Error("the error is permanent")
				}
			})
			close(gate)
			synctest.Wait()
			if n := b.Connections(); n != 0 || b.Sessions() != 0 {
				t.Errorf("%d connections are left, %d sessions were made", n, b.Sessions())
			}
		})
	}
}

// No further function of an attempt is called that was left behind.
func TestConnect_promise1_functions_after_one_that_ignores_its_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		rig.ConnectError(t, rig.Within(t, time.Second), "tcp://broker.test",
			stomp.WithCredentials(func(context.Context) (login, passcode string, err error) { <-gate; return "", "", nil }),
			stomp.WithBeforeConnect(func(context.Context, *stomp.Attempt) error { t.Error("WithBeforeConnect's is called"); return nil }),
			stomp.WithDialer(func(context.Context, string) (net.Conn, error) { t.Error("the dialer is called"); return nil, nil }))
		close(gate)
		synctest.Wait()
	})
}

// A connection's methods have no ctx at all. In real time: two goroutines meet in Close, on a lock, which a bubble
// takes for work.
func TestConnect_promise1_connection_that_hangs(t *testing.T) {
	for name, hang := range map[string]func(nc *rig.Conn, gate <-chan struct{}){
		"Write": func(nc *rig.Conn, gate <-chan struct{}) {
			nc.OnWrite = func([]byte) (int, error) { <-gate; return 0, net.ErrClosed }
		},
		"Close": func(nc *rig.Conn, gate <-chan struct{}) {
			nc.OnClose = func() error { <-gate; return nc.Conn.Close() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := rig.NewServer(t)
			gate := make(chan struct{})
			server.Wrap = func(near net.Conn) net.Conn {
				nc := &rig.Conn{Conn: near}
				hang(nc, gate)
				return nc
			}
			rig.ErrorIs(t, rig.ConnectError(t, rig.Within(t, 10*time.Millisecond), server), context.DeadlineExceeded)
			close(gate)
			<-server.Accept().Discard() // the connection is closed in the end
		})
	}
}

// A function that heeds its ctx is joined, and has the last word.
func TestConnect_promise4_function_that_heeds_its_ctx_is_joined(t *testing.T) {
	own := errors.New("the vault is sealed")
	for name, takes := range map[string]time.Duration{"at_once": 0, "soon": leaveGrace - 1} {
		rig.Bubble(t, name, func(t *testing.T) {
			returned := false
			rig.Takes(t, time.Second+takes, func() {
				err := rig.ConnectError(t, rig.Within(t, time.Second), "tcp://broker.test", stomp.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) {
					<-ctx.Done()
					time.Sleep(takes)
					returned = true
					return nil, own
				}))
				rig.ErrorText(t, err, "stomp: connect tcp://broker.test: context deadline exceeded (WithDialer: the vault is sealed)")
				rig.ErrorIs(t, err, own)
			})
			if !returned {
				t.Error("it still runs")
			}
		})
	}
}

// Promises 1 and 4: whatever ends the Client during an attempt waits for no function that ignores its ctx.
func TestClient_promise1_ends_while_a_function_ignores_its_ctx(t *testing.T) {
	for name, option := range userFunctions {
		for how, end := range ends {
			rig.Bubble(t, name+"/"+how, func(t *testing.T) {
				b := rig.PipeBroker(t)
				lifetime, endLifetime := context.WithCancel(context.Background())
				defer endLifetime()
				gate := make(chan struct{})
				calls := 0
				c := rig.Connect(t, b.URL(), append(option(b, func(context.Context) {
					if calls++; calls > 1 {
						<-gate
					}
				}), stomp.WithReconnect(rig.QuickBackoff), stomp.WithLifetime(lifetime))...)
				b.Cut()
				time.Sleep(time.Second)
				rig.Takes(t, leaveGrace, func() {
					rig.OK(t, end(c, endLifetime))
					<-c.Done()
				})
				close(gate)
				synctest.Wait()
				if n := b.Connections(); n != 0 || calls != 2 {
					t.Errorf("%d connections are left, %d calls", n, calls)
				}
			})
		}
	}
}

// A function that hangs while the Client reconnects is not called again before it has returned: at most one is left
// behind. The attempts say why they fail, and go on once it has returned.
func TestWithReconnect_function_that_ignores_its_ctx(t *testing.T) {
	for name, option := range userFunctions {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			var calls, running atomic.Int32
			gate := make(chan struct{})
			c := rig.Connect(t, b.URL(), append(option(b, func(context.Context) {
				if running.Add(1) > 1 {
					t.Error("it was called while it runs")
				}
				if calls.Add(1) == 2 {
					<-gate
				}
				running.Add(-1)
			}), stomp.WithReconnect(rig.QuickBackoff))...)
			w := c.Watch(t.Context())
			b.Cut()
			option, _, _ := strings.Cut(name, "'")
			for _, want := range []string{"", " from an earlier attempt", " from an earlier attempt"} {
				time.Sleep(15*time.Second + leaveGrace + 5*time.Millisecond)
				synctest.Wait()
				rig.ErrorText(t, c.Status().Err, "stomp: connect ws://pipe.test/ws: "+option+": context deadline exceeded (it has not returned"+want+")")
			}
			close(gate)
			rig.UntilSession(t, w, 2)
			rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			synctest.Wait() // the connection of the one that was left behind is closed
			if n := calls.Load(); n != 3 || b.Connections() != 1 {
				t.Errorf("%d calls, %d connections", n, b.Connections())
			}
			c.Close()
			synctest.Wait()
		})
	}
}

// WithSubscribeHeaderFunc: the same for whatever ends a subscription, or the Client, while f ignores its ctx.
func TestWithSubscribeHeaderFunc_ends_while_f_ignores_its_ctx(t *testing.T) {
	for how, end := range ends {
		for _, restoring := range []bool{false, true} {
			rig.Bubble(t, how+map[bool]string{false: "/first", true: "/restoring"}[restoring], func(t *testing.T) {
				b := rig.PipeBroker(t)
				lifetime, endLifetime := context.WithCancel(context.Background())
				defer endLifetime()
				c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff), stomp.WithLifetime(lifetime))
				gate := make(chan struct{})
				hangs := !restoring
				subscribed := rig.Go(func() error {
					_, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
						if hangs {
							<-gate
						}
						return nil, nil
					}))
					return err
				})
				if restoring {
					rig.OK(t, <-subscribed)
					hangs = true
					b.Cut()
				}
				time.Sleep(2 * time.Second)
				rig.Takes(t, leaveGrace, func() {
					rig.OK(t, end(c, endLifetime))
					<-c.Done()
					if !restoring {
						rig.OK(t, <-subscribed) // its channel is closed
					}
				})
				close(gate)
				synctest.Wait()
			})
		}
	}
}

// A function that ends its goroutine, as t.Fatal does, does not leave Connect waiting.
func TestConnect_function_that_ends_its_goroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := rig.ConnectError(t, t.Context(), "tcp://broker.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) {
			runtime.Goexit()
			return nil, nil
		}))
		rig.ErrorSays(t, err, "runtime.Goexit")
	})
}

// A function that panics ends the process, with its own stack.
func TestConnect_function_that_panics(t *testing.T) {
	if os.Getenv("WEBSTOMP_TEST_PANIC") != "" {
		stomp.Connect(t.Context(), "tcp://broker.test", stomp.WithDialer(panickingDialer))
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	again.Env = append(os.Environ(), "WEBSTOMP_TEST_PANIC=1")
	out, err := again.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: no dialler here") || !strings.Contains(string(out), "panickingDialer") {
		t.Errorf("%v:\n%s", err, out)
	}
}

func panickingDialer(context.Context, string) (net.Conn, error) { panic("no dialler here") }

// exiting is a log handler that ends the goroutine of the first warning.
type exiting struct{ slog.Handler }

func (exiting) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

func (exiting) Handle(context.Context, slog.Record) error {
	runtime.Goexit()
	return nil
}

// A log handler or a hook that ends its goroutine ends the process: the session would be read by nobody, and Close
// would wait for that for ever.
func TestClient_functions_that_end_the_goroutine_of_a_session_end_the_process(t *testing.T) {
	const words = "panic: stomp: a log handler, or a function of WithSendHook, has ended its goroutine"
	connect := func(opts ...stomp.ConnectOption) (*stomptest.Broker, *stomp.Client) {
		b := rig.NewBroker(t)
		return b, rig.Connect(t, b, opts...)
	}
	t.Run("hook", func(t *testing.T) {
		inProcess(t, func() {
			b, c := connect(stomp.WithSendHook(func(context.Context, *stomp.Outgoing) (func(error), error) {
				return func(error) { runtime.Goexit() }, nil
			}))
			returned := make(chan struct{})
			rig.On(b, wire.Receipt, "", func(stomptest.Frame) stomptest.Action { // else it may come while SendAsync still looks
				<-returned
				return stomptest.Pass()
			})
			r, err := c.SendAsync(t.Context(), "/queue/a", nil)
			rig.OK(t, err)
			close(returned)
			<-r.Done()
			<-c.Done()
		}, words)
	})
	t.Run("reading", func(t *testing.T) {
		inProcess(t, func() {
			b, c := connect(stomp.WithLogger(slog.New(exiting{slog.DiscardHandler})))
			b.SendFrame(wire.Message, [][2]string{{"subscription", "nobody"}, {"destination", "/x"}, {"message-id", "1"}}, nil)
			<-c.Done()
		}, words)
	})
	t.Run("between_sessions", func(t *testing.T) {
		inProcess(t, func() {
			b, c := connect(stomp.WithLogger(slog.New(exiting{slog.DiscardHandler})), stomp.WithReconnect(stomp.Backoff{}))
			b.Cut()
			<-c.Done()
		}, words)
	})
}
