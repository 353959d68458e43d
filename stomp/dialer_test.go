package stomp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestWithDialer(t *testing.T) {
	t.Run("gets_the_URL_as_given_and_shows_it_without_its_password", func(t *testing.T) {
		for url, shown := range map[string]string{
			"memory://u:secret@broker/x?y=1": "memory://u@broker/x?y=1",
			"tcp://broker.test":              "tcp://broker.test",
			"ws://broker.test/ws":            "ws://broker.test/ws",
			"just a name":                    "just%20a%20name",
			"memory:secret@broker":           "(URL of WithDialer)",
			"memory://u:sec%ret@broker":      "(URL of WithDialer)",
		} {
			b := stomptest.NewBroker(stomptest.WithPipe())
			client, err := stomp.Connect(t.Context(), url, stomp.WithDialer(func(ctx context.Context, got string) (net.Conn, error) {
				if got != url {
					t.Errorf("the dialer got %q, want %q", got, url)
				}
				return b.Dial(ctx, got)
			}))
			if err != nil {
				t.Fatal(err)
			}
			if got := client.Status().Session; got.URL != shown || got.Subprotocol != "" {
				t.Errorf("the session's URL is %q, its subprotocol %q, want %q and none", got.URL, got.Subprotocol, shown)
			}
			client.Close()
			b.Close()
		}
	})
	t.Run("an_error", func(t *testing.T) {
		cause := errors.New("no route")
		err := failToConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, cause }))
		wantText(t, err, "stomp: connect tcp://broker.test: WithDialer: no route")
		if !errors.Is(err, cause) {
			t.Error("errors.Is does not find the dialer's error")
		}
	})
	t.Run("neither_a_connection_nor_an_error", func(t *testing.T) {
		err := failToConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, nil }))
		wantText(t, err, "stomp: connect tcp://broker.test: WithDialer: the dialer returned neither a connection nor an error")
	})
	t.Run("a_connection_that_cannot_be_written", func(t *testing.T) {
		nc := &fakeConn{write: func([]byte) (int, error) { return 0, io.ErrShortWrite }}
		err := failToConnect(t, t.Context(), "tcp://broker.test", stomp.WithDialer(nc.dial))
		wantText(t, err, "stomp: connect tcp://broker.test: sending CONNECT: ws: write: short write")
		if !nc.closed.Load() {
			t.Error("the connection was not closed")
		}
	})
	t.Run("the_Client_closes_it", func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		nc := &fakeConn{}
		client, err := stomp.Connect(t.Context(), "tcp://broker.test", stomp.WithDialer(func(ctx context.Context, url string) (net.Conn, error) {
			inner, err := b.Dial(ctx, url)
			nc.Conn = inner
			return nc, err
		}))
		if err != nil {
			t.Fatal(err)
		}
		client.Close()
		if !nc.closed.Load() {
			t.Error("the connection was not closed")
		}
	})
	t.Run("W8_a_stream_stays_strict", func(t *testing.T) {
		p, client := streamSession(t, connected12)
		p.send("MESSAGE\ndestination:/a\nmessage-id:1\nsubscription:x\ncontent-length:2\n\nabcd\x00")
		<-client.Done()
		var protocol *stomp.ProtocolError
		if err := client.Err(); !errors.As(err, &protocol) || protocol.Clause != "F3" {
			t.Errorf("the Client ended with %v, want a *ProtocolError of F3", err)
		}
	})
}

// fakeConn is a connection that fails as a test wants it to. What is nil is Conn's, or hangs until Close where there is
// none.
type fakeConn struct {
	net.Conn
	write  func([]byte) (int, error)
	closed atomic.Bool
}

func (c *fakeConn) dial(context.Context, string) (net.Conn, error) { return c, nil }

func (c *fakeConn) Write(p []byte) (int, error) {
	if c.write != nil {
		return c.write(p)
	}
	return c.Conn.Write(p)
}

func (c *fakeConn) Close() error {
	c.closed.Store(true)
	if c.Conn != nil {
		return c.Conn.Close()
	}
	return nil
}

func (c *fakeConn) LocalAddr() net.Addr { return nil }

func (c *fakeConn) SetDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetDeadline(t)
	}
	return os.ErrNoDeadline
}

// An option of the WebSocket on a bare socket is refused before anything is dialled, and again trying cannot help.
func TestConnect_bare_socket_refuses_WebSocket_options(t *testing.T) {
	for name, o := range map[string]stomp.ConnectOption{
		"WithHTTPHeader":   stomp.WithHTTPHeader(http.Header{"A": {"b"}}),
		"WithSubprotocols": stomp.WithSubprotocols("v12.stomp"),
		"WithCompression":  stomp.WithCompression(),
		"WithMessageType":  stomp.WithMessageType(stomp.MessageBinary),
		"WithMessageSplit": stomp.WithMessageSplit(1000),
		"WithPing":         stomp.WithPing(time.Second),
	} {
		err := failToConnect(t, t.Context(), "tcp://broker.invalid", o)
		var failed *stomp.ConnectError
		if !errors.As(err, &failed) || !failed.Permanent() || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
