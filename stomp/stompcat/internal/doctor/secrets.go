package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/webstomp/webstomp/stomp"
)

// What is secret is for host and port of the URL alone, and where that has TLS, not for a connection without. Other URLs
// are tried without it: whoever answers there, or keeps TLS from coming about, would get it.

// Secrets is what of it a connection sends.
type Secrets int

const (
	AllSecrets  Secrets = iota
	HTTPSecrets         // those of the HTTP request: the URL's user and password, and its header, but for the origin
	NoSecrets           // a query is part of the URL, and stays where that is trusted
)

// trusts reports whether what is secret may go to a URL: to the same server, on the same way, with no less TLS.
func (e *examination) trusts(rawURL string) bool {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || addressOf(u) != addressOf(e.given):
		return false
	case isSecure(u):
		return true
	}
	return !isSecure(e.given) && e.way(u) == e.way(e.given)
}

// way returns the proxy that a URL is reached through, "" if there is none.
func (e *examination) way(u *url.URL) string {
	proxy, err := e.proxyFor(u)
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.String()
}

// hasSecrets reports whether a connection to the URL that was given tells any.
func (e *examination) hasSecrets() bool { return e.hasSecretsFor(e.given) }

func (e *examination) hasSecretsFor(u *url.URL) bool {
	return e.Login != "" || e.Passcode != "" || e.Entries || e.Token || u.User != nil || u.RawQuery != ""
}

// withoutSecrets returns the URL without what may be secret in it.
func withoutSecrets(u url.URL) url.URL {
	u.User, u.RawQuery, u.ForceQuery = nil, "", false
	return u
}

// withoutUser returns the URL without user and password.
func withoutUser(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.User == nil {
		return rawURL
	}
	u.User = nil
	return u.String()
}

// probe tries a URL without a secret, so that no account is locked over it. Where the HTTP request is refused that way,
// and there may be something, it is made with its secrets if they are for that URL, until they are refused.
func (e *examination) probe(ctx context.Context, rawURL string) error {
	err := e.visit(ctx, rawURL, NoSecrets)
	status := statusOf(err)
	switch {
	case status == 0 || status == http.StatusNotFound || !e.Token && e.given.User == nil:
	case !e.trusts(rawURL):
		if wantsCredentials(err) && e.guarded == "" {
			e.guarded = rawURL
		}
	case !e.tokenRefused:
		err = e.visit(ctx, rawURL, HTTPSecrets)
		e.tokenRefused = statusOf(err) == http.StatusUnauthorized
	}
	return err
}

// wantsCredentials reports whether the HTTP request was refused for its credentials.
func wantsCredentials(err error) bool {
	status := statusOf(err)
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// statusOf returns with which status the HTTP request was refused; 0: it was not.
func statusOf(err error) int {
	var failed *stomp.ConnectError
	if errors.As(err, &failed) {
		return failed.StatusCode
	}
	return 0
}
