// Package doctor finds out why a connection does not come about, and what to write instead: it follows the way of a
// connection step by step, and where one fails it tries the usual mistakes.
package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// Patient is a connection to examine.
type Patient struct {
	URL     string
	Check   func(url string) error // what is wrong with it before anything is dialled
	Options func(url string, with Secrets) []stomp.ConnectOption
	Proxy   func(*url.URL) (*url.URL, error) // the one to use for a URL; nil: none
	TLS     *tls.Config                      // never nil
	Timeout time.Duration                    // of the first connection; 0: 15 s
	Token   bool                             // Options has a secret for the HTTP request
	Entries bool                             // Options has entries for CONNECT, which may be secret

	Login, Passcode, Host string
	Versions              []string

	Lookup func(ctx context.Context, host string) ([]string, error) // nil: the system's
	Ports  []Port                                                   // to try where nothing listens; nil: the usual ones
	Report func(Finding)                                            // gets each finding when it is made
	Trying func(what string)                                        // is told what may take its time
}

// Result is the outcome of one check.
type Result string

// The results of a check.
const (
	OK     Result = "ok"
	Note   Result = "note" // it works, and there is something to know
	Failed Result = "failed"
)

// Finding is one check, and what to change where it has failed.
type Finding struct {
	Check  string `json:"check"`
	Result Result `json:"result"`
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// probeTime bounds each attempt but the first: the server may be silent. So does Timeout, if that is less.
const probeTime = 3 * time.Second

func (e *examination) probeTime() time.Duration { return min(probeTime, e.Timeout) }

// InvalidError says that the URL or an option makes no sense, which shows before anything is dialled.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }

// Diagnose examines p and reports its findings. It returns nil when a session came about by the URL and the options
// as they are, else why not: an *InvalidError or a *stomp.ConnectError.
func Diagnose(ctx context.Context, p Patient) error {
	e := &examination{Patient: p}
	if e.Lookup == nil {
		e.Lookup = net.DefaultResolver.LookupHost
	}
	if e.Ports == nil {
		e.Ports = usualPorts
	}
	if e.Timeout == 0 {
		e.Timeout = 15 * time.Second
	}
	missing, err := e.readURL()
	if err != nil {
		return &InvalidError{err}
	}
	err = e.follow(ctx)
	e.again(ctx)
	return cmp.Or(err, missing)
}

// again examines the URL that was found, if one was, unless that would tell a secret that is not for it.
func (e *examination) again(ctx context.Context) {
	u, err := url.Parse(e.found)
	switch {
	case e.found == "" || err != nil || ctx.Err() != nil:
	case !e.trusts(e.found) && e.hasSecrets():
		e.note("again", "not with "+shown(u)+": what is secret is for the URL that was given; run doctor with this one if you trust it")
	default:
		e.URL, e.u, e.moved = e.found, u, true
		e.note("again", "with "+shown(u))
		_ = e.connect(ctx) // it is reported, and the URL that was given is no better for it
	}
}

// follow goes the way of a connection.
func (e *examination) follow(ctx context.Context) error {
	if err := e.reach(ctx); err != nil {
		return &stomp.ConnectError{URL: shown(e.u), Err: err}
	}
	e.inspectCertificate(ctx)
	return e.connect(ctx)
}

// examination is one run of Diagnose.
type examination struct {
	Patient
	given *url.URL // the URL
	u     *url.URL // the same, or what was found
	found string   // another URL, where STOMP is spoken
	moved bool     // it is examined now

	tokenRefused bool   // the server has refused the secrets of the HTTP request
	guarded      string // a URL that wants them and is not trusted with them
}

func (e *examination) ok(check, text string) { e.Report(Finding{Check: check, Result: OK, Text: text}) }
func (e *examination) note(check, text string) {
	e.Report(Finding{Check: check, Result: Note, Text: text})
}
func (e *examination) failed(check, text, advice string) {
	e.Report(Finding{Check: check, Result: Failed, Text: text, Advice: advice})
}

// readURL checks the URL. One without a scheme is examined as that of a WebSocket if there is nothing secret, and
// missing says that it has none.
func (e *examination) readURL() (missing, err error) {
	if err := e.Check(e.URL); err != nil && strings.Contains(err.Error(), "it has no scheme") {
		e.failed("URL", cause(err), "write ws:// in front of it, or wss:// with TLS")
		e.URL, missing = "ws://"+e.URL, &InvalidError{err}
		if u, err := url.Parse(e.URL); err != nil || e.hasSecretsFor(u) {
			return missing, missing // it may have meant TLS
		}
	}
	if err = e.Check(e.URL); err != nil {
		if missing == nil {
			e.failed("URL", cause(err), "")
		}
		return missing, err
	}
	if e.u, err = url.Parse(e.URL); err != nil {
		return missing, err // Connect would not have taken it
	}
	e.given = e.u
	if missing == nil {
		e.ok("URL", shown(e.u))
	}
	return missing, nil
}

func (e *examination) isBare() bool   { return isBare(e.u) }
func (e *examination) isSecure() bool { return isSecure(e.u) }

func isBare(u *url.URL) bool {
	switch strings.ToLower(u.Scheme) {
	case "tcp", "stomp", "tls", "stomp+ssl":
		return true
	}
	return false
}

func isSecure(u *url.URL) bool {
	switch strings.ToLower(u.Scheme) {
	case "wss", "https", "tls", "stomp+ssl":
		return true
	}
	return false
}

// address returns host and port of the server.
func (e *examination) address() string { return addressOf(e.u) }

func addressOf(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case isBare(u):
		port = "61613"
	case isSecure(u):
		port = "443"
	default:
		port = "80"
	}
	return net.JoinHostPort(u.Hostname(), port)
}
