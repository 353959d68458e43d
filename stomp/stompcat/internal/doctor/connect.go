package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// connect makes the connection as it was asked for. Where that fails it looks for what works.
func (e *examination) connect(ctx context.Context) error {
	start := time.Now()
	client, err := e.attempt(ctx, e.URL, e.Timeout, AllSecrets)
	if err == nil {
		e.welcome(ctx, client, time.Since(start))
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return err
	case reachesSTOMP(err):
		e.ok("connect", "a STOMP server answers at "+shown(e.u))
		e.refused(ctx, err)
	default:
		e.elsewhere(ctx, err)
	}
	return err
}

// attempt connects without reconnecting.
func (e *examination) attempt(ctx context.Context, url string, limit time.Duration, with Secrets, more ...stomp.ConnectOption) (*stomp.Client, error) {
	e.Trying(shownText(url))
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if with == NoSecrets {
		url = withoutUser(url)
	}
	opts := append(e.Options(url, with), stomp.WithoutReconnect())
	return stomp.Connect(bounded, url, append(opts, more...)...)
}

// visit tries a URL, and leaves.
func (e *examination) visit(ctx context.Context, url string, with Secrets, more ...stomp.ConnectOption) error {
	client, err := e.attempt(ctx, url, e.probeTime(), with, more...)
	if err == nil {
		e.leave(client)
	}
	return err
}

// leave ends a connection that has shown what it was made for.
func (e *examination) leave(client *stomp.Client) {
	bounded, cancel := context.WithTimeout(context.Background(), e.probeTime())
	defer cancel()
	_ = client.Disconnect(bounded) // cut if that takes longer
}

// reachesSTOMP reports whether an attempt with this outcome found a STOMP server, which may have refused it.
func reachesSTOMP(err error) bool {
	var refused *stomp.Error
	var broken *stomp.ProtocolError
	return err == nil || errors.As(err, &refused) || errors.As(err, &broken) && broken.Clause == "C2"
}

// welcome tells of a session that came about, and ends it.
func (e *examination) welcome(ctx context.Context, client *stomp.Client, took time.Duration) {
	defer e.leave(client)
	s := client.Status().Session
	name := s.Server
	if name == "" {
		name = "the server, which does not say its name"
	}
	switch {
	case e.isBare():
	case s.Subprotocol == "":
		e.note("WebSocket", "the server has chosen no subprotocol, which works here; a strict client of another kind may refuse that")
	default:
		e.ok("WebSocket", "subprotocol "+s.Subprotocol)
	}
	e.ok("STOMP", fmt.Sprintf("%s from %s after %v", s.Version, name, took.Round(100*time.Microsecond)))
	if e.Login == "" {
		e.ok("login", "it lets us in without one")
	} else {
		e.ok("login", e.Login+" is let in")
	}
	e.receipts(ctx, client)
	if s.HeartBeatReceive == 0 {
		e.note("heart-beats", "the server promises none: a connection that dies without a word shows only when something is sent")
	} else {
		e.ok("heart-beats", fmt.Sprintf("the server sends one every %v", s.HeartBeatReceive))
	}
}

// receipts tells whether the server sends them.
func (e *examination) receipts(ctx context.Context, client *stomp.Client) {
	_, answered, err := ProbeReceipt(ctx, client)
	switch {
	case err != nil:
		e.note("receipts", "the server ends the session over a BEGIN: "+cause(err))
	case answered:
		e.ok("receipts", "the server confirms what it has taken")
	default:
		e.note("receipts", fmt.Sprintf("none came within %v, as from Spring's simple broker: pub needs --no-receipt", ReceiptPatience))
	}
}

// elsewhere looks for STOMP at other URLs of the same server, when there was none at this one.
func (e *examination) elsewhere(ctx context.Context, err error) {
	check, advice := "connect", ""
	var failed *stomp.ConnectError
	errors.As(err, &failed)
	var unverified *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unverified):
		check = "certificate"
	case wantsCredentials(err):
		check, advice = "login", e.overHTTP(ctx, failed.StatusCode)
	case isAboutClientCertificate(err):
		check, advice = "certificate", "set --cert and --key"
	default:
		advice = e.alternative(ctx, err)
	}
	e.failed(check, cause(err), advice)
}

// overHTTP returns what to do about a server that refuses the upgrade's HTTP request itself.
func (e *examination) overHTTP(ctx context.Context, status int) string {
	advice := "the HTTP request lacks credentials, STOMP's login comes later: set STOMPCAT_AUTHORIZATION (\"Bearer …\"), STOMPCAT_COOKIE, or user and password in the URL of STOMPCAT_URL"
	if status != http.StatusForbidden {
		return advice
	}
	origin := map[bool]string{false: "http", true: "https"}[e.isSecure()] + "://" + e.u.Host
	from := stomp.WithHTTPHeaderFunc(func(context.Context) (http.Header, error) { // beside the others
		return http.Header{"Origin": {origin}}, nil
	})
	if reachesSTOMP(e.visit(ctx, e.URL, HTTPSecrets, from)) {
		return "the server wants to know where a page comes from: --http-header Origin=" + origin
	}
	return advice + "; or it takes connections of certain origins alone: --http-header Origin=https://…"
}

// isAboutClientCertificate reports whether the server wants one that it has not got. The library has no type for it.
func isAboutClientCertificate(err error) bool {
	return strings.Contains(err.Error(), "wants a certificate of the client")
}

// cause returns an error's text without what each line of a report would repeat.
func cause(err error) string {
	var failed *stomp.ConnectError
	if errors.As(err, &failed) {
		return strings.TrimPrefix(failed.Error(), "stomp: connect "+failed.URL+": ")
	}
	return strings.TrimPrefix(err.Error(), "stomp: ")
}
