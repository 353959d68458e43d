package stomp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
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
		"not_for_servers": {ca.ClientOnly(t), &tls.Config{RootCAs: ca.Pool}, new(x509.CertificateInvalidError),
			[]string{"incompatible key usage", "its extended key usage has to include serverAuth"}},
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

// A server that wants a certificate of the client's. In TLS 1.3 it refuses after the handshake is over for the
// client: the first read reports it. In TLS 1.2 its alert for a missing one is that for no cipher in common.
// crypto/tls sends none that is of no CA which the server names. The error says which it was, and is permanent.
func TestTLS_client_certificates(t *testing.T) {
	ca, elsewhere := rig.NewAuthority(t), rig.NewNamedAuthority(t, "elsewhere")
	mine, expired, other, sameName := ca.Server(t), ca.Expired(t), elsewhere.Server(t), rig.NewAuthority(t).Server(t)
	named := elsewhere.Issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "me"}})
	given := func(cert tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{cert}}
	}
	chosen := func(cert *tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: ca.Pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }}
	}
	const takes = `the server takes those issued by "CN=CA"`
	for name, version := range map[string]uint16{"TLS_1.3": tls.VersionTLS13, "TLS_1.2": tls.VersionTLS12} {
		t.Run(name, func(t *testing.T) {
			cfg := rig.Presenting(ca.Server(t))
			cfg.ClientAuth, cfg.ClientCAs, cfg.MaxVersion = tls.RequireAndVerifyClientCert, ca.Pool, version
			_, urls := rig.TLSBroker(t, cfg)
			alert := map[uint16]string{tls.VersionTLS13: "certificate required", tls.VersionTLS12: "handshake failure"}[version]
			for _, scheme := range []string{"wss", "tls"} {
				for _, c := range []struct {
					name string
					cfg  *tls.Config
					says []string
				}{
					{"none", &tls.Config{RootCAs: ca.Pool}, []string{alert, "the server wants a certificate of the client: set Certificates in the tls.Config; " + takes}},
					{"none_chosen", chosen(new(tls.Certificate)), []string{alert, "GetClientCertificate returned none; " + takes}},
					{"of_another_CA", given(other), []string{alert, `the one in Certificates was not sent: it is issued by "CN=elsewhere", and ` + takes}},
					{"of_another_CA_sent", chosen(&named), []string{"unknown certificate authority", `does not accept the certificate that the client sent, "CN=me" issued by "CN=elsewhere"; ` + takes}},
					{"of_a_namesake", given(sameName), []string{"certificate authority", `does not accept the certificate that the client sent, issued by "CN=CA"; ` + takes}},
					{"expired", given(expired), []string{"expired certificate", `that the client sent, issued by "CN=CA", expired since 20`, takes}},
					{"good", given(mine), nil},
					{"good_chosen", chosen(&mine), nil},
				} {
					t.Run(scheme+"_"+c.name, func(t *testing.T) {
						opt := rig.WithTLS(c.cfg)
						if c.says == nil {
							rig.OK(t, rig.Connect(t, urls[scheme], opt).Disconnect(t.Context()))
							return
						}
						permanentAlert(t, rig.ConnectError(t, t.Context(), urls[scheme], opt), c.says...)
					})
				}
			}
		})
	}
}

// permanentAlert fails the test unless err is permanent, of an alert of TLS, and says that.
func permanentAlert(t *testing.T, err error, says ...string) {
	t.Helper()
	var failed *stomp.ConnectError
	var op *net.OpError
	if !errors.As(err, &failed) || !errors.As(err, &op) || op.Op != "remote error" || !failed.Permanent() {
		t.Errorf("the error is %v: want a permanent *ConnectError around a *net.OpError of the server's alert", err)
	}
	rig.ErrorSays(t, err, says...)
}

// A server that names no CA, one that names many, and a certificate that does not fit for another reason.
func TestTLS_client_certificates_and_what_the_server_says(t *testing.T) {
	ca, elsewhere := rig.NewAuthority(t), rig.NewNamedAuthority(t, "elsewhere")
	many := x509.NewCertPool()
	for _, name := range []string{"one", "two", "three", "four", "five"} {
		many.AddCert(rig.NewNamedAuthority(t, name).Certificate)
	}
	cert := elsewhere.Server(t)
	curve := cert
	curve.SupportedSignatureAlgorithms = []tls.SignatureScheme{tls.Ed25519} // which its key cannot do
	for name, c := range map[string]struct {
		auth  tls.ClientAuthType
		takes *x509.CertPool
		certs []tls.Certificate
		says  string
	}{
		"none_named": {tls.RequireAnyClientCert, nil, nil, "set Certificates in the tls.Config; the server does not say which CAs it trusts"},
		"five_named": {tls.RequireAndVerifyClientCert, many, []tls.Certificate{cert}, `takes those issued by "CN=one", "CN=two", "CN=three" and 2 more`},
		"unfit_key":  {tls.RequireAnyClientCert, nil, []tls.Certificate{curve}, "the one in Certificates was not sent: tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rig.Presenting(ca.Server(t))
			cfg.ClientAuth, cfg.ClientCAs = c.auth, c.takes
			_, urls := rig.TLSBroker(t, cfg)
			for _, scheme := range []string{"wss", "tls"} {
				opt := rig.WithTLS(&tls.Config{RootCAs: ca.Pool, Certificates: c.certs})
				permanentAlert(t, rig.ConnectError(t, t.Context(), urls[scheme], opt), c.says)
			}
		})
	}
}

// A transport that brings its own TLS tells nothing of the handshake: the errors say no more than the alerts.
func TestTLS_client_certificates_of_a_transport_with_its_own_TLS(t *testing.T) {
	ca := rig.NewAuthority(t)
	for name, c := range map[string]struct {
		version   uint16
		permanent bool
		says      string
	}{
		"TLS_1.3": {tls.VersionTLS13, true, "certificate required (the server wants a certificate of the client: is one set, issued by a CA that the server trusts?)"},
		"TLS_1.2": {tls.VersionTLS12, false, "handshake failure (the server wants a certificate of the client, or has no version or cipher of TLS in common with us)"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := rig.Presenting(ca.Server(t))
			cfg.ClientAuth, cfg.MaxVersion = tls.RequireAnyClientCert, c.version
			_, urls := rig.TLSBroker(t, cfg)
			dialer := &tls.Dialer{Config: &tls.Config{RootCAs: ca.Pool}}
			for _, scheme := range []string{"wss", "tls"} {
				err := rig.ConnectError(t, t.Context(), urls[scheme], stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{DialTLSContext: dialer.DialContext}}))
				if failed := rig.ErrorAs[stomp.ConnectError](t, err); failed.Permanent() != c.permanent {
					t.Errorf("%s: permanent: %t", scheme, failed.Permanent())
				}
				rig.ErrorSays(t, err, c.says)
			}
		})
	}
}

// The server refuses the client's certificate, and has reset the connection when CONNECT is written: the alert that
// lies in the socket counts, and not the failed write.
func TestTLS_client_certificate_refused_before_CONNECT_is_written(t *testing.T) {
	ca := rig.NewAuthority(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	rig.OK(t, err)
	gone := make(chan struct{})
	go func() { // joined by the client's second write
		defer close(gone)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		cfg := rig.Presenting(ca.Server(t))
		cfg.ClientAuth = tls.RequireAnyClientCert
		tls.Server(nc, cfg).Handshake()
		nc.(*net.TCPConn).SetLinger(0) // so that closing is a reset
		nc.Close()
	}()
	t.Cleanup(func() { l.Close(); <-gone })
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &lateWriter{Conn: nc, at: 3, ready: gone}, err // after the hello, and the end of the handshake
	}
	err = rig.ConnectError(t, t.Context(), "tls://"+l.Addr().String(), stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{
		DialContext: dial, TLSClientConfig: &tls.Config{RootCAs: ca.Pool, MinVersion: tls.VersionTLS13}}}))
	permanentAlert(t, err, "sending CONNECT: remote error: tls: certificate required (the server wants a certificate of the client: set")
}

// lateWriter is a connection whose write of that number waits until ready is closed.
type lateWriter struct {
	net.Conn
	n, at int
	ready chan struct{}
}

func (w *lateWriter) Write(p []byte) (int, error) {
	if w.n++; w.n == w.at {
		<-w.ready
	}
	return w.Conn.Write(p)
}

// The two sides have no version of TLS in common, or no cipher. Neither is about a certificate.
func TestTLS_nothing_in_common(t *testing.T) {
	ca := rig.NewAuthority(t)
	old := rig.Presenting(ca.Server(t))
	old.MaxVersion = tls.VersionTLS12
	modern := rig.Presenting(ca.Server(t))
	modern.MinVersion = tls.VersionTLS13
	narrow := rig.Presenting(ca.Server(t))
	narrow.MaxVersion, narrow.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384}
	for name, c := range map[string]struct {
		server, client *tls.Config
		permanent      bool
		says           []string
	}{
		"old_server": {old, &tls.Config{MinVersion: tls.VersionTLS13}, true, []string{"protocol version", "no version of TLS in common: look at MinVersion and MaxVersion"}},
		"old_client": {modern, &tls.Config{MaxVersion: tls.VersionTLS12}, true, []string{"protocol version", "no version of TLS in common: look at MinVersion and MaxVersion"}},
		"no_cipher": {narrow, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}, false,
			[]string{"handshake failure", "the server takes none of the versions, ciphers and curves of TLS that the client offers"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, urls := rig.TLSBroker(t, c.server)
			c.client.RootCAs = ca.Pool
			for _, scheme := range []string{"wss", "tls"} {
				err := rig.ConnectError(t, t.Context(), urls[scheme], rig.WithTLS(c.client))
				if failed := rig.ErrorAs[stomp.ConnectError](t, err); failed.Permanent() != c.permanent {
					t.Errorf("%s: permanent: %t", scheme, failed.Permanent())
				}
				rig.ErrorSays(t, err, c.says...)
				rig.ErrorHides(t, err, "certificate")
			}
		})
	}
}

// Certificates that are renewed too late, the server's or ours, are an outage: reconnecting goes on, beyond the
// number of refusals of a login that would end the Client, and each attempt takes up what there is by then.
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
