package ws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
)

// This file dials in a browser, which makes the connection and the upgrade itself.

func dial(ctx context.Context, t Target, o DialOptions) (*Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &HandshakeError{Err: err}
	}
	if err := unreachable(t); err != nil {
		return nil, &HandshakeError{Err: &PermanentError{err}}
	}
	u := *t.u
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1) // older browsers know no other
	s, err := newBrowserSocket(u.String(), o.Subprotocols)
	if err != nil {
		return nil, &HandshakeError{Err: &PermanentError{explainThrown(err, t)}}
	}
	c := &Conn{b: s.buffers, ws: s, client: true, readLimit: o.ReadLimit, failing: make(chan struct{})}
	if err := s.await(ctx); err != nil {
		said := s.said
		_ = c.CloseNow() // always nil
		if ctx.Err() != nil {
			return nil, &HandshakeError{Err: fmt.Errorf("%w while the browser was connecting", ctx.Err())}
		}
		return nil, &HandshakeError{Err: explainNothing(t, o, said)}
	}
	return c, nil
}

// explainThrown returns what it means that the browser refuses even to try.
func explainThrown(err error, t Target) error {
	if errors.Is(err, errNoWebSocket) {
		return err
	}
	text := hideQuery(err.Error(), t)
	if isMixed(t) {
		return fmt.Errorf("%s (%s)", text, mixedHint)
	}
	return fmt.Errorf("the browser does not take the URL or the subprotocols: %s", text)
}

// hideQuery returns what JavaScript says of t without t's query, which may hold a token. Browsers quote the URL, some a
// part of it: all that stands between its beginning and the last quotation mark is replaced.
func hideQuery(said string, t Target) string {
	from := max(strings.Index(said, "ws://"), strings.Index(said, "wss://"))
	if from < 0 {
		return said
	}
	end := ""
	if to := strings.LastIndexAny(said, `'"`); to > from {
		end = said[to:]
	}
	return said[:from] + t.String() + end
}

const mixedHint = "from a page of https: a browser opens wss: only, and ws: at most to the same machine"

// isMixed reports whether the page has TLS and t has not.
func isMixed(t Target) bool { return pageLocation("protocol") == "https:" && !t.secure() }

// pageLocation returns a part of the address of the page, or of the worker's script; "" where there is none.
func pageLocation(part string) string {
	location := js.Global().Get("location")
	if location.Type() != js.TypeObject {
		return ""
	}
	if value := location.Get(part); value.Type() == js.TypeString {
		return value.String()
	}
	return ""
}

// explainNothing returns an error for a connection that was not made. A page is not told why, so that it cannot look
// around in a network: all that can be done is to name what it may be. said is what other JavaScript says; "": nothing.
func explainNothing(t Target, o DialOptions, said string) error {
	hints := []string{"does a server listen there, and speak WebSocket on that path?"}
	if isMixed(t) {
		hints = append(hints, mixedHint+".")
	}
	if origin := pageLocation("origin"); origin != "" {
		hints = append(hints, fmt.Sprintf("does it accept pages from %s (Spring: setAllowedOrigins)?", origin))
	}
	if t.secure() {
		hints = append(hints, "does the browser trust its certificate?")
	}
	if len(o.Subprotocols) > 0 {
		hints = append(hints, fmt.Sprintf("does it choose one of the subprotocols %s (if it knows none, offer none: WithSubprotocols())?", strings.Join(o.Subprotocols, ", ")))
	}
	what := "the browser did not connect, and tells a page no reason: its console does"
	if said != "" {
		what = "the browser did not connect: " + strings.TrimSuffix(said, ".")
	}
	return fmt.Errorf("%s (%s)", what, strings.Join(hints, " "))
}
