package ws

import (
	"fmt"
	"net/http"
	"net/url"
)

// redirecting returns what decides about a redirect: follow, where there is one, but never from TLS to a plain socket.
// On the way to another host net/http leaves out Authorization and Cookie; its Referer, which would tell that host our
// URL and any token in it, is left out everywhere.
func redirecting(follow func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	if follow == nil {
		return func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return func(req *http.Request, via []*http.Request) error {
		if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return &PermanentError{fmt.Errorf("the server redirects from TLS to %s, which has none: not followed", shown(req.URL))}
		}
		req.Header.Del("Referer")
		return follow(req, via)
	}
}

// shown is u without what may be secret in it.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
