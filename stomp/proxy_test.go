package stomp_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A WebSocket goes through a tunnel of the proxy's, with TLS and without (RFC 6455, section 4.1), and so does the
// next one after an outage.
func TestProxy_tunnels_WebSockets(t *testing.T) {
	ca := rig.NewAuthority(t)
	cert := ca.Server(t)
	b, urls := rig.ProxiedBrokers(t, ca)
	for kind, cert := range map[string]*tls.Certificate{"http": nil, "https": &cert} {
		for scheme, target := range urls {
			t.Run(scheme+"_through_"+kind, func(t *testing.T) {
				proxy := rig.NewProxy(t, cert)
				client := rig.Connect(t, target, stomp.WithReconnect(rig.QuickBackoff), stomp.WithHTTPClient(&http.Client{
					Transport: &http.Transport{Proxy: http.ProxyURL(proxy.UserURL(t, "secret")), TLSClientConfig: &tls.Config{RootCAs: ca.Pool}},
				}))
				rig.OK(t, client.Send(t.Context(), "/topic/a", []byte("a"), stomp.WithReceipt()))
				want := []string{"CONNECT " + client.Status().Session.URL[len(scheme+"://"):]}
				want[0] = strings.TrimSuffix(want[0], "/ws")
				rig.Equal(t, "requests", proxy.Requests(), want)
				if scheme == "ws" {
					b.Cut()
					rig.UntilSession(t, client.Watch(t.Context()), 2)
					rig.Equal(t, "requests", proxy.Requests(), append(want, want...))
				}
				rig.OK(t, client.Disconnect(t.Context()))
			})
		}
	}
}

// What a proxy refuses is an error that names it and what it said, and never its password.
func TestProxy_refusals(t *testing.T) {
	ca := rig.NewAuthority(t)
	cert := ca.Server(t)
	_, urls := rig.ProxiedBrokers(t, ca)
	for name, c := range map[string]struct {
		password  string
		status    int // of the refusal, of one who is known
		permanent bool
		says      []string
	}{
		"wrong_password": {"hunter2", 0, true, []string{"407 Proxy Authentication Required", "the proxy's URL"}},
		"no_password":    {"", 0, true, []string{"407 Proxy Authentication Required", "it wants a user and a password"}},
		"403":            {"secret", 403, false, []string{"403 Forbidden"}},
		"502":            {"secret", 502, false, []string{"502 Bad Gateway"}},
	} {
		for kind, cert := range map[string]*tls.Certificate{"http": nil, "https": &cert} {
			for scheme, target := range urls {
				t.Run(name+"_"+scheme+"_through_"+kind, func(t *testing.T) {
					proxy := rig.NewProxy(t, cert)
					proxy.Refuse(c.status)
					by := proxy.UserURL(t, c.password)
					if c.password == "" {
						by.User = nil
					}
					err := rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{
						Transport: &http.Transport{Proxy: http.ProxyURL(by), TLSClientConfig: &tls.Config{RootCAs: ca.Pool}},
					}))
					failed := rig.ErrorAs[stomp.ConnectError](t, err)
					if failed.Permanent() != c.permanent || failed.URL != target {
						t.Errorf("the error is %v: want a *ConnectError of %s, permanent: %t", err, target, c.permanent)
					}
					// The status is the proxy's: it is not that of a refused upgrade.
					if failed.StatusCode != 0 {
						t.Errorf("status %d", failed.StatusCode)
					}
					rig.ErrorSays(t, err, append(c.says, "the proxy "+by.Host+" refused to connect to broker.test:")...)
					if text := fmt.Sprintf("%v %+v %s", err, failed, failed.Body); c.password != "" && strings.Contains(text, c.password) {
						t.Errorf("the password is in the error: %s", text)
					}
				})
			}
		}
	}
	t.Run("address_that_cannot_be_parsed", func(t *testing.T) {
		for _, target := range urls {
			err := rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{
				//lint:ignore SA1007 it is what is tested
				Proxy: func(*http.Request) (*url.URL, error) { return url.Parse("http://user:secret%@proxy.test") },
			}}))
			rig.ErrorSays(t, err, "the proxy's address cannot be parsed: is a special character")
			rig.ErrorHides(t, err, "secret")
		}
	})
	t.Run("nobody_listens", func(t *testing.T) {
		proxy := rig.NewProxy(t, nil)
		by := proxy.UserURL(t, "secret")
		proxy.Close()
		for scheme, target := range urls {
			err := rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(by)}}))
			var op *net.OpError
			if !errors.As(err, &op) || op.Op != "proxyconnect" || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", scheme, err)
			}
		}
	})
}

// A bare socket takes no proxy: it has no HTTP to ask one by.
func TestProxy_none_for_a_bare_socket(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithTCP())
	rig.Connect(t, b.TCPURL(), stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
		t.Error("a proxy was asked for")
		return nil, nil
	}}}))
}

// The user's own ways with a proxy are kept: what is sent with CONNECT, and what is thought of its answer.
func TestProxy_transport_hooks(t *testing.T) {
	mine := errors.New("mine")
	_, urls := rig.ProxiedBrokers(t, rig.NewAuthority(t))
	for scheme, target := range urls {
		t.Run(scheme, func(t *testing.T) {
			proxy := rig.NewProxy(t, nil)
			by, err := url.Parse(proxy.URL) // the header brings the password
			rig.OK(t, err)
			authorization := http.Header{"Proxy-Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("user:secret"))}}
			var status int
			for name, transport := range map[string]*http.Transport{
				"header": {ProxyConnectHeader: authorization},
				"function": {GetProxyConnectHeader: func(context.Context, *url.URL, string) (http.Header, error) {
					return authorization, nil
				}},
			} {
				transport.Proxy = http.ProxyURL(by)
				transport.OnProxyConnectResponse = func(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
					status = resp.StatusCode
					return mine
				}
				err := rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{Transport: transport}))
				if rig.ErrorIs(t, err, mine); status != http.StatusOK {
					t.Errorf("%s: status %d", name, status)
				}
			}
			err = rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{
				Proxy:                 http.ProxyURL(by),
				GetProxyConnectHeader: func(context.Context, *url.URL, string) (http.Header, error) { return nil, mine },
			}}))
			rig.ErrorIs(t, err, mine)
			err = rig.ConnectError(t, t.Context(), target, stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{
				Proxy: func(*http.Request) (*url.URL, error) { return nil, mine },
			}}))
			rig.ErrorIs(t, err, mine)
		})
	}
}

// proxyChild says that this process is the child of TestProxy_from_the_environment, and where it is to connect.
const proxyChild = "WEBSTOMP_TEST_PROXY_CHILD"

// Without a client of one's own, HTTP_PROXY and HTTPS_PROXY count. net/http reads them once in a process: so this
// runs itself in another.
func TestProxy_from_the_environment(t *testing.T) {
	if target := os.Getenv(proxyChild); target != "" {
		client := rig.Connect(t, target)
		rig.OK(t, client.Disconnect(t.Context()))
		return
	}
	proxy := rig.NewProxy(t, nil)
	_, urls := rig.ProxiedBrokers(t, rig.NewAuthority(t))
	self, err := os.Executable()
	rig.OK(t, err)
	for name, c := range map[string]struct {
		target string
		proxy  string
		says   string // "": it connects
	}{
		"ws":             {urls["ws"], proxy.UserURL(t, "secret").String(), ""},
		"wss":            {urls["wss"], proxy.UserURL(t, "secret").String(), "unknown authority"}, // the broker's: so the tunnel was there
		"wrong_password": {urls["ws"], proxy.UserURL(t, "hunter2").String(), "407 Proxy Authentication Required"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(proxy.Requests())
			cmd := exec.CommandContext(t.Context(), self, "-test.run=^TestProxy_from_the_environment$", "-test.count=1")
			cmd.Env = append(os.Environ(), proxyChild+"="+c.target, "HTTP_PROXY="+c.proxy, "HTTPS_PROXY="+c.proxy, "NO_PROXY=")
			out, err := cmd.CombinedOutput()
			if (err == nil) != (c.says == "") || !strings.Contains(string(out), c.says) || strings.Contains(string(out), "hunter2") {
				t.Errorf("it ended with %v and said\n%s\nwant %q in that", err, out, c.says)
			}
			if len(proxy.Requests()) == before {
				t.Error("the proxy was not asked")
			}
		})
	}
}
