package ws

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
)

// certificateHint suggests what to look at where the server's certificate does not verify; "": nothing to suggest.
func certificateHint(err *tls.CertificateVerificationError) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &authority):
		return "is it signed by a private CA? That belongs into RootCAs of the tls.Config"
	case errors.As(err, &hostname):
		return "dial a name that stands in the certificate, or set ServerName in the tls.Config"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "has the server taken up its new certificate? Is this machine's clock right?"
	}
	return ""
}

// The alerts of TLS by which a server refuses a client's certificate: bad, unsupported, revoked, expired, unknown, of
// an unknown CA, access denied (RFC 8446, section 6.2). A client is sent them for no other reason.
var certificateAlerts = []tls.AlertError{42, 43, 44, 45, 46, 48, 49}

const (
	handshakeFailure    tls.AlertError = 40
	certificateRequired tls.AlertError = 116
)

// explainAlert adds to err what it means, where it is a TLS alert of the server's. In TLS 1.3 the first read reports
// one: the server looks at the client's certificate when the handshake is over for the client.
func explainAlert(err error) error {
	op := remoteAlert(err)
	if op == nil {
		return err
	}
	text := op.Err.Error() // its type is not exported; its text is that of tls.AlertError
	is := func(alert tls.AlertError) bool { return alert.Error() == text }
	switch {
	case is(certificateRequired):
		return &PermanentError{fmt.Errorf("%w (the server wants a certificate of the client: set Certificates in the tls.Config)", op)}
	case slices.ContainsFunc(certificateAlerts, is):
		return &PermanentError{fmt.Errorf("%w (this is about the client's certificate, which the server refuses)", op)}
	case is(handshakeFailure):
		return fmt.Errorf("%w (the server wants a certificate of the client, or has no version or cipher of TLS in common with us)", op)
	}
	return err
}

// remoteAlert returns the server's TLS alert in err; nil: there is none.
func remoteAlert(err error) *net.OpError {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op
	}
	return nil
}

// lastAlert returns the TLS alert that ended the attempt's connection; nil: none did. net/http reads in the background
// and closes the connection at the alert, and may report no more than that the request found it closed.
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
