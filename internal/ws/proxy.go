package ws

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// throughProxy makes t ask an HTTP proxy for a tunnel (CONNECT) also for a server without TLS, as RFC 6455 wants it
// (section 4.1). net/http would hand the proxy the upgrade to forward, which few proxies do. t is the attempt's own,
// with its DialContext set.
func (a *attempt) throughProxy(t *http.Transport) {
	choose, dial := t.Proxy, t.DialContext
	t.Proxy = func(req *http.Request) (*url.URL, error) {
		proxy, err := choose(req)
		if err != nil {
			return nil, withoutProxyURL(err)
		}
		tunnel := proxy != nil && req.URL.Scheme == "http" && (proxy.Scheme == "http" || proxy.Scheme == "https")
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.proxy = nil; !tunnel {
			return proxy, nil
		}
		a.proxy = proxy
		return nil, nil // to net/http the dial below looks like one straight to the server
	}
	t.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		a.mu.Lock()
		proxy := a.proxy
		a.mu.Unlock()
		if proxy == nil {
			return dial(ctx, network, addr)
		}
		return a.tunnel(ctx, t, dial, proxy, addr)
	}
	t.OnProxyConnectResponse = proxyAnswer(t.OnProxyConnectResponse)
}

// withoutProxyURL returns the error of choosing a proxy without an address that could not be parsed, which may hold a
// password.
func withoutProxyURL(err error) error {
	if strings.Contains(err.Error(), "@") {
		return errors.New("the proxy's address cannot be parsed: is a special character in its user or password not percent-encoded?")
	}
	return fmt.Errorf("choosing a proxy: %w", err)
}

// tunnel connects to addr through proxy. finish closes what dial has opened, which ends every wait here.
func (a *attempt) tunnel(ctx context.Context, t *http.Transport, dial dialFunc, proxy *url.URL, addr string) (_ net.Conn, err error) {
	secure := proxy.Scheme == "https"
	if secure && t.DialTLSContext != nil {
		dial, secure = t.DialTLSContext, false
	}
	nc, err := dial(ctx, "tcp", proxyAddress(proxy))
	if err != nil {
		return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} // as net/http puts it
	}
	defer func() {
		if err != nil {
			_ = nc.Close() // err is what counts
		}
	}()
	if secure {
		a.auth.begin()
		secured := tls.Client(nc, bareTLS(t.TLSClientConfig, proxy.Hostname()))
		if err := secured.HandshakeContext(a.ctx); err != nil {
			return nil, &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err}
		}
		nc = secured
	}
	req, err := proxyRequest(ctx, t, proxy, addr)
	if err != nil {
		return nil, err
	}
	if err := req.Write(nc); err != nil {
		return nil, fmt.Errorf("asking the proxy %s for a connection to %s: %w", proxy.Host, addr, err)
	}
	// The server sends nothing before it gets a request: the reader holds none of its bytes when it is dropped.
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(nc, maxProxyAnswer)), req)
	if err != nil {
		return nil, fmt.Errorf("waiting for the proxy %s to connect to %s: %w", proxy.Host, addr, err)
	}
	if err := t.OnProxyConnectResponse(ctx, proxy, req, resp); err != nil {
		return nil, err
	}
	return nc, nil
}

// maxProxyAnswer bounds a proxy's response, in bytes: net/http's bound for the header of any response.
const maxProxyAnswer = 10 << 20

func proxyAddress(proxy *url.URL) string {
	port := proxy.Port()
	switch {
	case port != "":
	case proxy.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(proxy.Hostname(), port)
}

// proxyRequest returns the CONNECT for addr, with t's header entries and the credentials of the proxy's URL.
func proxyRequest(ctx context.Context, t *http.Transport, proxy *url.URL, addr string) (*http.Request, error) {
	header := t.ProxyConnectHeader
	if t.GetProxyConnectHeader != nil {
		var err error
		if header, err = t.GetProxyConnectHeader(ctx, proxy, addr); err != nil {
			return nil, err
		}
	}
	if header = header.Clone(); header == nil {
		header = http.Header{}
	}
	if user := proxy.User; user != nil {
		password, _ := user.Password()
		header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user.Username()+":"+password)))
	}
	return &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: addr}, Host: addr, Header: header}, nil
}

type proxyAnswerFunc = func(ctx context.Context, proxy *url.URL, req *http.Request, resp *http.Response) error

// proxyAnswer returns a check of a proxy's response, which comes after the user's own: net/http would report the bare
// status.
func proxyAnswer(user proxyAnswerFunc) proxyAnswerFunc {
	return func(ctx context.Context, proxy *url.URL, req *http.Request, resp *http.Response) error {
		if user != nil {
			if err := user(ctx, proxy, req, resp); err != nil {
				return err
			}
		}
		switch resp.StatusCode {
		case http.StatusOK:
			return nil
		case http.StatusProxyAuthRequired:
			return &PermanentError{fmt.Errorf("the proxy %s refused to connect to %s: %s: it wants a user and a password, which belong into the proxy's URL, or refuses those that it has", proxy.Host, req.Host, resp.Status)}
		}
		return fmt.Errorf("the proxy %s refused to connect to %s: %s", proxy.Host, req.Host, resp.Status)
	}
}
