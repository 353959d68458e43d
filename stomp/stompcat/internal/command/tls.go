package command

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/pflag"
	"golang.org/x/net/http/httpproxy"
)

// tlsFiles is what the flags say of TLS. There is none that leaves the server's certificate unverified: CONNECT would
// give the passcode to whoever answers.
type tlsFiles struct {
	authorities, certificate, key, serverName string
}

func (t *tlsFiles) addFlags(f *pflag.FlagSet) {
	f.StringVar(&t.authorities, "cacert", "", "`FILE` of certificates (PEM) to trust instead of the system's; the server's own will do if it is self-signed")
	f.StringVar(&t.certificate, "cert", "", "`FILE` of the client's certificate (PEM)")
	f.StringVar(&t.key, "key", "", "`FILE` of its key (PEM); by default that of --cert")
	f.StringVar(&t.serverName, "server-name", "", "`NAME` to look for in the server's certificate instead of the URL's host")
}

func (t *tlsFiles) config(files files) (*tls.Config, error) {
	c := &tls.Config{ServerName: t.serverName}
	if t.authorities != "" {
		text, err := files.read(t.authorities)
		if err != nil {
			return nil, fmt.Errorf("--cacert: %w", err)
		}
		if c.RootCAs = x509.NewCertPool(); !c.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("--cacert: there is no certificate in %s: it takes PEM", t.authorities)
		}
	}
	switch {
	case t.certificate != "":
		certificate, err := files.read(t.certificate)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		key, err := files.read(cmp.Or(t.key, t.certificate))
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, fmt.Errorf("--cert: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	case t.key != "":
		return nil, errors.New("--key needs --cert")
	}
	return c, nil
}

// httpClient returns a client with the TLS of the flags and the proxy of the environment.
func (c *connection) httpClient() (*http.Client, error) {
	config, err := c.tls.config(c.files)
	if err != nil {
		return nil, err
	}
	proxy := c.proxy()
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: config,
		Proxy:           func(r *http.Request) (*url.URL, error) { return proxy(r.URL) },
	}}, nil
}

// proxy returns what http.ProxyFromEnvironment would be in c's own environment.
func (c *connection) proxy() func(*url.URL) (*url.URL, error) {
	get := func(upper, lower string) string { return cmp.Or(c.env.Getenv(upper), c.env.Getenv(lower)) }
	return (&httpproxy.Config{
		HTTPProxy: get("HTTP_PROXY", "http_proxy"), HTTPSProxy: get("HTTPS_PROXY", "https_proxy"), NoProxy: get("NO_PROXY", "no_proxy"),
	}).ProxyFunc()
}
