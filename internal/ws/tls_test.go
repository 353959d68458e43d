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

func TestTLS(t *testing.T) {
	cert, pool := certificate(t, "broker.test")
	protocols := make(chan []string, 1)
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			select {
			case protocols <- hello.SupportedProtos:
			default:
			}
			return nil, nil
		}}
	s := httptest.NewUnstartedServer(echo(AcceptOptions{}))
	s.TLS, s.EnableHTTP2 = cfg, true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	bare, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	must(t, err)
	defer bare.Close()
	done := make(chan struct{})
	defer func() { bare.Close(); <-done }()
	go func() { // joined above
		defer close(done)
		for {
			nc, err := bare.Accept()
			if err != nil {
				return
			}
			io.Copy(nc, nc)
			nc.Close()
		}
	}()
	plain := listen(t, func(nc net.Conn) { io.WriteString(nc, "HTTP/1.1 400 Bad Request\r\n\r\n") })

	// The name of the certificate leads to whichever of the servers the port says.
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}
	port := func(addr string) string { _, p, _ := net.SplitHostPort(addr); return p }
	transport := func(roots *x509.CertPool) *http.Transport {
		// ForceAttemptHTTP2 as in http.DefaultTransport: it must not choose HTTP/2.
		return &http.Transport{DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	}
	dialing := func(t *http.Transport) DialOptions { return DialOptions{HTTPClient: &http.Client{Transport: t}} }

	for _, tc := range []struct{ scheme, port string }{{"wss", port(s.Listener.Addr().String())}, {"tls", port(bare.Addr().String())}} {
		t.Run(tc.scheme, func(t *testing.T) {
			good := transport(pool)
			byItself := transport(nil)
			byItself.DialTLSContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				return (&tls.Dialer{NetDialer: new(net.Dialer), Config: &tls.Config{RootCAs: pool, ServerName: "broker.test"}}).
					DialContext(ctx, network, "127.0.0.1:"+tc.port)
			}
			used := transport(pool) // one that net/http has configured for HTTP/2
			if resp, err := (&http.Client{Transport: used}).Get("https://broker.test:" + port(s.Listener.Addr().String())); err == nil {
				resp.Body.Close()
				used.CloseIdleConnections()
			}
			for i, tr := range []*http.Transport{good, byItself, used} {
				select {
				case <-protocols:
				default:
				}
				c, err := Dial(t.Context(), target(t, tc.scheme+"://broker.test:"+tc.port), dialing(tr))
				must(t, err)
				if got := <-protocols; len(got) > 0 && got[0] == "h2" {
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

			var unverified *tls.CertificateVerificationError
			var authority x509.UnknownAuthorityError
			_, err := Dial(t.Context(), target(t, tc.scheme+"://broker.test:"+tc.port), dialing(transport(nil)))
			if !errors.As(err, &unverified) || !errors.As(err, &authority) {
				t.Errorf("unknown CA: %v", err)
			}
			var hostname x509.HostnameError
			_, err = Dial(t.Context(), target(t, tc.scheme+"://other.test:"+tc.port), dialing(transport(pool)))
			if !errors.As(err, &unverified) || !errors.As(err, &hostname) {
				t.Errorf("wrong host: %v", err)
			}
			_, err = Dial(t.Context(), target(t, tc.scheme+"://broker.test:"+port(plain)), dialing(transport(pool)))
			if err == nil || !strings.Contains(err.Error(), "does not speak TLS") {
				t.Errorf("a server without TLS: %v", err)
			}
		})
	}
	_, err = Dial(t.Context(), target(t, "ws://broker.test:"+port(bare.Addr().String())), dialing(transport(pool)))
	if err == nil {
		t.Error("ws on a TLS port: no error")
	}
}

// A foreign transport cannot be asked how it dials: a bare socket then goes by net.Dialer.
func TestBareWithAForeignTransport(t *testing.T) {
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
