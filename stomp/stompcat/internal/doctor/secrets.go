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
	HTTPSecrets         // those of the HTTP request: token, cookie, and the URL's user, password and query
	NoSecrets
)

// trusts reports whether what is secret may go to a URL.
func (e *examination) trusts(rawURL string) bool {
	u, err := url.Parse(rawURL)
	return err == nil && addressOf(u) == addressOf(e.given) && (isSecure(u) || !isSecure(e.given))
}

// hasHTTPSecrets reports whether the HTTP request of the URL that was given has any.
func (e *examination) hasHTTPSecrets() bool {
	return e.Token || e.given.User != nil || e.given.RawQuery != ""
}

// withoutSecrets returns the URL without what may be secret in it.
func withoutSecrets(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	u.User, u.RawQuery, u.ForceQuery = nil, "", false
	return u.String()
}

// probe tries a URL without a secret, so that no account is locked over it. Where the HTTP request is refused that way,
// it is made with its secrets if they are for that URL, until they are refused.
func (e *examination) probe(ctx context.Context, rawURL string) error {
	err := e.visit(ctx, rawURL, NoSecrets)
	if !wantsCredentials(err) || e.tokenRefused || !e.hasHTTPSecrets() || !e.trusts(rawURL) {
		return err
	}
	err = e.visit(ctx, rawURL, HTTPSecrets)
	e.tokenRefused = wantsCredentials(err)
	return err
}

// wantsCredentials reports whether the HTTP request was refused for its credentials.
func wantsCredentials(err error) bool {
	var failed *stomp.ConnectError
	return errors.As(err, &failed) && (failed.StatusCode == http.StatusUnauthorized || failed.StatusCode == http.StatusForbidden)
}
