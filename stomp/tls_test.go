package stomp_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

// TLS with a CA of one's own, on the WebSocket and on a bare socket, by the HTTP client's configuration.
func TestTLS_private_CA(t *testing.T) {
	ca := rig.NewAuthority(t)
	b, urls := rig.TLSBroker(t, rig.Presenting(ca.Server(t)))
	for scheme, url := range urls {
		t.Run(scheme, func(t *testing.T) {
			client := rig.Connect(t, url, rig.WithTLS(&tls.Config{RootCAs: ca.Pool}))
			rig.OK(t, client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
			rig.OK(t, client.Disconnect(t.Context()))
		})
	}
	if n := b.Sessions(); n != uint64(len(urls)) {
		t.Errorf("%d sessions", n)
	}
}

// A certificate of the server's that does not verify: permanent, typed, and with a word on what to look at.
func TestTLS_certificates_that_do_not_verify(t *testing.T) {
	ca := rig.NewAuthority(t)
	elsewhere := ca.Issue(t, &x509.Certificate{DNSNames: []string{"elsewhere.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}})
	tomorrow := ca.Issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(24 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour)})
	for name, c := range map[string]struct {
		cert   tls.Certificate
		client *tls.Config
		cause  any // what errors.As finds
		says   []string
	}{
		"unknown_CA": {ca.Server(t), nil, new(x509.UnknownAuthorityError),
			[]string{"unknown authority", "a private CA?", "RootCAs of the tls.Config"}},
		"another_CA": {ca.Server(t), &tls.Config{RootCAs: rig.NewAuthority(t).Pool}, new(x509.UnknownAuthorityError),
			[]string{"unknown authority", "a private CA?"}},
		"wrong_host": {elsewhere, &tls.Config{RootCAs: ca.Pool}, new(x509.HostnameError),
			[]string{"127.0.0.2", "127.0.0.1", "dial a name that stands in the certificate"}},
		"expired": {ca.Expired(t), &tls.Config{RootCAs: ca.Pool}, new(x509.CertificateInvalidError),
			[]string{"has expired", "its new certificate?", "clock"}},
		"not_yet_valid": {tomorrow, &tls.Config{RootCAs: ca.Pool}, new(x509.CertificateInvalidError),
			[]string{"not yet valid", "clock"}},
	} {
		t.Run(name, func(t *testing.T) {
			b, urls := rig.TLSBroker(t, rig.Presenting(c.cert))
			for _, scheme := range []string{"wss", "tls"} {
				err := rig.ConnectError(t, t.Context(), urls[scheme], rig.WithTLS(c.client))
				var failed *stomp.ConnectError
				var unverified *tls.CertificateVerificationError
				if !errors.As(err, &failed) || !failed.Permanent() || failed.StatusCode != 0 || failed.URL != urls[scheme] {
					t.Errorf("%s: the error is %#v: want a permanent *ConnectError", scheme, err)
				}
				if !errors.As(err, &unverified) || !errors.As(err, c.cause) {
					t.Errorf("%s: errors.As does not find a *tls.CertificateVerificationError around a %T in %v", scheme, c.cause, err)
				}
				rig.ErrorSays(t, err, c.says...)
			}
			if n := b.Connections(); n != 0 {
				t.Errorf("%d connections have reached the broker", n)
			}
		})
	}
	t.Run("wrong_host_with_its_name_set", func(t *testing.T) {
		_, urls := rig.TLSBroker(t, rig.Presenting(elsewhere))
		for _, scheme := range []string{"wss", "tls"} {
			rig.Connect(t, urls[scheme], rig.WithTLS(&tls.Config{RootCAs: ca.Pool, ServerName: "elsewhere.test"}))
		}
	})
}

// A server that wants a certificate of the client's. In TLS 1.3 it refuses after the handshake is over for the client:
// the first read reports it.
func TestTLS_client_certificates(t *testing.T) {
	ca := rig.NewAuthority(t)
	mine, expired, foreign := ca.Server(t), ca.Expired(t), rig.NewAuthority(t).Server(t)
	for name, version := range map[string]uint16{"TLS_1.3": tls.VersionTLS13, "TLS_1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			cfg := rig.Presenting(ca.Server(t))
			cfg.ClientAuth, cfg.ClientCAs, cfg.MaxVersion = tls.RequireAndVerifyClientCert, ca.Pool, version
			_, urls := rig.TLSBroker(t, cfg)
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
						opt := rig.WithTLS(&tls.Config{RootCAs: ca.Pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
							if c.cert == nil {
								return new(tls.Certificate), nil
							}
							return c.cert, nil
						}})
						if c.says == nil {
							rig.OK(t, rig.Connect(t, urls[scheme], opt).Disconnect(t.Context()))
							return
						}
						err := rig.ConnectError(t, t.Context(), urls[scheme], opt)
						var failed *stomp.ConnectError
						var op *net.OpError
						if !errors.As(err, &failed) || !errors.As(err, &op) || failed.Permanent() != c.permanent {
							t.Errorf("the error is %v: want a *ConnectError around a *net.OpError, permanent: %t", err, c.permanent)
						}
						rig.ErrorSays(t, err, c.says...)
					})
				}
			}
		})
	}
}

// Certificates that are renewed too late, the server's or ours, are an outage: reconnecting goes on, beyond the number
// of refusals of a login that would end the Client, and each attempt takes up what there is by then.
func TestTLS_certificates_renewed_during_an_outage(t *testing.T) {
	ca := rig.NewAuthority(t)
	good, expired := ca.Server(t), ca.Expired(t)
	for _, scheme := range []string{"wss", "tls"} {
		for _, whose := range []string{"the_server's", "the_client's"} {
			t.Run(scheme+"_"+whose, func(t *testing.T) {
				var theirs, ours atomic.Pointer[tls.Certificate] // what each side has
				theirs.Store(&good)
				ours.Store(&good)
				b, urls := rig.TLSBroker(t, &tls.Config{
					GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return theirs.Load(), nil },
					ClientAuth:     tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool,
				})
				client := rig.Connect(t, urls[scheme], stomp.WithReconnect(rig.QuickBackoff), rig.WithTLS(&tls.Config{
					RootCAs:              ca.Pool,
					GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return ours.Load(), nil },
				}))
				messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithReceipt())
				rig.OK(t, err)
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
					failed := rig.ErrorAs[stomp.ConnectError](t, s.Err)
					if !failed.Permanent() {
						t.Errorf("the attempt ended with %v", s.Err)
					}
					rig.ErrorSays(t, s.Err, says)
					break
				}
				renewed.Store(&good)
				rig.OK(t, client.Send(t.Context(), "/topic/a", []byte("renewed"), stomp.WithReceipt()))
				if m := <-messages; string(m.Body) != "renewed" || m.Epoch != 2 {
					t.Errorf("%v of session %d", m, m.Epoch)
				}
			})
		}
	}
}
