package stomp_test

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// webProxy is an HTTP proxy that makes tunnels (CONNECT) and nothing else, for user and secret. Any name leads to the
// loopback.
type webProxy struct {
	*httptest.Server
	relays sync.WaitGroup // joined by the test's cleanup

	mu     sync.Mutex // guards what follows
	asked  []string   // what for, in order
	refuse int        // with that status; 0: it does not
}

// startProxy starts one, with TLS where it has a certificate. It ends with the test.
func startProxy(t *testing.T, cert *tls.Certificate) *webProxy {
	t.Helper()
	p := &webProxy{}
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(p.serve))
	if cert == nil {
		p.Start()
	} else {
		p.TLS = presenting(*cert)
		p.StartTLS()
	}
	t.Cleanup(func() { p.Close(); p.relays.Wait() })
	return p
}

func (p *webProxy) serve(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.Host)
	refuse := p.refuse
	p.mu.Unlock()
	switch {
	case r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte("user:secret")):
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
		return
	case refuse != 0:
		http.Error(w, "no", refuse)
		return
	case r.Method != http.MethodConnect:
		http.Error(w, "tunnels only", http.StatusMethodNotAllowed)
		return
	}
	_, port, _ := net.SplitHostPort(r.Host)
	to, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer to.Close()
	p.relays.Add(1) // while the server still waits for this handler
	defer p.relays.Done()
	from, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer from.Close()
	io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
	back := make(chan struct{})
	go func() { // joined below
		defer close(back)
		io.Copy(from, to)
		from.Close()
	}()
	io.Copy(to, brw)
	to.Close()
	<-back
}

// url is the proxy's, with a user and that password.
func (p *webProxy) url(t testing.TB, password string) *url.URL {
	t.Helper()
	u, err := url.Parse(p.URL)
	fine(t, err)
	u.User = url.UserPassword("user", password)
	return u
}

func (p *webProxy) requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

// proxied starts a broker with and without TLS, and says where it is: at names that only a proxy knows.
func proxied(t *testing.T, ca *authority) (b *stomptest.Broker, urls map[string]string) {
	t.Helper()
	plain := stomptest.NewBroker()
	t.Cleanup(plain.Close)
	_, secure := behindTLS(t, presenting(ca.issueFor(t, "broker.test")))
	return plain, map[string]string{
		"ws":  strings.Replace(plain.URL(), "127.0.0.1", "broker.test", 1),
		"wss": strings.Replace(secure["wss"], "127.0.0.1", "broker.test", 1),
	}
}
