package ws

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// HandshakeError is why a Dial failed. Its text has neither the URL, which the caller knows, nor a password.
type HandshakeError struct {
	StatusCode int           // of a refused upgrade; 0: there was no HTTP response
	Body       []byte        // the start of the response's, at most 1 KiB
	RetryAfter time.Duration // what the response asks for with 429 or 503; 0: nothing
	Err        error         // the cause: a *net.OpError, a TLS error, ctx's own; or what was wrong with the response
}

func (e *HandshakeError) Error() string {
	if excerpt := printable(e.Body, 200); excerpt != "" {
		return fmt.Sprintf("%v: %q", e.Err, excerpt)
	}
	return e.Err.Error()
}

func (e *HandshakeError) Unwrap() error { return e.Err }

// PermanentError is a failure that a retry with the same options is bound to meet again.
type PermanentError struct{ Err error }

func (e *PermanentError) Error() string { return e.Err.Error() }
func (e *PermanentError) Unwrap() error { return e.Err }

// explain returns what the attempt's err means, with a hint what to look at. resp is nil where none came.
func (a *attempt) explain(t Target, resp *http.Response, err error) *HandshakeError {
	if resp != nil {
		return a.refused(t, resp, err)
	}
	if ctxErr := a.ctx.Err(); ctxErr != nil {
		return &HandshakeError{Err: a.interrupted(t, ctxErr)}
	}
	// The library's steps and net/http's *url.Error add a URL and no knowledge.
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	if alert := a.lastAlert(); alert != nil {
		err = alert
	}
	if hint := a.hint(t, err); hint != "" {
		err = fmt.Errorf("%w (%s)", err, hint)
	}
	return &HandshakeError{Err: explainAlert(err, a.auth)}
}

// interrupted adds to err, ctx's own, what it has interrupted.
func (a *attempt) interrupted(t Target, err error) error {
	a.mu.Lock()
	stage := a.stage
	a.mu.Unlock()
	if cause := context.Cause(a.ctx); cause != nil && cause != err {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	switch {
	case stage != awaitingUpgrade:
	case t.u.Port() == stompPort: // where the request may wait for its NUL
		err = fmt.Errorf("%w (%s is the usual port for STOMP over TCP: is it %s://?)", err, stompPort, t.bareScheme())
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%w (behind a proxy that drops the Upgrade header Artemis is silent)", err)
	}
	if stage == "" {
		return err
	}
	return fmt.Errorf("%s: %w", stage, err)
}

// hint suggests what to look at, for the usual mistakes; "": nothing to suggest.
func (a *attempt) hint(t Target, err error) string {
	var record tls.RecordHeaderError
	var unverified *tls.CertificateVerificationError
	text := err.Error()
	switch {
	case errors.As(err, &unverified):
		return certificateHint(unverified)
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server does not speak TLS on this port: is it " + withoutTLS(t.u.Scheme) + "://?"
	case strings.Contains(text, "server selected unsupported protocol version"): // crypto/tls has no type for it either
		return versionHint
	case strings.Contains(text, `malformed HTTP response "\x15`): // net/http has no type for it; 0x15 is an alert of TLS
		return "the server speaks TLS on this port: is it wss://?"
	case strings.Contains(text, "malformed HTTP"):
		return "no web server answers on this port: is it the broker's port for STOMP without WebSocket? Then it is " + t.bareScheme() + "://"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return a.hungUpHint(t)
	}
	return ""
}

// hungUpHint suggests what to look at where the server has ended the connection without a word.
func (a *attempt) hungUpHint(t Target) string {
	a.mu.Lock()
	stage := a.stage
	a.mu.Unlock()
	switch {
	case stage == inHandshake && t.Bare():
		return "the server closed the connection in the TLS handshake: does it speak TLS on this port? Without it is tcp://"
	case stage == inHandshake:
		return "the server closed the connection in the TLS handshake: does it speak TLS on this port? Without it is " + withoutTLS(t.u.Scheme) + "://, for STOMP without WebSocket tls:// or tcp://"
	case t.Bare():
		return ""
	case t.secure():
		return "the server closed the connection instead of answering: does it speak WebSocket on this port? For STOMP without it write tls://"
	}
	return "the server closed the connection instead of answering: does it speak WebSocket on this port, and without TLS? With TLS write wss://, for STOMP without WebSocket tcp://"
}

// bareScheme returns the scheme for STOMP without WebSocket, with TLS where t has it.
func (t Target) bareScheme() string {
	if t.secure() {
		return "tls"
	}
	return "tcp"
}

func withoutTLS(scheme string) string {
	switch scheme {
	case "wss":
		return "ws"
	case "https":
		return "http"
	}
	return "tcp"
}

// retryAfter reads the header of that name, which has seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(resp *http.Response) time.Duration {
	if resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable {
		return 0
	}
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}

// refused explains a response that is not the upgrade asked for (W7).
func (a *attempt) refused(t Target, resp *http.Response, err error) *HandshakeError {
	e := &HandshakeError{StatusCode: resp.StatusCode, RetryAfter: retryAfter(resp)}
	if resp.Body != nil {
		e.Body, _ = io.ReadAll(io.LimitReader(resp.Body, 1024)) // the library's copy, in memory
	}
	status := strings.TrimSpace(fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode)))
	switch code := resp.StatusCode; {
	case code == http.StatusSwitchingProtocols:
		e.Err = fmt.Errorf("the server's upgrade to WebSocket is faulty: %w", innermost(err))
	case code >= 200 && code < 300:
		if strings.HasPrefix(string(e.Body), "Welcome to SockJS!") {
			e.Err = fmt.Errorf("this is an endpoint of SockJS: append /websocket to the path (%s)", status)
			break
		}
		kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
		if kind == "" {
			kind = "no content type"
		}
		e.Err = fmt.Errorf("this is no WebSocket: the server answered %s with %s: is the path right? Does a proxy in between drop the Upgrade header?", status, kind)
	case code >= 300 && code < 400:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s%s: dial that address itself, or set CheckRedirect", status, location(resp))
	case code == http.StatusUnauthorized:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: it wants credentials with the HTTP request", status)
	case code == http.StatusNotFound:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: is the path right?", status)
	case code == http.StatusBadRequest && len(e.Body) == 0:
		// RabbitMQ 3.10 and 4.0 behind an nginx with its defaults, and Spring 6.2 at the root of a SockJS endpoint.
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: does a proxy in between drop the Upgrade header?", status)
		if !strings.HasSuffix(t.u.Path, "/websocket") {
			e.Err = fmt.Errorf("%w If it is a SockJS endpoint, append /websocket to the path", e.Err)
		}
	case code == http.StatusBadRequest && sawNoTLS(e.Body):
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: it speaks TLS on this port: is it wss://?", status)
	case code == http.StatusBadRequest && sawCertificate(e.Body):
		says := cmp.Or(a.auth.explain(), "this is about the client's certificate")
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: %s", status, says)
	case code == http.StatusBadGateway:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: it is a proxy, and the server behind it does not answer", status)
	case code == http.StatusGatewayTimeout:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: it is a proxy, and the server behind it does not answer: does it get the Upgrade header? Artemis is silent without", status)
	case code == http.StatusUpgradeRequired, code == http.StatusNotImplemented, code == http.StatusBadRequest && sawNoUpgrade(e.Body):
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s: does a proxy in between drop the Upgrade header?", status)
	default:
		e.Err = fmt.Errorf("the server refused the WebSocket upgrade: %s", status)
	}
	return e
}

// sawNoUpgrade reports whether a body is that of a server which misses the headers of an upgrade. Each says it in
// words of its own: Spring 'Can "Upgrade" only to "WebSocket".', SockJS servers '"Connection" must be "Upgrade".',
// gorilla's "'upgrade' token not found in 'Connection' header".
func sawNoUpgrade(body []byte) bool {
	text := strings.ToLower(string(body))
	return strings.Contains(text, "upgrade") || strings.Contains(text, `"connection" must be "`)
}

// sawNoTLS reports whether a body is that of a server which wants TLS where the request had none. So say nginx, Go,
// Apache and Tomcat.
func sawNoTLS(body []byte) bool {
	return slices.ContainsFunc([]string{
		"The plain HTTP request was sent to HTTPS port", "Client sent an HTTP request to an HTTPS server",
		"speaking plain HTTP to an SSL-enabled server port", "This combination of host and port requires TLS",
	}, func(words string) bool { return strings.Contains(string(body), words) })
}

// sawCertificate reports whether a body is nginx's for a client's certificate that is missing, or that it refuses.
func sawCertificate(body []byte) bool {
	text := string(body)
	return strings.Contains(text, "No required SSL certificate was sent") || strings.Contains(text, "The SSL certificate error")
}

// location returns " to " and where a redirect leads, without what may be secret in it; "" where it does not say.
func location(resp *http.Response) string {
	u, err := resp.Location()
	if err != nil {
		return ""
	}
	return " to " + redacted(u)
}

// printable returns the start of p as one line of at most n bytes; "" where p is not text.
func printable(p []byte, n int) string {
	var line strings.Builder
	for _, word := range strings.Fields(string(p)) {
		if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }) {
			return ""
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
	return truncate(line.String(), n)
}
