package stomp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// site is a web server that redirects from /from to where it is told, and has a broker everywhere else.
type site struct {
	*httptest.Server

	mu     sync.Mutex // guards what follows
	to     string
	status int
	asked  []*http.Request // of the broker
}

// startSite starts one, with TLS where it has a certificate. It ends with the test.
func startSite(t *testing.T, b *stomptest.Broker, cert *tls.Certificate) *site {
	t.Helper()
	s := &site{}
	s.Server = rig.NewHTTPServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.URL.Path == "/from" {
			w.Header().Set("Location", s.to)
			w.WriteHeader(s.status)
			return
		}
		s.asked = append(s.asked, r.Clone(context.Background()))
		s.mu.Unlock()
		defer s.mu.Lock()
		b.Handler().ServeHTTP(w, r)
	}), cert)
	return s
}

// send makes /from answer with that status and place, and forgets who asked.
func (s *site) send(status int, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.to, s.asked = status, to, nil
}

func (s *site) requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// port is where a site is, by whatever name.
func (s *site) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

// anywhere is a transport for which any name is the loopback's.
func anywhere() *http.Transport {
	return &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		_, port, _ := net.SplitHostPort(addr)
		return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+port)
	}}
}

// roaming is a client for which any name is the loopback's, and which follows redirects as decide says.
func roaming(ca *rig.Authority, decide func(*http.Request, []*http.Request) error) stomp.ConnectOption {
	transport := anywhere()
	if ca != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: ca.Pool}
	}
	return stomp.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: decide})
}

func follow(*http.Request, []*http.Request) error { return nil }

var credentials = stomp.WithHTTPHeader(http.Header{
	"Authorization": {"Bearer secret"}, "Cookie": {"session=secret"}, "X-Tenant": {"a"},
})

// By default a redirect is a refusal that names where it leads, and nobody goes there.
func TestRedirect_default(t *testing.T) {
	b := rig.PipeBroker(t)
	one := startSite(t, b, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, to := range map[string]string{"same_host": "/ws?token=secret", "another_host": "http://user:secret@two.test:" + one.port() + "/ws?token=secret"} {
			t.Run(http.StatusText(status)+"_"+name, func(t *testing.T) {
				one.send(status, to)
				err := rig.ConnectError(t, t.Context(), "ws://one.test:"+one.port()+"/from", roaming(nil, nil), credentials)
				failed := rig.ErrorAs[stomp.ConnectError](t, err)
				if failed.StatusCode != status || !failed.Permanent() {
					t.Errorf("the error is %v: want a permanent *ConnectError of status %d", err, status)
				}
				host := map[string]string{"same_host": "one", "another_host": "two"}[name]
				rig.ErrorSays(t, err, http.StatusText(status)+" to http://"+host+".test:"+one.port()+"/ws: dial that address itself, or set CheckRedirect")
				rig.ErrorHides(t, err, "secret")
				if asked := one.requests(); len(asked) != 0 {
					t.Errorf("%d requests have followed", len(asked))
				}
			})
		}
	}
}

// A redirect that the user's own CheckRedirect follows takes the credentials to the same host, and to no other; nor
// does the Referer tell that one our URL. (Any other header of the user's, and the login of CONNECT, are for whoever
// is there.)
func TestRedirect_followed(t *testing.T) {
	b := rig.PipeBroker(t)
	one, two := startSite(t, b, nil), startSite(t, b, nil)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, c := range map[string]struct {
			to    string
			there *site
			with  bool // the credentials
		}{
			"same_host":               {"/ws", one, true},
			"same_host_as_a_full_URL": {"ws://one.test:" + one.port() + "/ws", one, true},
			"another_host":            {"http://two.test:" + two.port() + "/ws", two, false},
			"another_host_by_ws":      {"ws://two.test:" + two.port() + "/ws", two, false},
		} {
			t.Run(http.StatusText(status)+"_"+name, func(t *testing.T) {
				for kind, from := range map[string]string{"header": "one.test", "URL": "user:secret@one.test"} {
					one.send(status, c.to)
					two.send(0, "")
					opts := []stomp.ConnectOption{roaming(nil, follow)}
					if kind == "header" {
						opts = append(opts, credentials)
					}
					client := rig.Connect(t, "ws://"+from+":"+one.port()+"/from?token=secret", opts...)
					rig.OK(t, client.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
					rig.OK(t, client.Disconnect(t.Context()))
					asked := c.there.requests()
					if len(asked) != 1 {
						t.Fatalf("%d requests came there", len(asked))
					}
					header := asked[0].Header
					switch {
					case !c.with:
						var all strings.Builder
						rig.OK(t, asked[0].Write(&all))
						if text := all.String(); strings.Contains(text, "secret") || header.Get("Authorization") != "" {
							t.Errorf("%s: credentials went to another host:\n%s", kind, text)
						}
					case kind == "header" && (header.Get("Authorization") != "Bearer secret" || header.Get("Cookie") != "session=secret"):
						t.Errorf("credentials did not go to the same host: %v", header)
					case kind == "URL" && name == "same_host" && header.Get("Authorization") == "":
						t.Errorf("the URL's user did not go to the same host: %v", header)
					}
					if kind == "header" && header.Get("X-Tenant") != "a" {
						t.Errorf("another header was dropped: %v", header)
					}
					if header.Get("Referer") != "" {
						t.Errorf("Referer: %s", header.Get("Referer"))
					}
				}
			})
		}
	}
}

// From TLS to none nothing is followed: what is confidential would lie open.
func TestRedirect_from_TLS_to_none(t *testing.T) {
	ca := rig.NewAuthority(t)
	b := rig.PipeBroker(t)
	cert := ca.IssueFor(t, "one.test")
	one, two := startSite(t, b, &cert), startSite(t, b, nil)
	for _, scheme := range []string{"http", "ws"} {
		for _, host := range []string{"one.test", "two.test"} {
			one.send(307, scheme+"://"+host+":"+two.port()+"/ws?token=secret")
			err := rig.ConnectError(t, t.Context(), "wss://one.test:"+one.port()+"/from", roaming(ca, follow), credentials)
			failed := rig.ErrorAs[stomp.ConnectError](t, err)
			if !failed.Permanent() {
				t.Errorf("the error is %v: want a permanent *ConnectError", err)
			}
			rig.ErrorSays(t, err, "redirects from TLS to http://"+host+":"+two.port()+"/ws, which has none: not followed")
			rig.ErrorHides(t, err, "secret")
		}
	}
	if asked := two.requests(); len(asked) != 0 {
		t.Errorf("%d requests have followed", len(asked))
	}
	// The other way, and with TLS on both sides, it is the user's to decide.
	two.send(307, "https://one.test:"+one.port()+"/ws")
	rig.Connect(t, "ws://one.test:"+two.port()+"/from", roaming(ca, follow))
	one.send(307, "wss://one.test:"+one.port()+"/ws")
	rig.Connect(t, "wss://one.test:"+one.port()+"/from", roaming(ca, follow))
}

// The proxy is chosen for each request: one for the first host is not that of the next.
func TestRedirect_chooses_the_proxy_afresh(t *testing.T) {
	b := rig.PipeBroker(t)
	one, two := startSite(t, b, nil), startSite(t, b, nil)
	proxy := rig.NewProxy(t, nil)
	by := proxy.UserURL(t, "secret")
	transport := anywhere()
	transport.Proxy = func(r *http.Request) (*url.URL, error) {
		if r.URL.Hostname() == "one.test" {
			return by, nil
		}
		return nil, nil
	}
	one.send(302, "http://two.test:"+two.port()+"/ws")
	rig.Connect(t, "ws://one.test:"+one.port()+"/from", stomp.WithHTTPClient(&http.Client{Transport: transport, CheckRedirect: follow}))
	rig.Equal(t, "the proxy's requests", proxy.Requests(), []string{"CONNECT one.test:" + one.port()})
}

// What the user's CheckRedirect says no with is the error.
func TestRedirect_refused_by_the_user(t *testing.T) {
	one := startSite(t, rig.PipeBroker(t), nil)
	one.send(302, "/ws")
	mine := errors.New("mine")
	err := rig.ConnectError(t, t.Context(), "ws://one.test:"+one.port()+"/from", roaming(nil, func(*http.Request, []*http.Request) error { return mine }))
	rig.ErrorIs(t, err, mine)
	rig.ErrorText(t, err, "stomp: connect ws://one.test:"+one.port()+"/from: mine")
}
