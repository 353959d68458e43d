package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
)

// soon is how long before its end a certificate is worth a note.
const soon = 30 * 24 * time.Hour

// inspectCertificate tells what a server with TLS shows, also where it does not verify. That is for Connect to judge:
// nothing is sent here.
func (e *examination) inspectCertificate(ctx context.Context) {
	proxy, err := e.proxy()
	if !e.isSecure() || err != nil || proxy != nil {
		return
	}
	nc, err := e.dial(ctx, e.address())
	if err != nil {
		return // Connect says so
	}
	defer nc.Close()
	config := e.TLS.Clone()
	config.ServerName = cmp.Or(config.ServerName, e.u.Hostname())
	config.InsecureSkipVerify = true // to see what is wrong with it; no byte of ours follows, but for a certificate
	bounded, cancel := context.WithTimeout(ctx, e.probeTime())
	defer cancel()
	conn := tls.Client(nc, config)
	if conn.HandshakeContext(bounded) != nil {
		e.Timeout = e.probeTime() // Connect says so; of a server that is silent to TLS no more is to be expected
		return
	}
	state := conn.ConnectionState()
	cert := state.PeerCertificates[0]
	text := fmt.Sprintf("%s; certificate for %s, by %s, until %s", tls.VersionName(state.Version), strings.Join(namesOf(cert), ", "),
		cmp.Or(cert.Issuer.CommonName, cert.Issuer.String(), "a nameless authority"), cert.NotAfter.UTC().Format(time.DateOnly))
	if left := time.Until(cert.NotAfter); left > 0 && left < soon {
		e.note("TLS", fmt.Sprintf("%s, which is in %s", text, days(left)))
		return
	}
	e.ok("TLS", text)
}

// namesOf returns the names that a certificate is for.
func namesOf(cert *x509.Certificate) []string {
	names := slices.Clone(cert.DNSNames)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = append(names, "no host")
	}
	return names
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
