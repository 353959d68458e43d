package ws

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// certificate returns a certificate of a private CA for host, and the pool that trusts it.
func certificate(t *testing.T, host string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	leaf, err := x509.ParseCertificate(der)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// tlsServers are a WebSocket server and an echo on a bare socket, both with TLS for broker.test, and a server
// without.
type tlsServers struct {
	webSocket, bare, plain string         // ports
	pool                   *x509.CertPool // trusts the certificate of the former two
	protocols              chan []string  // what the last client hello offered by ALPN
}

func startTLSServers(t *testing.T) *tlsServers {
	cert, pool := certificate(t, "broker.test")
	s := &tlsServers{pool: pool, protocols: make(chan []string, 1)}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			select {
			case s.protocols <- hello.SupportedProtos:
			default:
			}
			return nil, nil
		}}
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	web := httptest.NewUnstartedServer(echo(AcceptOptions{}))
	web.TLS, web.EnableHTTP2 = cfg, true
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	s.webSocket = port(web.Listener.Addr().String())
	s.bare = port(listen(t, func(nc net.Conn) {
		secured := tls.Server(nc, cfg)
		io.Copy(secured, secured)
		secured.Close()
	}))
	s.plain = port(listen(t, func(nc net.Conn) { io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n") }))
	return s
}

// transport leads any name to the server of that port. ForceAttemptHTTP2 is as in http.DefaultTransport: HTTP/2 must
// not be chosen all the same.
func (s *tlsServers) transport(roots *x509.CertPool) *http.Transport {
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	return &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
}

// dialTLS dials a server by a name, with a transport.
func dialTLS(t *testing.T, scheme, host, port string, tr *http.Transport) (*Conn, error) {
	t.Helper()
	return Dial(t.Context(), target(t, scheme+"://"+host+":"+port), DialOptions{HTTPClient: &http.Client{Transport: tr}})
}

func TestDial_TLS(t *testing.T) {
	s := startTLSServers(t)
	for _, tc := range []struct{ scheme, port string }{{"wss", s.webSocket}, {"tls", s.bare}} {
		t.Run(tc.scheme, func(t *testing.T) {
			byItself := s.transport(nil)
			byItself.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				return (&tls.Dialer{NetDialer: new(net.Dialer), Config: &tls.Config{RootCAs: s.pool, ServerName: "broker.test"}}).
					DialContext(ctx, network, "127.0.0.1:"+tc.port)
			}
			used := s.transport(s.pool) // one that net/http has configured for HTTP/2
			if resp, err := (&http.Client{Transport: used}).Get("https://broker.test:" + s.webSocket); err == nil {
				resp.Body.Close()
				used.CloseIdleConnections()
			}
			for i, tr := range []*http.Transport{s.transport(s.pool), byItself, used} {
				select {
				case <-s.protocols:
				default:
				}
				c, err := dialTLS(t, tc.scheme, "broker.test", tc.port, tr)
				must(t, err)
				if got := <-s.protocols; len(got) > 0 && got[0] == "h2" {
					t.Errorf("case %d offers %v", i, got)
				}
				if c.b.out.raw != nil {
					t.Error("TryFlush would bypass TLS")
				}
				must(t, send(c, "a"))
				if done, err := c.TryFlush(); !done || err != nil {
					t.Errorf("TryFlush of nothing: %t, %v", done, err)
				}
				if p, _, err := c.Read(); err != nil || string(p) != "a" {
					t.Errorf("%q, %v", p, err)
				}
				must(t, c.Close(t.Context(), 1000, ""))
			}
		})
	}
}

func TestDial_TLS_errors(t *testing.T) {
	s := startTLSServers(t)
	for _, tc := range []struct{ scheme, port string }{{"wss", s.webSocket}, {"tls", s.bare}} {
		t.Run(tc.scheme, func(t *testing.T) {
			var unverified *tls.CertificateVerificationError
			var authority x509.UnknownAuthorityError
			_, err := dialTLS(t, tc.scheme, "broker.test", tc.port, s.transport(nil))
			if !errors.As(err, &unverified) || !errors.As(err, &authority) {
				t.Errorf("unknown CA: %v", err)
			}
			var hostname x509.HostnameError
			_, err = dialTLS(t, tc.scheme, "other.test", tc.port, s.transport(s.pool))
			if !errors.As(err, &unverified) || !errors.As(err, &hostname) {
				t.Errorf("wrong host: %v", err)
			}
			_, err = dialTLS(t, tc.scheme, "broker.test", s.plain, s.transport(s.pool))
			if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
				t.Errorf("a server without TLS: %v", err)
			}
		})
	}
	if _, err := dialTLS(t, "ws", "broker.test", s.bare, s.transport(s.pool)); err == nil {
		t.Error("ws on a TLS port: no error")
	}
}

// A transport that is not net/http's cannot be asked how it dials: a bare socket then uses net.Dialer.
func TestDial_bare_with_a_foreign_transport(t *testing.T) {
	addr := listen(t, func(nc net.Conn) { io.Copy(nc, nc) })
	client := &http.Client{Transport: roundTripper(nil)}
	c, err := Dial(t.Context(), target(t, "tcp://"+addr), DialOptions{HTTPClient: client})
	must(t, err)
	defer c.CloseNow()
	must(t, send(c, "a"))
	if p, _, err := c.Read(); err != nil || string(p) != "a" || !c.IsStream() {
		t.Errorf("%q, %v", p, err)
	}
}
