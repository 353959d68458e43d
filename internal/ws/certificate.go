package ws

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
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
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return "it is not meant for servers: its extended key usage has to include serverAuth"
	}
	return ""
}
