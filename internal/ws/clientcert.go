package ws

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"strings"
	"sync"
	"time"
)

// clientAuth is what became of the client's certificate in the last TLS handshake of an attempt, as crypto/tls tells
// it. An alert alone does not: a server that misses one sends the same as one that has no cipher in common, and
// crypto/tls sends none that comes from a CA which the server does not name.
type clientAuth struct {
	mu     sync.Mutex // guards what follows: the handshake may run in a goroutine of net/http's
	known  bool       // handshakes go by a tls.Config that watch has seen
	asked  bool       // the server has asked for a certificate
	takes  []string   // the CAs that it names; none: it does not say whose certificates it takes
	sent   *x509.Certificate
	unsent *x509.Certificate // of the config, and was not sent
	unfit  error             // why not
	chosen bool              // by the user's GetClientCertificate
}

// watch makes handshakes with cfg, which is a copy of the user's, tell what they ask for. Which certificate is sent
// does not change.
func (c *clientAuth) watch(cfg *tls.Config) {
	user, own := cfg.GetClientCertificate, cfg.Certificates
	cfg.GetClientCertificate = func(request *tls.CertificateRequestInfo) (cert *tls.Certificate, err error) {
		var unfit error
		if user != nil {
			cert, err = user(request)
		} else {
			cert, unfit = firstFit(request, own)
		}
		c.note(request, cert, unfit, user != nil, own)
		return cert, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = true
}

// firstFit chooses as crypto/tls does where there is no GetClientCertificate. unfit is why the first of own does not
// do, if none does.
func firstFit(request *tls.CertificateRequestInfo, own []tls.Certificate) (cert *tls.Certificate, unfit error) {
	for i := range own {
		err := request.SupportsCertificate(&own[i])
		if err == nil {
			return &own[i], nil
		}
		unfit = cmp.Or(unfit, err)
	}
	return new(tls.Certificate), unfit // none is sent
}

func (c *clientAuth) note(request *tls.CertificateRequestInfo, cert *tls.Certificate, unfit error, chosen bool, own []tls.Certificate) {
	takes := make([]string, len(request.AcceptableCAs))
	for i, ca := range request.AcceptableCAs {
		takes[i] = distinguishedName(ca)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.takes, c.unfit, c.chosen = true, takes, unfit, chosen
	if c.sent = leaf(cert); unfit != nil {
		c.unsent = leaf(&own[0])
	}
}

// begin forgets the handshake before, as with a proxy.
func (c *clientAuth) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.takes, c.sent, c.unsent, c.unfit = false, nil, nil, nil, nil
}

// wasNotAsked reports whether the server is known not to have asked for a certificate.
func (c *clientAuth) wasNotAsked() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known && !c.asked
}

// leaf returns the client's own certificate; nil where cert is nil or holds none.
func leaf(cert *tls.Certificate) *x509.Certificate {
	if cert == nil || len(cert.Certificate) == 0 {
		return nil
	}
	if cert.Leaf != nil {
		return cert.Leaf
	}
	parsed, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return new(x509.Certificate) // sent all the same
	}
	return parsed
}

// distinguishedName returns the text of a name in DER.
func distinguishedName(der []byte) string {
	var name pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &name); err != nil {
		return "?"
	}
	return name.String()
}

// explain says what a server means that refuses the client's certificate, or misses one: what it was sent, and whose
// it takes. "": it did not ask for one, or nothing is known, as of a nil c.
func (c *clientAuth) explain() string {
	if c == nil {
		return ""
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !c.asked:
		return ""
	case c.sent != nil:
		return fmt.Sprintf("the server does not accept the certificate that the client sent, %s; the server %s", described(c.sent), c.takesLocked())
	case c.unfit != nil && len(c.takes) > 0:
		return fmt.Sprintf("the server wants a certificate of the client, and the one in Certificates was not sent: it is %s, and the server %s", described(c.unsent), c.takesLocked())
	case c.unfit != nil:
		return fmt.Sprintf("the server wants a certificate of the client, and the one in Certificates was not sent: %v", c.unfit)
	case c.chosen:
		return "the server wants a certificate of the client, and GetClientCertificate returned none; the server " + c.takesLocked()
	}
	return "the server wants a certificate of the client: set Certificates in the tls.Config; the server " + c.takesLocked()
}

// takesLocked says whose certificates the server takes.
func (c *clientAuth) takesLocked() string {
	const shown = 3
	switch n := len(c.takes); {
	case n == 0:
		return "does not say which CAs it trusts"
	case n > shown:
		return fmt.Sprintf("takes those issued by %s and %d more", quoted(c.takes[:shown]), n-shown)
	}
	return "takes those issued by " + quoted(c.takes)
}

func quoted(names []string) string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = fmt.Sprintf("%q", truncate(name, 100))
	}
	return strings.Join(list, ", ")
}

// described says whose a certificate is, who issued it, and that it is not valid now.
func described(cert *x509.Certificate) string {
	text := fmt.Sprintf("issued by %q", truncate(cert.Issuer.String(), 100))
	if subject := cert.Subject.String(); subject != "" {
		text = fmt.Sprintf("%q %s", truncate(subject, 100), text)
	}
	switch now := time.Now(); {
	case cert.NotAfter.IsZero():
	case now.After(cert.NotAfter):
		text += ", expired since " + cert.NotAfter.UTC().Format(time.DateTime)
	case now.Before(cert.NotBefore):
		text += ", not valid before " + cert.NotBefore.UTC().Format(time.DateTime)
	}
	return text
}
