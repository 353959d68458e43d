package ws

import (
	"fmt"
	"net/http"
	"net/url"
)

// checkRedirect returns the CheckRedirect to use: follow, the user's, but never from TLS to a plain socket; nil
// follows no redirect. On the way to a host that is neither the same nor a subdomain net/http leaves out
// Authorization and Cookie. Its Referer, which would tell that host our URL and any token in it, is always left out.
func checkRedirect(follow func(*http.Request, []*http.Request) error) func(*http.Request, []*http.Request) error {
	if follow == nil {
		return func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return func(req *http.Request, via []*http.Request) error {
		if via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return &PermanentError{fmt.Errorf("the server redirects from TLS to %s, which has none: not followed", redacted(req.URL))}
		}
		req.Header.Del("Referer")
		return follow(req, via)
	}
}

// redacted returns u without what may be secret in it: user, query and fragment.
func redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
