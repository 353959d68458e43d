package ws

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
)

// TestMain fails when a goroutine is left after all tests: ours, the library's or net/http's.
func TestMain(m *testing.M) { leak.Main(m) }

// must ends the test at an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// target parses a URL that is known to be good.
func target(t testing.TB, raw string) Target {
	t.Helper()
	tg, err := ParseURL(raw)
	must(t, err)
	return tg
}

// clientOver returns an HTTP client that dials nc and nothing else.
func clientOver(nc net.Conn) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nc, nil },
	}}
}

// tcpPair returns the two ends of a TCP connection.
func tcpPair(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	client, err = net.Dial("tcp", l.Addr().String())
	must(t, err)
	server, err = l.Accept()
	must(t, err)
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// pair upgrades client and server, two ends of a connection, to a WebSocket of ours on each side.
func pair(t testing.TB, client, server net.Conn, d DialOptions, a AcceptOptions) (c, s *Conn) {
	t.Helper()
	type accepted struct {
		c   *Conn
		err error
	}
	done := make(chan accepted, 1)
	go func() { // joined by the receive below
		br := bufio.NewReader(server)
		req, err := http.ReadRequest(br)
		if err != nil {
			done <- accepted{nil, err}
			return
		}
		c, err := Accept(newResponse(server, br), req, a)
		done <- accepted{c, err}
	}()
	d.HTTPClient = clientOver(client)
	c, err := Dial(context.Background(), target(t, "ws://broker.test/ws"), d)
	must(t, err)
	got := <-done
	must(t, got.err)
	t.Cleanup(func() { c.CloseNow(); got.c.CloseNow() })
	return c, got.c
}

// pipePair is pair over an in-memory pipe, for synctest.
func pipePair(t testing.TB) (c, s *Conn) {
	client, server := net.Pipe()
	return pair(t, client, server, DialOptions{}, AcceptOptions{})
}

// response is the ResponseWriter of a server that leaves its header in the buffer when it is hijacked.
type response struct {
	nc     net.Conn
	brw    *bufio.ReadWriter
	header http.Header
	status int
}

func newResponse(nc net.Conn, br *bufio.Reader) *response {
	return &response{nc: nc, brw: bufio.NewReadWriter(br, bufio.NewWriter(nc)), header: http.Header{}}
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	r.status = status
	fmt.Fprintf(r.brw, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	r.header.Write(r.brw)
	io.WriteString(r.brw, "\r\n")
}

func (r *response) Write(p []byte) (int, error) { return r.brw.Write(p) }

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) { return r.nc, r.brw, nil }

// listen runs serve for each connection to a TCP listener, and closes it after that.
func listen(t testing.TB, serve func(net.Conn)) (hostPort string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() { // joined by the cleanup
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc)
			nc.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// serveHTTP runs a web server, and returns its URL as ws://.
func serveHTTP(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

// echo is a handler that sends back each message as it came.
func echo(o AcceptOptions) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, err := Accept(w, r, o)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			msg, err := readMessage(c)
			if err != nil {
				return
			}
			if c.Write(c.ReadType(), msg) != nil || c.Flush() != nil {
				return
			}
		}
	}
}

// readMessage reads a whole message.
func readMessage(c *Conn) (msg []byte, err error) {
	for {
		p, final, err := c.Read()
		if err != nil {
			return nil, err
		}
		if msg = append(msg, p...); final {
			return msg, nil
		}
	}
}

// send writes and flushes a message.
func send(c *Conn, msg string) error {
	if err := c.Write(Text, []byte(msg)); err != nil {
		return err
	}
	return c.Flush()
}

// reading runs the reader until its error, which it hands over.
func reading(c *Conn) <-chan error {
	done := make(chan error, 1)
	go func() { // joined by whoever receives
		for {
			if _, _, err := c.Read(); err != nil {
				done <- err
				return
			}
		}
	}()
	return done
}
