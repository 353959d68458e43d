package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/webstomp/webstomp/stomp"
)

// usualPaths are where servers take the upgrade: RabbitMQ at /ws, Spring wherever its application says, and SockJS
// at /websocket below that.
var usualPaths = []string{"/ws", "/stomp", "/ws/websocket", "/stomp/websocket", "/websocket", "/", "/gs-guide-websocket", "/ws-stomp", "/ws-stomp/websocket", "/api/ws", "/socket", "/chat"}

// alternative tries other URLs of the same host and port, or the port that a scheme implies, and returns the advice to use the one that works.
func (e *examination) alternative(ctx context.Context, err error) string {
	if e.moved {
		return ""
	}
	proxy, proxyErr := e.proxy()
	if proxyErr == nil && proxy != nil && e.worksWithoutProxy(ctx) {
		return "without the proxy it works: put " + e.u.Hostname() + " into NO_PROXY"
	}
	tried := e.candidates(err)
	for _, candidate := range tried {
		if ctx.Err() != nil {
			return ""
		}
		if reachesSTOMP(e.probe(ctx, candidate)) {
			e.found = candidate
			return "use " + shownText(candidate) + ": STOMP is spoken there"
		}
	}
	if e.guarded != "" {
		return shownText(e.guarded) + " answers and wants credentials, which are for the URL that was given: run doctor with this one if you trust it"
	}
	if proxyErr == nil && proxy != nil {
		return "does the proxy let WebSockets through to this host?"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "it takes connections and answers nothing, with TLS or without: is this the port, and is the server itself alive?"
	}
	if paths := pathsOf(tried); len(paths) > 0 {
		return "none of these paths speaks STOMP either: " + strings.Join(paths, " ") + "; whoever runs the server knows the right one"
	}
	return "no other scheme works on this port either: does a STOMP server listen there?"
}

// worksWithoutProxy reports whether STOMP is spoken at the URL when it is dialled straight.
func (e *examination) worksWithoutProxy(ctx context.Context) bool {
	straight := &http.Client{Transport: &http.Transport{TLSClientConfig: e.TLS.Clone()}}
	return reachesSTOMP(e.visit(ctx, e.URL, HTTPSecrets, stomp.WithHTTPClient(straight)))
}

// candidates returns the URLs that may have been meant, the likeliest first.
func (e *examination) candidates(err error) (urls []string) {
	add := func(scheme, path string) {
		u := *e.u
		u.Scheme, u.Path = scheme, path
		if scheme == "tcp" || scheme == "tls" {
			u = url.URL{Scheme: scheme, Host: e.u.Host}
		}
		if !e.trusts(u.String()) {
			u = withoutSecrets(u)
		}
		text := u.String()
		if text != e.URL && !slices.Contains(urls, text) {
			urls = append(urls, text)
		}
	}
	// Of a server that answers nothing each path would take its time.
	silent := errors.Is(err, context.DeadlineExceeded)
	ws, twin, bare, bareTwin := "ws", "wss", "tcp", "tls"
	if e.isSecure() {
		ws, twin, bare, bareTwin = twin, ws, bareTwin, bare
	}
	var failed *stomp.ConnectError
	speaksHTTP := errors.As(err, &failed) && failed.StatusCode != 0
	switch {
	case e.isBare():
		add(bareTwin, "")
		for _, scheme := range []string{ws, twin} {
			for _, path := range shorten(usualPaths, silent) {
				add(scheme, path)
			}
		}
	case speaksHTTP:
		add(ws, strings.TrimSuffix(e.u.Path, "/")+"/websocket")
		for _, path := range usualPaths {
			add(ws, path)
		}
		add(twin, e.u.Path)
		for _, path := range usualPaths {
			add(twin, path)
		}
	default:
		add(bare, "")
		add(twin, e.u.Path)
		add(bareTwin, "")
		for _, path := range shorten(usualPaths, silent) {
			add(twin, path)
		}
	}
	return urls
}

// shorten returns the first of paths if the server is silent, else all.
func shorten(paths []string, silent bool) []string {
	if silent {
		return paths[:1]
	}
	return paths
}

// pathsOf returns the different paths of URLs.
func pathsOf(urls []string) (paths []string) {
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil && u.Path != "" && !slices.Contains(paths, u.Path) {
			paths = append(paths, u.Path)
		}
	}
	return paths
}

// shown returns a URL as reports have it: without its password, and without its query, which may be a token.
func shown(u *url.URL) string {
	without := *u
	without.RawQuery, without.ForceQuery = "", false
	return without.Redacted()
}

// shownText is shown for one that was made here of one that could be parsed.
func shownText(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "a URL that cannot be parsed"
	}
	return shown(u)
}
