package ws

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// stompPort is where brokers listen for STOMP on a bare socket.
const stompPort = "61613"

// Target is where to dial: a URL that ParseURL has accepted. The zero value is none.
type Target struct {
	u *url.URL
}

// ParseURL reads a URL: ws and http, wss and https (the same with TLS) for a WebSocket; tcp and stomp, tls and
// stomp+ssl (with TLS) for STOMP on a bare socket, where the port is 61613 if none is given. User and password are
// taken for a WebSocket only, where they become basic authentication. No error repeats a password.
func ParseURL(raw string) (Target, error) {
	if raw != strings.TrimSpace(raw) {
		return Target{}, errors.New("white space stands before or behind it")
	}
	if !hasScheme(raw) {
		return Target{}, errors.New("it has no scheme: write ws://, wss://, tcp:// or tls:// before the host, as in ws://localhost:15674/ws")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, fmt.Errorf("%w", withoutURL(raw, err))
	}
	t := Target{u: u}
	if !isScheme(u.Scheme) {
		return Target{}, fmt.Errorf("unknown scheme %q: known are ws, wss, http, https, tcp, stomp, tls and stomp+ssl, as in ws://localhost:15674/ws", u.Scheme)
	}
	if u.Hostname() == "" {
		return Target{}, fmt.Errorf("it names no host: write it as in %s://localhost", u.Scheme)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return Target{}, fmt.Errorf("port %s is not between 1 and 65535", port)
		}
	}
	if strings.Contains(raw, "#") {
		return Target{}, errors.New("it has a fragment, which RFC 6455 forbids: write %23 for a # that belongs to the path")
	}
	if t.Bare() {
		if u.User != nil {
			return Target{}, fmt.Errorf("%s takes no user and password: they belong into the login of STOMP (WithLogin)", u.Scheme)
		}
		if strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return Target{}, fmt.Errorf("%s takes no path and no query: there is nothing but a socket", u.Scheme)
		}
	}
	if err := unreachable(t); err != nil {
		return Target{}, err
	}
	return t, nil
}

// hasScheme reports whether raw begins with one. url.Parse takes the host of localhost:61613 for a scheme, and does
// not parse 127.0.0.1:61613 at all.
func hasScheme(raw string) bool {
	if strings.Contains(raw, "://") {
		return !strings.HasPrefix(raw, "://")
	}
	scheme, _, found := strings.Cut(raw, ":")
	return found && isScheme(strings.ToLower(scheme))
}

// isScheme reports whether ParseURL takes this scheme.
func isScheme(scheme string) bool {
	switch scheme {
	case "ws", "wss", "http", "https", "tcp", "stomp", "tls", "stomp+ssl":
		return true
	}
	return false
}

// withoutURL returns what url.Parse found wrong. Its error quotes all of raw, and the reason inside it still quotes
// parts of raw: the reason is kept only where no password can be among them.
func withoutURL(raw string, err error) error {
	var e *url.Error
	if strings.Contains(raw, "@") || !errors.As(err, &e) {
		return errors.New("it cannot be parsed: is a special character in the user, the password or the host not percent-encoded?")
	}
	return fmt.Errorf("it cannot be parsed: %w", e.Err)
}

// String returns the URL without its password and its query, which may hold a token.
func (t Target) String() string {
	if t.u == nil {
		return ""
	}
	u := *t.u
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	u.RawQuery, u.ForceQuery = "", false
	return u.String()
}

// Bare reports whether this is STOMP on a bare socket, not on a WebSocket.
func (t Target) Bare() bool {
	if t.u == nil {
		return false
	}
	switch t.u.Scheme {
	case "tcp", "stomp", "tls", "stomp+ssl":
		return true
	}
	return false
}

// secure reports whether the connection uses TLS.
func (t Target) secure() bool {
	switch t.u.Scheme {
	case "wss", "https", "tls", "stomp+ssl":
		return true
	}
	return false
}

// address returns host and port of a bare socket.
func (t Target) address() string {
	port := t.u.Port()
	if port == "" {
		port = stompPort
	}
	return net.JoinHostPort(t.u.Hostname(), port)
}
