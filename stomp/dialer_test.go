package stomp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
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

func (c *fakeConn) SetDeadline(t time.Time) error {
	if c.Conn != nil {
		return c.Conn.SetDeadline(t)
	}
	return os.ErrNoDeadline
}

// TLS with a CA of one's own, on the WebSocket and on a bare socket, by the HTTP client's configuration.
func TestConnect_TLS_with_a_private_CA(t *testing.T) {
	b := stomptest.NewBroker(stomptest.WithPipe())
	server := httptest.NewUnstartedServer(b.Handler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it would complain of those who do not trust it
	server.StartTLS()
	defer server.Close()
	defer b.Close()
	bare, err := tls.Listen("tcp", "127.0.0.1:0", server.TLS)
	if err != nil {
		t.Fatal(err)
	}
	defer bare.Close()
	accepting := make(chan struct{})
	go func() { // ended by bare.Close, joined by the cleanup
		defer close(accepting)
		for {
			nc, err := bare.Accept()
			if err != nil {
				return
			}
			relay(t, b, nc)
		}
	}()
	t.Cleanup(func() { bare.Close(); <-accepting })

	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	trusting := stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}})
	for name, url := range map[string]string{
		"wss":       "wss" + strings.TrimPrefix(server.URL, "https"),
		"https":     server.URL,
		"tls":       "tls://" + bare.Addr().String(),
		"stomp+ssl": "stomp+ssl://" + bare.Addr().String(),
	} {
		t.Run(name, func(t *testing.T) {
			client := connectTo(t, url, trusting)
			if err := client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()); err != nil {
				t.Error(err)
			}
			if err := client.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}

			err := failToConnect(t, t.Context(), url)
			var unverified *tls.CertificateVerificationError
			var failed *stomp.ConnectError
			if !errors.As(err, &unverified) || !errors.As(err, &failed) || !failed.Permanent() {
				t.Errorf("without the CA the error is %v: want a permanent *ConnectError around a *tls.CertificateVerificationError", err)
			}
		})
	}
}

// relay carries one bare connection to the broker, until either end closes.
func relay(t *testing.T, b *stomptest.Broker, nc net.Conn) {
	inner, err := b.Dial(t.Context(), "")
	if err != nil {
		nc.Close()
		return
	}
	back := make(chan struct{})
	go func() { // joined below
		defer close(back)
		io.Copy(nc, inner)
		nc.Close()
	}()
	io.Copy(inner, nc)
	inner.Close()
	<-back
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
