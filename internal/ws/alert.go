package ws

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"
)

// The alerts of TLS by which a server refuses a client's certificate: bad, unsupported, revoked, expired, unknown, of
// an unknown CA, access denied, and the one that it misses (RFC 8446, section 6.2). A client is sent them for no
// other reason.
var certificateAlerts = []tls.AlertError{42, 43, 44, 45, 46, 48, 49, certificateRequired}

const (
	handshakeFailure      tls.AlertError = 40 // nothing in common, or in TLS 1.2 no certificate
	protocolVersion       tls.AlertError = 70
	insufficientSecurity  tls.AlertError = 71
	unrecognizedName      tls.AlertError = 112
	certificateRequired   tls.AlertError = 116 // TLS 1.3
	noApplicationProtocol tls.AlertError = 120
)

// explainAlert adds to err what it means, where it is a TLS alert of the server's. auth is what the handshake has
// told of the client's certificate; nil: nothing. In TLS 1.3 the first read reports an alert: the server looks at the
// client's certificate when the handshake is over for the client.
func explainAlert(err error, auth *clientAuth) error {
	op := remoteAlert(err)
	if op == nil {
		return err
	}
	text := op.Err.Error() // its type is not exported; its text is that of tls.AlertError
	is := func(alert tls.AlertError) bool { return alert.Error() == text }
	refused := slices.ContainsFunc(certificateAlerts, is)
	says := auth.explain()
	switch {
	case says != "" && (refused || is(handshakeFailure)):
		return &PermanentError{fmt.Errorf("%w (%s)", op, says)}
	case is(certificateRequired):
		return &PermanentError{fmt.Errorf("%w (the server wants a certificate of the client: is one set, issued by a CA that the server trusts?)", op)}
	case refused:
		return &PermanentError{fmt.Errorf("%w (this is about the client's certificate, which the server does not accept)", op)}
	case is(handshakeFailure) && auth.wasNotAsked():
		return fmt.Errorf("%w (the server takes none of the versions, ciphers and curves of TLS that the client offers: compare the tls.Config with the server's)", op)
	case is(handshakeFailure):
		return fmt.Errorf("%w (the server wants a certificate of the client, or has no version or cipher of TLS in common with us)", op)
	case is(protocolVersion), is(insufficientSecurity):
		return &PermanentError{fmt.Errorf("%w (%s)", op, versionHint)}
	case is(unrecognizedName):
		return fmt.Errorf("%w (the server has no certificate for the name that was dialled: dial another, or set ServerName in the tls.Config)", op)
	case is(noApplicationProtocol):
		return &PermanentError{fmt.Errorf("%w (the server does not take HTTP/1.1 by ALPN, which the WebSocket's upgrade needs)", op)}
	}
	return err
}

// versionHint is what to look at where the two sides have no version of TLS in common.
const versionHint = "the server and the client have no version of TLS in common: look at MinVersion and MaxVersion in the tls.Config, and at the server's"

// remoteAlert returns the server's TLS alert in err; nil: there is none.
func remoteAlert(err error) *net.OpError {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op
	}
	return nil
}

// lastAlert returns the TLS alert that ended the attempt's connection; nil: none did. net/http reads in the
// background and closes the connection at the alert, and may report no more than that the request found it closed.
func (a *attempt) lastAlert() error {
	a.mu.Lock()
	conn, ok := a.conn.(*tls.Conn)
	a.mu.Unlock()
	if !ok || !a.cloned { // another transport's connection is not ours to touch
		return nil
	}
	hardClose(conn) // no read can block now; the first error of reading stays
	if _, err := conn.Read(make([]byte, 1)); remoteAlert(err) != nil {
		return err
	}
	return nil
}

// alertTimeout bounds Alert. What it looks for has come already.
const alertTimeout = 100 * time.Millisecond

// Alert returns the TLS alert by which the server has ended a bare socket of Dial's whose first Write or Flush has
// failed; nil: there is none. It explains what the write's error does not: a server that does not take the client's
// certificate in TLS 1.3 closes when the handshake is over for the client. No Read may have begun, and none is
// possible after it.
func (c *Conn) Alert() error {
	conn, ok := c.b.nc.(*tls.Conn)
	if !ok || c.ws != nil || conn.SetReadDeadline(time.Now().Add(alertTimeout)) != nil {
		return nil
	}
	if _, err := conn.Read(make([]byte, 1)); remoteAlert(err) != nil {
		return explainAlert(err, c.auth)
	}
	return nil
}
