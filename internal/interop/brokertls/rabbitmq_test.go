package brokertls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestMain(m *testing.M) { leak.Main(m) }

// server is a RabbitMQ that has a certificate of its CA for 127.0.0.1 and broker.test.
type server struct {
	*broker.RabbitMQ
	ca *rig.Authority
}

// rabbitmq starts one, which ends with the test. It skips the test unless WEBSTOMP_INTEROP is set.
func rabbitmq(t *testing.T, release broker.RabbitMQRelease, o broker.RabbitMQTLS) *server {
	t.Helper()
	servers.OptIn(t)
	ca := rig.NewAuthority(t)
	o.Certificate = rig.WriteCertificate(t, ca.Issue(t, &x509.Certificate{
		DNSNames: []string{"broker.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}))
	o.Authorities = ca.WriteFile(t)
	r, err := broker.NewRabbitMQ(t.TempDir(), broker.RabbitMQOptions{Release: release, TLS: &o})
	var missing *broker.Missing
	if errors.As(err, &missing) && (os.Getenv("CI") == "" || release == broker.RabbitMQ43) { // that suite moves
		t.Skip(err)
	}
	rig.OK(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	rig.OK(t, r.Start(ctx))
	t.Cleanup(r.Stop)
	t.Logf("RabbitMQ %s", r.Version())
	return &server{RabbitMQ: r, ca: ca}
}

// each runs a test over a WebSocket and over TCP, at the server's URL with TLS and at that without.
func (s *server) each(t *testing.T, test func(t *testing.T, ctx context.Context, secure, plain string)) {
	t.Helper()
	for secure, plain := range map[string]string{s.URLTLS(): s.URL(), s.TCPURLTLS(): s.TCPURL()} {
		scheme, _, _ := strings.Cut(secure, ":")
		t.Run(scheme, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			test(t, ctx, secure, plain)
		})
	}
}

// login returns a client's certificate of that CA for a user.
func login(t *testing.T, ca *rig.Authority, user string) tls.Certificate {
	t.Helper()
	return ca.Issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: user}})
}

// carries fails the test unless a large message passes both ways with that configuration.
func carries(t *testing.T, ctx context.Context, url string, client *http.Client, opts ...stomp.ConnectOption) {
	t.Helper()
	c, err := stomp.Connect(ctx, url, append(opts, stomp.WithHTTPClient(client))...)
	rig.OK(t, err)
	defer c.Close()
	messages, err := c.Subscribe(ctx, "/topic/tls", stomp.WithReceipt())
	rig.OK(t, err)
	body := strings.Repeat("x", 1<<20)
	rig.OK(t, c.Send(ctx, "/topic/tls", []byte(body), stomp.WithReceipt()))
	if f := <-messages; string(f.Body) != body {
		t.Errorf("%d bytes came; %v", len(f.Body), c.Err())
	}
	rig.OK(t, c.Disconnect(ctx))
}

func with(cfg *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: cfg}}
}

// refused fails the test unless Connect fails for good, and says that.
func refused(t *testing.T, ctx context.Context, url string, cfg *tls.Config, says ...string) {
	t.Helper()
	err := rig.ConnectError(t, ctx, url, rig.WithTLS(cfg))
	if failed := rig.ErrorAs[stomp.ConnectError](t, err); !failed.Permanent() {
		t.Errorf("not permanent: %v", err)
	}
	rig.ErrorSays(t, err, says...)
	t.Log(err)
}

// A private CA, the server's address or its name, either version of TLS, and what is wrong where one of these is.
func TestRabbitMQ_TLS(t *testing.T) {
	t.Parallel()
	s := rabbitmq(t, broker.RabbitMQ40, broker.RabbitMQTLS{})
	roots := s.ca.Pool
	s.each(t, func(t *testing.T, ctx context.Context, secure, plain string) {
		carries(t, ctx, secure, with(&tls.Config{RootCAs: roots}))
		carries(t, ctx, secure, with(&tls.Config{RootCAs: roots, ServerName: "broker.test"}))
		carries(t, ctx, secure, with(&tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}))
		carries(t, ctx, secure, with(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}))
		byName := with(&tls.Config{RootCAs: roots})
		byName.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, strings.Replace(addr, "broker.test", "127.0.0.1", 1))
		}
		carries(t, ctx, strings.Replace(secure, "127.0.0.1", "broker.test", 1), byName)

		refused(t, ctx, secure, nil, "is it signed by a private CA? That belongs into RootCAs of the tls.Config")
		refused(t, ctx, secure, &tls.Config{RootCAs: roots, ServerName: "elsewhere.test"}, "elsewhere.test", "broker.test", "dial a name that stands in the certificate")

		scheme, _, _ := strings.Cut(secure, ":")
		without := map[string]string{"wss": "ws", "tls": "tcp"}[scheme]
		toPlain := rig.ConnectError(t, ctx, strings.Replace(plain, without, scheme, 1))
		rig.ErrorSays(t, toPlain, "speak TLS on this port", without+"://")
		toTLS := rig.ConnectError(t, ctx, strings.Replace(secure, scheme, without, 1))
		rig.ErrorSays(t, toTLS, "the server speaks TLS on this port: is it ", scheme+"://")
		t.Log(toPlain)
		t.Log(toTLS)
	})
}

// A server of one version of TLS that wants a certificate of its clients, whose name is their login. Where it
// refuses, the error says why, and is permanent.
func TestRabbitMQ_TLS_client_certificates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		release  broker.RabbitMQRelease
		versions []string
		other    *tls.Config // has no version in common
	}{
		"4.0_TLS_1.2": {broker.RabbitMQ40, []string{"tlsv1.2"}, &tls.Config{MinVersion: tls.VersionTLS13}},
		"4.0_TLS_1.3": {broker.RabbitMQ40, []string{"tlsv1.3"}, &tls.Config{MaxVersion: tls.VersionTLS12}},
		"4.3":         {broker.RabbitMQ43, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rabbitmq(t, c.release, broker.RabbitMQTLS{Required: true, Login: true, Versions: c.versions})
			elsewhere, namesake := rig.NewNamedAuthority(t, "elsewhere"), rig.NewAuthority(t)
			expired := s.ca.Issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "limited"},
				NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
			presenting := func(certs ...tls.Certificate) *tls.Config {
				return &tls.Config{RootCAs: s.ca.Pool, Certificates: certs}
			}
			s.each(t, func(t *testing.T, ctx context.Context, url, _ string) {
				limited := presenting(login(t, s.ca, "limited"))
				carries(t, ctx, url, with(limited))
				carries(t, ctx, url, with(limited), stomp.WithLogin("guest", "guest"))
				who(t, ctx, url, limited)

				const takes = `the server takes those issued by "CN=CA"`
				refused(t, ctx, url, presenting(), "set Certificates in the tls.Config; "+takes)
				refused(t, ctx, url, presenting(login(t, elsewhere, "limited")), `was not sent: it is "CN=limited" issued by "CN=elsewhere", and `+takes)
				refused(t, ctx, url, presenting(login(t, namesake, "limited")), `does not accept the certificate that the client sent, "CN=limited" issued by "CN=CA"; `+takes)
				refused(t, ctx, url, presenting(expired), "expired certificate", `"CN=limited" issued by "CN=CA", expired since 20`)
				refused(t, ctx, url, presenting(login(t, s.ca, "nobody")), "Bad CONNECT", "Access refused for user 'nobody'")
				if c.other != nil {
					cfg := c.other.Clone()
					cfg.RootCAs, cfg.Certificates = limited.RootCAs, limited.Certificates
					refused(t, ctx, url, cfg, "the server and the client have no version of TLS in common")
				}
			})
		})
	}
}

// who fails the test unless the client's certificate has logged in the user limited, who may not use one queue.
func who(t *testing.T, ctx context.Context, url string, cfg *tls.Config) {
	t.Helper()
	c, err := stomp.Connect(ctx, url, rig.WithTLS(cfg))
	rig.OK(t, err)
	defer c.Close()
	sub, err := c.NewSubscription(ctx, "/queue/forbidden")
	rig.OK(t, err)
	<-sub.C
	rig.ErrorSays(t, sub.Err(), "refused for user 'limited'")
}
