package proxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A proxy that does not pass on the headers of an upgrade: permanent, and the error asks for it.
func TestProxy_W7_Upgrade_is_not_passed_on(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		_, to := upstream(t)
		withoutUpgrade(t, k.start(t, setup{to: to, noUpgrade: true}), http.StatusUpgradeRequired)
	})
}

// withoutUpgrade fails the test unless a Connect through a proxy that drops the Upgrade header says so.
func withoutUpgrade(t *testing.T, f *front, status int) {
	t.Helper()
	err := rig.ConnectError(t, bounded(t), f.url("ws"))
	failed := rig.ErrorAs[stomp.ConnectError](t, err)
	if failed.StatusCode != status || !failed.Permanent() || failed.Refused() {
		t.Errorf("status %d, permanent: %t, refused: %t: %v", failed.StatusCode, failed.Permanent(), failed.Refused(), err)
	}
	rig.ErrorSays(t, err, fmt.Sprintf("%d %s: does a proxy in between drop the Upgrade header?", status, http.StatusText(status)))
}

// A redirect from plain text to TLS, or to another path, is an error that has the target, and is followed by a client
// that has a CheckRedirect.
func TestProxy_W7_redirects(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		ctx := bounded(t)
		ca := rig.NewAuthority(t)
		_, to := upstream(t)
		secure := k.start(t, setup{to: to, certificate: rig.WriteCertificate(t, ca.Server(t))})
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}}
		following := stomp.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }})
		for where, target := range map[string]string{"to_TLS": secure.url("https"), "to_another_path": "/ws"} {
			for _, status := range []int{301, 302, 307, 308} {
				t.Run(fmt.Sprintf("%s_%d", where, status), func(t *testing.T) {
					f := k.start(t, setup{to: to, redirect: status, location: target})
					old := strings.TrimSuffix(f.url("ws"), "/ws") + "/old"
					err := rig.ConnectError(t, ctx, old)
					failed := rig.ErrorAs[stomp.ConnectError](t, err)
					if failed.StatusCode != status || !failed.Permanent() {
						t.Errorf("status %d, permanent: %t", failed.StatusCode, failed.Permanent())
					}
					want := target
					if target == "/ws" {
						want = f.url("http")
					}
					rig.ErrorSays(t, err, strconv.Itoa(status), " to "+want+": dial that address itself")
					connect(t, ctx, old, following).exchange(t, ctx, "there", 1)
				})
			}
		}
	})
}

// TLS ends at the proxy, which offers HTTP/2 by ALPN and speaks it with others: the WebSocket still takes HTTP/1.1.
// In TLS 1.2 as well.
func TestProxy_TLS_with_HTTP2_offered(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for name, only12 := range map[string]bool{"TLS_1.3": false, "TLS_1.2": true} {
			t.Run(name, func(t *testing.T) {
				ctx := bounded(t)
				ca := rig.NewAuthority(t)
				_, to := upstream(t)
				f := k.start(t, setup{to: to, certificate: rig.WriteCertificate(t, ca.Server(t)), onlyTLS12: only12})
				transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool}, ForceAttemptHTTP2: true}
				defer transport.CloseIdleConnections()
				web := &http.Client{Transport: transport}
				resp, err := web.Get(f.url("https"))
				rig.OK(t, err)
				resp.Body.Close()
				if resp.ProtoMajor != 2 || (resp.TLS.Version == tls.VersionTLS12) != only12 {
					t.Fatalf("%s over %s", resp.Proto, tls.VersionName(resp.TLS.Version))
				}
				connect(t, ctx, f.url("wss"), stomp.WithHTTPClient(web)).exchange(t, ctx, "hello", 1)

				err = rig.ConnectError(t, ctx, f.url("wss"))
				rig.ErrorSays(t, err, "is it signed by a private CA?")
				err = rig.ConnectError(t, ctx, f.url("ws"))
				var failed *stomp.ConnectError
				if !errors.As(err, &failed) || failed.StatusCode != 0 && !failed.Permanent() {
					t.Errorf("plain text to a port with TLS: %v", err)
				}
				rig.ErrorSays(t, err, map[string]string{"nginx": "400 Bad Request: it speaks TLS on this port: is it wss://?",
					"HAProxy": "the server closed the connection instead of answering"}[k.name])
			})
		}
	})
}

// A proxy that wants a certificate of the client: nginx says so by HTTP, HAProxy by TLS. Both errors say what to set,
// and are permanent.
func TestProxy_TLS_client_certificates(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for name, only12 := range map[string]bool{"TLS_1.3": false, "TLS_1.2": true} {
			t.Run(name, func(t *testing.T) {
				ctx := bounded(t)
				ca, elsewhere := rig.NewAuthority(t), rig.NewNamedAuthority(t, "elsewhere")
				namesake := rig.NewAuthority(t)
				_, to := upstream(t)
				f := k.start(t, setup{to: to, certificate: rig.WriteCertificate(t, ca.Server(t)), clients: ca.WriteFile(t), onlyTLS12: only12})
				mine := &tls.Config{RootCAs: ca.Pool, Certificates: []tls.Certificate{ca.Server(t)}}
				connect(t, ctx, f.url("wss"), rig.WithTLS(mine)).exchange(t, ctx, "hello", 1)
				for says, certs := range map[string][]tls.Certificate{
					"set Certificates in the tls.Config; the server takes those issued by":                                nil,
					`was not sent: it is issued by "CN=elsewhere", and the server takes those issued by`:                  {elsewhere.Server(t)},
					`does not accept the certificate that the client sent, issued by "CN=CA"; the server takes those iss`: {namesake.Server(t)},
					`issued by "CN=CA", expired since 20`:                                                                 {ca.Expired(t)},
				} {
					err := rig.ConnectError(t, ctx, f.url("wss"), rig.WithTLS(&tls.Config{RootCAs: ca.Pool, Certificates: certs}))
					if failed := rig.ErrorAs[stomp.ConnectError](t, err); !failed.Permanent() {
						t.Errorf("not permanent: %v", err)
					}
					rig.ErrorSays(t, err, says)
				}
			})
		}
	})
}

// Frames of all sizes pass both ways, in order, where the proxy's buffers are small, and where it compresses what it
// can.
func TestProxy_promise13_frames_of_all_sizes(t *testing.T) {
	eachKind(t, func(t *testing.T, k kind) {
		for name, c := range map[string]struct {
			setup
			opts    []stomp.ConnectOption
			brokers []stomptest.Option
		}{
			"small_buffers":      {setup{narrow: true}, nil, nil},
			"gzip":               {setup{gzip: true}, nil, nil},
			"gzip_and_deflate":   {setup{gzip: true}, []stomp.ConnectOption{stomp.WithCompression()}, []stomptest.Option{stomptest.WithCompression()}},
			"TCP_without_a_word": {setup{tcp: true}, nil, nil},
		} {
			if c.tcp && k.name == "nginx" {
				continue // its module for that is another package
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				ctx := bounded(t)
				b, to := upstream(t, append(c.brokers, stomptest.WithTCP())...)
				scheme := "ws"
				if c.tcp {
					scheme, to = "tcp", hostOf(t, b.TCPURL())
				}
				c.to = to
				f := k.start(t, c.setup)
				client := connect(t, ctx, f.url(scheme), c.opts...)
				for _, size := range []int{0, 1, 1 << 10, 4 << 10, 64 << 10, 1 << 20, 8 << 20} {
					client.exchange(t, ctx, strings.Repeat("x", size), 1)
					client.exchange(t, ctx, strings.Repeat("\xff\x00", size/2), 1, stomp.WithContentType("application/octet-stream"))
				}
				const many = 2000
				sent := rig.Go(func() error {
					for i := range many {
						if err := client.Send(ctx, client.destination, fmt.Append(nil, i)); err != nil {
							return err
						}
					}
					return nil
				})
				for i := range many {
					if f := <-client.messages; string(f.Body) != fmt.Sprint(i) || f.Epoch != 1 {
						t.Fatalf("message %d is %q, of session %d", i, f.Body, f.Epoch)
					}
				}
				rig.OK(t, <-sent)
				rig.OK(t, client.Disconnect(ctx))
			})
		}
	})
}
