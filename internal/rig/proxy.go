package rig

import (
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// Proxy is an HTTP proxy that makes tunnels (CONNECT) and nothing else, for user and secret. Any name leads to the
// loopback.
type Proxy struct {
	*httptest.Server
	relays sync.WaitGroup // joined by the test's cleanup

	mu     sync.Mutex // guards what follows
	asked  []string   // what for, in order
	refuse int        // with that status; 0: it does not
}

// NewProxy starts one, with TLS where it has a certificate. It ends with the test.
func NewProxy(t *testing.T, cert *tls.Certificate) *Proxy {
	t.Helper()
	p := &Proxy{}
	t.Cleanup(p.relays.Wait) // after the server's end
	p.Server = NewHTTPServer(t, http.HandlerFunc(p.serve), cert)
	return p
}

func (p *Proxy) serve(w http.ResponseWriter, r *http.Request) {
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
	p.relays.Add(1) // while the server still waits for this handler
	defer p.relays.Done()
	from, brw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		to.Close()
		return
	}
	io.WriteString(from, "HTTP/1.1 200 Connection established\r\n\r\n")
	splice(from, brw, to)
}

// UserURL returns the proxy's, with a user and that password.
func (p *Proxy) UserURL(t testing.TB, password string) *url.URL {
	t.Helper()
	u, err := url.Parse(p.URL)
	OK(t, err)
	u.User = url.UserPassword("user", password)
	return u
}

// Refuse makes it refuse every request, with that status, to whoever is known to it.
func (p *Proxy) Refuse(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = status
}

// Requests lists what it was asked for, in order.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}
