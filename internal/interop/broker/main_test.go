package broker_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// prepared returns the broker that prepare makes, which ends with the test. It
// skips the test unless WEBSTOMP_INTEROP is set.
func prepared[B broker.Broker](t *testing.T, prepare func(dir string) (B, error)) B {
	t.Helper()
	servers.OptIn(t)
	b, err := prepare(filepath.Join(t.TempDir(), "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

// bounded returns a ctx long enough for a server that has to be built first.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, ctx context.Context, b broker.Broker) {
	t.Helper()
	began := time.Now()
	if err := b.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s %s started in %v", b.Name(), b.Version(), time.Since(began).Round(100*time.Millisecond))
}

func connect(t *testing.T, ctx context.Context, url string, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	c, err := stomp.Connect(ctx, url, append([]stomp.ConnectOption{stomp.WithLogin("guest", "guest"), stomp.WithoutReconnect()}, opts...)...)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// exchange sends one message at each URL and receives it.
func exchange(t *testing.T, ctx context.Context, destination string, urls ...string) {
	t.Helper()
	for _, u := range urls {
		c := connect(t, ctx, u)
		messages, err := c.Subscribe(ctx, destination, stomp.WithReceipt())
		if err != nil {
			t.Fatalf("%s: %v", u, err)
		}
		if err := c.Send(ctx, destination, []byte("hello")); err != nil {
			t.Fatalf("%s: %v", u, err)
		}
		if m, open := <-messages; !open || string(m.Body) != "hello" {
			t.Errorf("%s: got %v, want hello (%v)", u, m, c.Err())
		}
		// A server may take a moment to notice that a connection was cut, and deliver the
		// next message to it.
		if err := c.Disconnect(ctx); err != nil {
			t.Errorf("%s: %v", u, err)
		}
	}
}

// sends fails the test when the server sends messages of another type.
func sends(t *testing.T, ctx context.Context, url string, want websocket.MessageType) {
	t.Helper()
	c, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"v12.stomp"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if err := c.Write(ctx, websocket.MessageText, []byte("CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\x00")); err != nil {
		t.Fatal(err)
	}
	got, frame, err := c.Read(ctx)
	if err != nil || got != want || !strings.HasPrefix(string(frame), "CONNECTED\n") {
		t.Errorf("%s: %v %q, %v, want CONNECTED as %v", url, got, frame, err, want)
	}
}

// compresses fails the test when the server does not accept permessage-deflate.
func compresses(t *testing.T, ctx context.Context, url string) {
	t.Helper()
	c, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	if got := answer.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(got, "permessage-deflate") {
		t.Errorf("%s: extensions %q, want permessage-deflate", url, got)
	}
}

// carries returns why a body of that size does not get through; nil if it does.
func carries(t *testing.T, ctx context.Context, url string, size int) error {
	t.Helper()
	c := connect(t, ctx, url)
	defer c.Close()
	return c.Send(ctx, "/queue/big", make([]byte, size), stomp.WithReceipt())
}

// survives expects a confirmed message to be there after Kill and Start.
func survives(t *testing.T, ctx context.Context, b broker.Broker, url string) {
	t.Helper()
	const destination = "/queue/survives"
	c := connect(t, ctx, url)
	if err := c.Send(ctx, destination, []byte("kept"), stomp.WithHeader("persistent", "true"), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	b.Kill()
	refuses(t, url)
	start(t, ctx, b)
	c = connect(t, ctx, url)
	messages, err := c.Subscribe(ctx, destination)
	if err != nil {
		t.Fatal(err)
	}
	if m, open := <-messages; !open || string(m.Body) != "kept" {
		t.Errorf("got %v, want the message from before the kill (%v)", m, c.Err())
	}
	c.Close()
}

// refuses fails the test when a server still listens at that URL.
func refuses(t *testing.T, at string) {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if nc, err := net.Dial("tcp", u.Host); err == nil {
		nc.Close()
		t.Errorf("%s still accepts", at)
	}
}

// guarded expects the server to refuse a wrong passcode, and everybody at the queue
// forbidden.
func guarded(t *testing.T, ctx context.Context, url string, opts ...stomp.ConnectOption) {
	t.Helper()
	var refused *stomp.Error
	if c, err := stomp.Connect(ctx, url, stomp.WithLogin("guest", "wrong"), stomp.WithoutReconnect()); !errors.As(err, &refused) {
		t.Errorf("%s: a wrong passcode: %v, want the broker's ERROR", url, err)
		if err == nil {
			c.Close()
		}
	}
	for what, attempt := range map[string]func(*stomp.Client) error{
		"subscribe": func(c *stomp.Client) error {
			_, err := c.Subscribe(ctx, "/queue/forbidden", stomp.WithReceipt())
			return err
		},
		"send": func(c *stomp.Client) error {
			return c.Send(ctx, "/queue/forbidden", nil, stomp.WithReceipt())
		},
	} {
		if err := attempt(connect(t, ctx, url, opts...)); err == nil {
			t.Errorf("%s: %s is not refused", url, what)
		} else if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %s: %v, want a refusal", url, what, err)
		} else {
			t.Logf("%s: %v", what, strings.SplitN(err.Error(), "\n", 2)[0])
		}
	}
}

// deletes expects a deleted queue to have lost its messages.
func deletes(t *testing.T, ctx context.Context, b broker.Broker, url string) {
	t.Helper()
	c := connect(t, ctx, url)
	if err := c.Send(ctx, "/queue/doomed", []byte("old"), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	if err := b.DeleteQueue(ctx, "doomed"); err != nil {
		t.Fatal(err)
	}
	c = connect(t, ctx, url)
	messages, err := c.Subscribe(ctx, "/queue/doomed", stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ctx, "/queue/doomed", []byte("new"), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	if m, open := <-messages; !open || string(m.Body) != "new" {
		t.Errorf("got %v, want the message sent after the queue was deleted (%v)", m, c.Err())
	}
	c.Close()
}

// leavesNothing fails the test when a process is left that has dir among its
// arguments or in its environment.
func leavesNothing(t *testing.T, dir string) {
	t.Helper()
	for _, kind := range []string{"cmdline", "environ"} {
		files, _ := filepath.Glob("/proc/[0-9]*/" + kind)
		for _, file := range files {
			if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), dir) {
				t.Errorf("%s: still there", file)
			}
		}
	}
}
