package rig

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// quiet drops what a server says of the clients that it refuses.
var quiet = log.New(io.Discard, "", 0)

// NewHTTPServer starts a server on the loopback, with TLS where it has a certificate. It ends with the test.
func NewHTTPServer(t testing.TB, h http.Handler, cert *tls.Certificate) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet
	if cert == nil {
		s.Start()
	} else {
		s.TLS = Presenting(*cert)
		s.StartTLS()
	}
	t.Cleanup(s.Close)
	return s
}

// WebSocketURL returns the URL of a server's WebSockets.
func WebSocketURL(s *httptest.Server) string { return "ws" + strings.TrimPrefix(s.URL, "http") }

// TLSBroker starts a broker behind TLS, on a WebSocket and on a bare socket. Its URLs are by scheme. All of it ends
// with the test.
func TLSBroker(t *testing.T, cfg *tls.Config) (b *stomptest.Broker, urls map[string]string) {
	t.Helper()
	b = stomptest.NewBroker(stomptest.WithPipe())
	web, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	OK(t, err)
	bare, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	OK(t, err)
	server := &http.Server{Handler: b.Handler(), ErrorLog: quiet}
	var serving sync.WaitGroup // joined by the cleanup
	serving.Go(func() { server.Serve(web) })
	serving.Go(func() {
		for {
			nc, err := bare.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { relay(t, b, nc) })
		}
	})
	t.Cleanup(func() {
		bare.Close()
		b.Close()
		server.Close()
		serving.Wait()
	})
	webAddr, bareAddr := web.Addr().String(), bare.Addr().String()
	return b, map[string]string{
		"wss": "wss://" + webAddr + "/ws", "https": "https://" + webAddr,
		"tls": "tls://" + bareAddr, "stomp+ssl": "stomp+ssl://" + bareAddr,
	}
}

// relay carries one bare connection to the broker, until either end closes.
func relay(t *testing.T, b *stomptest.Broker, nc net.Conn) {
	defer nc.Close()
	// A server that wants a certificate looks at it with the first read or write. Done here, a refusal is what closes
	// the connection, before the broker hears of it.
	if nc.(*tls.Conn).HandshakeContext(t.Context()) != nil {
		return
	}
	inner, err := b.Dial(t.Context(), "")
	if err != nil {
		return
	}
	splice(nc, nc, inner)
}

// splice carries what comes from a connection to another one and back, until either closes, and closes both. read is
// the reader of the first.
func splice(from net.Conn, read io.Reader, to net.Conn) {
	back := make(chan struct{})
	go func() { // joined below
		defer close(back)
		io.Copy(from, to)
		from.Close()
	}()
	io.Copy(to, read)
	to.Close()
	<-back
	from.Close()
}

// Presenting returns the configuration of a server with that certificate.
func Presenting(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// ProxiedBrokers starts a broker with and without TLS, and says where it is: at names that only a proxy knows.
func ProxiedBrokers(t *testing.T, ca *Authority) (b *stomptest.Broker, urls map[string]string) {
	t.Helper()
	plain := NewBroker(t)
	_, secure := TLSBroker(t, Presenting(ca.IssueFor(t, "broker.test")))
	return plain, map[string]string{
		"ws":  strings.Replace(plain.URL(), "127.0.0.1", "broker.test", 1),
		"wss": strings.Replace(secure["wss"], "127.0.0.1", "broker.test", 1),
	}
}
