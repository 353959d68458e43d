package hostile_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// host is what the Client believes to be dialling.
const host = "hostile.test"

// way is a kind of connection to the server.
type way struct {
	name   string
	secure bool                                         // TLS over it
	bytes  bool                                         // the server writes one byte at a time
	pair   func(t testing.TB) (client, server net.Conn) // a connection, seen from both ends
}

// ways are those that every case takes.
var ways = []way{
	{name: "tcp", pair: tcpPair},
	{name: "unix", pair: unixPair},
	{name: "pipe", pair: pipePair},
	{name: "TLS", secure: true, pair: tcpPair},
	{name: "pipe by the byte", bytes: true, pair: pipePair},
	{name: "TLS by the byte", secure: true, bytes: true, pair: tcpPair},
}

// plain reports whether this is one of the two ways that share no code below the WebSocket.
func (w way) plain() bool { return !w.bytes && (w.name == "tcp" || w.secure) }

func tcpPair(t testing.TB) (client, server net.Conn) { return socketPair(t, "tcp", "127.0.0.1:0") }

func unixPair(t testing.TB) (client, server net.Conn) {
	return socketPair(t, "unix", filepath.Join(t.TempDir(), "s"))
}

func pipePair(testing.TB) (client, server net.Conn) { return net.Pipe() }

func socketPair(t testing.TB, network, address string) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen(network, address)
	rig.OK(t, err)
	defer l.Close()
	client, err = net.Dial(network, l.Addr().String()) // the listener's backlog takes it
	rig.OK(t, err)
	server, err = l.Accept()
	rig.OK(t, err)
	return client, server
}

// identity is the server's certificate and what trusts it, made once: a key costs more than a case.
var identity struct {
	once           sync.Once
	server, client *tls.Config
}

// connect makes a connection, and says how to dial it, with or without a WebSocket on it.
func (w way) connect(t testing.TB, bare bool) (server net.Conn, url string, option stomp.ConnectOption) {
	t.Helper()
	client, server := w.pair(t)
	if w.secure {
		server = tls.Server(server, presented(t))
	}
	url, option = dialing(t, client, w.secure, bare)
	return server, url, option
}

// dialing says how to dial what is connected already.
func dialing(t testing.TB, client net.Conn, secure, bare bool) (url string, option stomp.ConnectOption) {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
	if secure {
		presented(t)
		transport.TLSClientConfig = identity.client
	}
	scheme := map[bool]string{false: "ws", true: "tcp"}[bare]
	if secure {
		scheme = map[bool]string{false: "wss", true: "tls"}[bare]
	}
	return scheme + "://" + host, stomp.WithHTTPClient(&http.Client{Transport: transport})
}

// presented returns the server's side of TLS.
func presented(t testing.TB) *tls.Config {
	t.Helper()
	identity.once.Do(func() {
		ca, made := rig.NewAuthority(t), time.Now()
		identity.server = rig.Presenting(ca.IssueFor(t, host))
		// A bubble has another time than the test that made the certificate.
		identity.client = &tls.Config{RootCAs: ca.Pool, Time: func() time.Time { return made }}
	})
	return identity.server
}
