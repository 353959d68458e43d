package ws

import (
	"crypto/tls"
	"net/http"
	"slices"
)

// dialBare opens a socket without a WebSocket on it, with or without TLS.
func (a *attempt) dialBare(t Target, client *http.Client) (*Conn, error) {
	rt := client.Transport
	if rt == nil {
		rt = http.DefaultTransport
	}
	transport, ok := rt.(*http.Transport)
	if !ok {
		transport = &http.Transport{} // any other kind cannot be asked how it dials
	}
	addr := t.address()
	secure := secureDial(transport)
	if t.secure() && secure != nil {
		nc, err := a.trackDial(secure)(a.ctx, "tcp", addr)
		if err != nil {
			return nil, a.explain(t, nil, err)
		}
		return Stream(nc), nil
	}
	nc, err := a.trackDial(plainDial(transport))(a.ctx, "tcp", addr)
	if err != nil {
		return nil, a.explain(t, nil, err)
	}
	if !t.secure() {
		return Stream(nc), nil
	}
	a.setStage(inHandshake)
	cfg := bareTLS(transport.TLSClientConfig, t.u.Hostname())
	a.auth.watch(cfg)
	secured := tls.Client(nc, cfg)
	if err := secured.HandshakeContext(a.ctx); err != nil {
		return nil, a.explain(t, nil, err) // finish closes nc
	}
	c := Stream(secured)
	c.auth = a.auth
	return c, nil
}

// bareTLS returns a copy of an HTTP transport's TLS configuration, without HTTP's protocols and with host to verify.
func bareTLS(cfg *tls.Config, host string) *tls.Config {
	if cfg == nil {
		cfg = &tls.Config{}
	}
	cfg = cfg.Clone()
	cfg.NextProtos = slices.DeleteFunc(slices.Clone(cfg.NextProtos), func(p string) bool {
		return p == "h2" || p == "http/1.1"
	})
	if cfg.ServerName == "" {
		cfg.ServerName = host
	}
	return cfg
}
