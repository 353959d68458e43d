package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// examine diagnoses and returns the report, a line a finding.
func examine(t *testing.T, p Patient) (report string, err error) {
	t.Helper()
	var b strings.Builder
	p.Report = func(f Finding) {
		b.WriteString(string(f.Result) + " " + f.Check + ": " + f.Text + "\n")
		if f.Advice != "" {
			b.WriteString("→ " + f.Advice + "\n")
		}
	}
	p.Trying = func(string) {}
	p.Check = func(string) error { return nil }
	p.TLS, p.Host = new(tls.Config), "/"
	p.Options = func(string, Secrets) []stomp.ConnectOption {
		transport := &http.Transport{}
		if p.Proxy != nil {
			transport.Proxy = func(r *http.Request) (*url.URL, error) { return p.Proxy(r.URL) }
		}
		return []stomp.ConnectOption{stomp.WithHTTPClient(&http.Client{Transport: transport})}
	}
	err = Diagnose(t.Context(), p)
	return b.String(), err
}

func says(t *testing.T, report string, err error, texts ...string) {
	t.Helper()
	var failed *stomp.ConnectError
	if !errors.As(err, &failed) {
		t.Errorf("the error is %v", err)
	}
	for _, text := range texts {
		if !strings.Contains(report, text) {
			t.Errorf("%q is not in\n%s", text, report)
		}
	}
}

func TestDiagnose_DNS(t *testing.T) {
	lookup := func(_ context.Context, host string) ([]string, error) {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	report, err := examine(t, Patient{URL: "ws://broker.test/ws", Lookup: lookup})
	says(t, report, err, "failed DNS: lookup broker.test: no such host\n→ is the name right?")
	proxy := func(*url.URL) (*url.URL, error) { return url.Parse("http://proxy.test:3128") }
	report, err = examine(t, Patient{URL: "ws://broker.test/ws", Lookup: lookup, Proxy: proxy})
	says(t, report, err, "note proxy: the way goes through proxy.test:3128", "failed DNS: lookup proxy.test: no such host\n→ correct the proxy's name")
	b := rig.NewBroker(t)
	report, err = examine(t, Patient{URL: strings.Replace(b.URL(), "127.0.0.1", "localhost", 1)})
	if err != nil || !strings.Contains(report, "ok DNS: localhost is ") {
		t.Errorf("%v:\n%s", err, report)
	}
}

// Where nothing listens, the usual ports of the same host are tried.
func TestDiagnose_port(t *testing.T) {
	b := rig.NewBroker(t)
	_, port, _ := net.SplitHostPort(strings.TrimSuffix(strings.TrimPrefix(b.URL(), "ws://"), "/ws"))
	web := rig.NewHTTPServer(t, http.NotFoundHandler(), nil)
	_, webPort, _ := net.SplitHostPort(web.Listener.Addr().String())
	const closed = "ws://127.0.0.1:1/ws"
	report, err := examine(t, Patient{URL: closed, Ports: []Port{{"2", "nothing", "ws://%s:2"}, {webPort, "the web", "ws://%s:" + webPort}, {port, "a broker", "ws://%s:" + port + "/ws"}}})
	says(t, report, err, "failed port: dial tcp 127.0.0.1:1: connect: connection refused\n→ use "+b.URL()+": STOMP is spoken there\n")
	report, err = examine(t, Patient{URL: closed, Login: "me", Ports: []Port{{port, "a broker", "ws://%s:" + port + "/ws"}}})
	says(t, report, err, "→ use "+b.URL()+": STOMP is spoken there\nnote again: not with "+b.URL()+": what is secret is for the URL that was given")
	report, err = examine(t, Patient{URL: closed, Ports: []Port{{webPort, "the web", "ws://%s:" + webPort}}})
	says(t, report, err, "→ these ports of the host are open: "+webPort+" (the web)\n")
	report, err = examine(t, Patient{URL: closed, Ports: []Port{{"2", "nothing", "ws://%s:2"}}})
	says(t, report, err, "→ nothing listens there, nor on the usual ports")
}

func TestDiagnose_proxy(t *testing.T) {
	b := rig.NewBroker(t)
	broker, err := url.Parse(b.URL())
	rig.OK(t, err)
	proxy := rig.NewProxy(t, nil)
	through := func(u *url.URL) func(*url.URL) (*url.URL, error) {
		return func(*url.URL) (*url.URL, error) { return u, nil }
	}
	named := "ws://broker.test:" + broker.Port() + "/ws" // only the proxy knows it

	report, err := examine(t, Patient{URL: named, Proxy: through(proxy.UserURL(t, "secret"))})
	if err != nil || !strings.Contains(report, "note proxy: the way goes through 127.0.0.1:") || !strings.Contains(report, "ok STOMP: ") || strings.Contains(report, "secret") {
		t.Errorf("%v:\n%s", err, report)
	}
	report, err = examine(t, Patient{URL: named, Proxy: through(proxy.UserURL(t, "wrong"))})
	says(t, report, err, "failed connect: the proxy 127.0.0.1:", "407 Proxy Authentication Required", "→ does the proxy let WebSockets through to this host?")
	report, err = examine(t, Patient{URL: b.URL(), Proxy: through(proxy.UserURL(t, "wrong"))})
	says(t, report, err, "→ without the proxy it works: put 127.0.0.1 into NO_PROXY")
	bare := "tcp://127.0.0.1:" + broker.Port() // which uses no proxy, and so tells it nothing
	report, err = examine(t, Patient{URL: bare, Login: "me", Proxy: through(proxy.UserURL(t, "secret"))})
	says(t, report, err, "→ use "+b.URL()+": STOMP is spoken there\nnote again: not with "+b.URL())
	report, err = examine(t, Patient{URL: named, Proxy: through(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})})
	says(t, report, err, "failed port: the proxy: dial tcp 127.0.0.1:1: connect: connection refused\n→ start the proxy")
	report, err = examine(t, Patient{URL: named, Proxy: func(*url.URL) (*url.URL, error) { return nil, errors.New("bad proxy") }})
	says(t, report, err, "failed proxy: bad proxy\n→ correct HTTP_PROXY and HTTPS_PROXY")
}

// A URL is tried without a login, and the account is not touched more than twice.
func TestDiagnose_spares_the_account(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithLogin("me", "secret"), stomptest.WithProfile(stomptest.RabbitMQ4))
	p := Patient{URL: b.URL(), Login: "me", Passcode: `wr\ong`}
	var report strings.Builder
	p.Report = func(f Finding) { report.WriteString(f.Advice) }
	p.Trying, p.Check, p.TLS, p.Host = func(string) {}, func(string) error { return nil }, new(tls.Config), "prod"
	p.Options = func(_ string, with Secrets) []stomp.ConnectOption {
		if with != AllSecrets {
			return nil
		}
		return []stomp.ConnectOption{stomp.WithLogin("me", "wrong"), stomp.WithHost("prod")}
	}
	if err := Diagnose(t.Context(), p); err == nil {
		t.Error("it works")
	}
	tries := 0
	for _, e := range b.Received() {
		if e.Frame.Command == "CONNECT" && e.Frame.Get("login") == "me" {
			tries++
		}
	}
	if tries != 2 {
		t.Errorf("%d logins: %s", tries, report.String())
	}
}
