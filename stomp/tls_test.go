package stomp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// behindTLS starts a broker behind TLS, on a WebSocket and on a bare socket. Its URLs are by scheme. All of it ends with
// the test.
func behindTLS(t *testing.T, cfg *tls.Config) (b *stomptest.Broker, urls map[string]string) {
	t.Helper()
	b = stomptest.NewBroker(stomptest.WithPipe())
	web, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	fine(t, err)
	bare, err := tls.Listen("tcp", "127.0.0.1:0", cfg)
	fine(t, err)
	server := &http.Server{Handler: b.Handler(), ErrorLog: log.New(io.Discard, "", 0)} // it would complain of those whom it refuses
	var serving sync.WaitGroup                                                         // joined by the cleanup
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

// presenting is the configuration of a server with that certificate.
func presenting(cert tls.Certificate) *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// TLS with a CA of one's own, on the WebSocket and on a bare socket, by the HTTP client's configuration.
func TestTLS_private_CA(t *testing.T) {
	ca := newAuthority(t)
	b, urls := behindTLS(t, presenting(ca.server(t)))
	for scheme, url := range urls {
		t.Run(scheme, func(t *testing.T) {
			client := connectTo(t, url, withTLS(&tls.Config{RootCAs: ca.pool}))
			fine(t, client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			fine(t, client.Disconnect(t.Context()))
		})
	}
	if n := b.Sessions(); n != uint64(len(urls)) {
		t.Errorf("%d sessions", n)
	}
}

// A certificate of the server's that does not verify: permanent, typed, and with a word on what to look at.
func TestTLS_certificates_that_do_not_verify(t *testing.T) {
	ca := newAuthority(t)
	elsewhere := ca.issue(t, &x509.Certificate{DNSNames: []string{"elsewhere.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}})
	tomorrow := ca.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(24 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)})
	for name, c := range map[string]struct {
		cert   tls.Certificate
		client *tls.Config
		cause  any // what errors.As finds
		says   []string
	}{
		"unknown_CA": {ca.server(t), nil, new(x509.UnknownAuthorityError),
			[]string{"unknown authority", "a private CA?", "RootCAs of the tls.Config"}},
		"another_CA": {ca.server(t), &tls.Config{RootCAs: newAuthority(t).pool}, new(x509.UnknownAuthorityError),
			[]string{"unknown authority", "a private CA?"}},
		"wrong_host": {elsewhere, &tls.Config{RootCAs: ca.pool}, new(x509.HostnameError),
			[]string{"127.0.0.2", "127.0.0.1", "dial a name that stands in the certificate"}},
		"expired": {ca.expired(t), &tls.Config{RootCAs: ca.pool}, new(x509.CertificateInvalidError),
			[]string{"has expired", "its new certificate?", "clock"}},
		"not_yet_valid": {tomorrow, &tls.Config{RootCAs: ca.pool}, new(x509.CertificateInvalidError),
			[]string{"not yet valid", "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, urls := behindTLS(t, presenting(c.cert))
			for _, scheme := range []string{"wss", "tls"} {
				err := failToConnect(t, t.Context(), urls[scheme], withTLS(c.client))
				var failed *stomp.ConnectError
				var unverified *tls.CertificateVerificationError
				if !errors.As(err, &failed) || !failed.Permanent() || failed.StatusCode != 0 || failed.URL != urls[scheme] {
					t.Errorf("%s: the error is %#v: want a permanent *ConnectError", scheme, err)
				}
				if !errors.As(err, &unverified) || !errors.As(err, c.cause) {
					t.Errorf("%s: errors.As does not find a *tls.CertificateVerificationError around a %T in %v", scheme, c.cause, err)
				}
				saysAll(t, err, c.says...)
			}
			if n := b.Connections(); n != 0 {
				t.Errorf("%d connections have reached the broker", n)
			}
		})
	}
	t.Run("wrong_host_with_its_name_set", func(t *testing.T) {
		_, urls := behindTLS(t, presenting(elsewhere))
		for _, scheme := range []string{"wss", "tls"} {
			connectTo(t, urls[scheme], withTLS(&tls.Config{RootCAs: ca.pool, ServerName: "elsewhere.test"}))
		}
	})
}

// saysAll fails the test unless all of these are in the error's text.
func saysAll(t testing.TB, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("%q is not in: %v", text, err)
		}
	}
}

// A server that wants a certificate of the client's. In TLS 1.3 it refuses after the handshake is over for the client:
// the first read reports it.
func TestTLS_client_certificates(t *testing.T) {
	ca := newAuthority(t)
	mine, expired, foreign := ca.server(t), ca.expired(t), newAuthority(t).server(t)
	for name, version := range map[string]uint16{"TLS_1.3": tls.VersionTLS13, "TLS_1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			cfg := presenting(ca.server(t))
			cfg.ClientAuth, cfg.ClientCAs, cfg.MaxVersion = tls.RequireAndVerifyClientCert, ca.pool, version
			_, urls := behindTLS(t, cfg)
			for _, scheme := range []string{"wss", "tls"} {
				for _, c := range []struct {
					name      string
					cert      *tls.Certificate
					permanent bool
					says      []string
				}{
					{"none", nil, version == tls.VersionTLS13, []string{"remote error: tls: ", "the server wants a certificate of the client"}},
					{"expired", &expired, true, []string{"remote error: tls: expired certificate", "the client's certificate, which the server refuses"}},
					{"of_another_CA", &foreign, true, []string{"remote error: tls: ", "the client's certificate, which the server refuses"}},
					{"good", &mine, false, nil},
				} {
					t.Run(scheme+"_"+c.name, func(t *testing.T) {
						opt := withTLS(&tls.Config{RootCAs: ca.pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
							if c.cert == nil {
								return new(tls.Certificate), nil
							}
							return c.cert, nil
						}})
						if c.says == nil {
							fine(t, connectTo(t, urls[scheme], opt).Disconnect(t.Context()))
							return
						}
						err := failToConnect(t, t.Context(), urls[scheme], opt)
						var failed *stomp.ConnectError
						var op *net.OpError
						if !errors.As(err, &failed) || !errors.As(err, &op) || failed.Permanent() != c.permanent {
							t.Errorf("the error is %v: want a *ConnectError around a *net.OpError, permanent: %t", err, c.permanent)
						}
						saysAll(t, err, c.says...)
					})
				}
			}
		})
	}
}

// Certificates that are renewed too late, the server's or ours, are an outage: reconnecting goes on, beyond the number
// of refusals of a login that would end the Client, and each attempt takes up what there is by then.
func TestTLS_certificates_renewed_during_an_outage(t *testing.T) {
	ca := newAuthority(t)
	good, expired := ca.server(t), ca.expired(t)
	for _, scheme := range []string{"wss", "tls"} {
		for _, whose := range []string{"the_server's", "the_client's"} {
			t.Run(scheme+"_"+whose, func(t *testing.T) {
				var theirs, ours atomic.Pointer[tls.Certificate] // what each side has
				theirs.Store(&good)
				ours.Store(&good)
				b, urls := behindTLS(t, &tls.Config{
					GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return theirs.Load(), nil },
					ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: ca.pool,
				})
				client, err := stomp.Connect(t.Context(), urls[scheme], stomp.WithReconnect(quickBackoff), withTLS(&tls.Config{
					RootCAs:              ca.pool,
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return ours.Load(), nil },
				}))
				fine(t, err)
				defer client.Close()
				messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
				fine(t, err)
				renewed, says := &theirs, "certificate has expired"
				if whose == "the_client's" {
					renewed, says = &ours, "remote error: tls: expired certificate"
				}
				changes := client.Watch(t.Context())
				renewed.Store(&expired)
				b.Cut()
				for s := range changes {
					if s.State != stomp.StateReconnecting || s.Attempt < 6 { // twice what ends the Client where a login is refused
						continue
					}
					var failed *stomp.ConnectError
					if !errors.As(s.Err, &failed) || !failed.Permanent() {
						t.Errorf("the attempt ended with %v", s.Err)
					}
					saysAll(t, s.Err, says)
					break
				}
				renewed.Store(&good)
				fine(t, client.Send(t.Context(), "/topic/a", []byte("renewed"), stomp.WithReceipt()))
				if m := <-messages; string(m.Body) != "renewed" || m.Epoch != 2 {
					t.Errorf("%v of session %d", m, m.Epoch)
				}
			})
		}
	}
}
