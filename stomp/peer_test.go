package stomp_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp"
)

// connecting is a Connect under way in a goroutine, so that the test itself can play the server.
type connecting struct {
	t      testing.TB
	client *stomp.Client
	err    error
	done   chan struct{}
}

func startConnect(t testing.TB, ctx context.Context, url string, opts ...stomp.ConnectOption) *connecting {
	c := &connecting{t: t, done: make(chan struct{})}
	go func() { // joined by the cleanup
		defer close(c.done)
		c.client, c.err = stomp.Connect(ctx, url, append([]stomp.ConnectOption{stomp.WithoutReconnect()}, opts...)...)
	}()
	t.Cleanup(func() {
		<-c.done
		if c.client != nil {
			c.client.Close()
		}
	})
	return c
}

// succeeds waits for the Client.
func (c *connecting) succeeds() *stomp.Client {
	c.t.Helper()
	<-c.done
	if c.err != nil {
		c.t.Fatal(c.err)
	}
	return c.client
}

// fails waits for the error.
func (c *connecting) fails() error {
	c.t.Helper()
	<-c.done
	if c.err == nil {
		c.t.Fatal("Connect succeeded")
	}
	return c.err
}

// streamPeer is a server on a byte stream, played by the test.
type streamPeer struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

// onStream starts Connect over an in-memory stream and returns its far end.
func onStream(t testing.TB, opts ...stomp.ConnectOption) (*streamPeer, *connecting) {
	near, far := net.Pipe()
	t.Cleanup(func() { far.Close() })
	dial := func(context.Context, string) (net.Conn, error) { return near, nil }
	c := startConnect(t, t.Context(), "tcp://broker.test", append([]stomp.ConnectOption{stomp.WithDialer(dial)}, opts...)...)
	return &streamPeer{t: t, nc: far, r: bufio.NewReader(far)}, c
}

// streamSession is a session whose server is played by the test: connected is the whole CONNECTED frame.
func streamSession(t testing.TB, connected string, opts ...stomp.ConnectOption) (*streamPeer, *stomp.Client) {
	t.Helper()
	p, c := onStream(t, opts...)
	p.read()
	p.send(connected)
	return p, c.succeeds()
}

// read returns the next frame as it stands on the wire, without its NUL, and skips the heart-beats before it.
func (p *streamPeer) read() string {
	p.t.Helper()
	s, err := p.r.ReadString(0)
	if err != nil {
		p.t.Fatalf("reading a frame: %v (after %q)", err, s)
	}
	return strings.TrimLeft(strings.TrimSuffix(s, "\x00"), "\n")
}

// octet returns the next one.
func (p *streamPeer) octet() byte {
	p.t.Helper()
	b, err := p.r.ReadByte()
	if err != nil {
		p.t.Fatalf("reading an octet: %v", err)
	}
	return b
}

func (p *streamPeer) send(raw string) {
	p.t.Helper()
	if _, err := p.nc.Write([]byte(raw)); err != nil {
		p.t.Fatalf("sending %q: %v", raw, err)
	}
}

// The CONNECTED of a server that has nothing to say beyond its version.
const (
	connected10 = "CONNECTED\nversion:1.0\n\n\x00"
	connected11 = "CONNECTED\nversion:1.1\n\n\x00"
	connected12 = "CONNECTED\nversion:1.2\n\n\x00"
)

// webPeer is a server on a WebSocket, played by the test.
type webPeer struct {
	t testing.TB
	c *ws.Conn
}

// webServer accepts WebSockets and hands each to the channel. Who takes one plays the server of it.
func webServer(t testing.TB, o ws.AcceptOptions) (url string, peers <-chan *webPeer) {
	accepted := make(chan *webPeer, 16)
	over := make(chan struct{})
	var handlers sync.WaitGroup
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handlers.Add(1)
		defer handlers.Done()
		c, err := ws.Accept(w, r, o)
		if err != nil {
			t.Errorf("accepting a WebSocket: %v", err)
			return
		}
		defer c.CloseNow()
		accepted <- &webPeer{t, c}
		<-over
	}))
	t.Cleanup(func() {
		close(over)
		server.Close()
		handlers.Wait()
	})
	return "ws" + strings.TrimPrefix(server.URL, "http"), accepted
}

// message reads one message, and says of what type it was.
func (p *webPeer) message() (ws.MessageType, string) {
	p.t.Helper()
	var m strings.Builder
	for {
		piece, final, err := p.c.Read()
		if err != nil {
			p.t.Fatalf("reading a message: %v", err)
		}
		m.Write(piece)
		if final {
			return p.c.ReadType(), m.String()
		}
	}
}

func (p *webPeer) send(typ ws.MessageType, message string) {
	p.t.Helper()
	if err := p.c.Write(typ, []byte(message)); err != nil {
		p.t.Fatalf("sending %q: %v", message, err)
	}
	if err := p.c.Flush(); err != nil {
		p.t.Fatalf("sending %q: %v", message, err)
	}
}

// webSession is a session over a WebSocket whose server is played by the test.
func webSession(t testing.TB, connected string, opts ...stomp.ConnectOption) (*webPeer, *stomp.Client) {
	t.Helper()
	url, peers := webServer(t, ws.AcceptOptions{Subprotocols: []string{"v12.stomp"}, Compression: true})
	c := startConnect(t, t.Context(), url, opts...)
	p := <-peers
	p.message()
	p.send(ws.Text, connected)
	return p, c.succeeds()
}
