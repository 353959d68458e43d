package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// Authority is a private CA.
type Authority struct {
	Certificate *x509.Certificate
	Pool        *x509.CertPool // holds Certificate alone

	key *ecdsa.PrivateKey
}

// NewAuthority makes one whose name is CN=CA.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	return NewNamedAuthority(t, "CA")
}

// NewNamedAuthority makes one of that common name.
func NewNamedAuthority(t testing.TB, name string) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	OK(t, err)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca := &Authority{Pool: x509.NewCertPool(), Certificate: template, key: key}
	ca.Certificate = ca.Issue(t, template).Leaf
	ca.Pool.AddCert(ca.Certificate)
	return ca
}

// Issue makes the certificate that template asks for. It is valid now unless template says otherwise.
func (ca *Authority) Issue(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key := ca.key
	if !template.IsCA {
		var err error
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		OK(t, err)
		if template.ExtKeyUsage == nil {
			template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		}
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.Certificate, &key.PublicKey, ca.key)
	OK(t, err)
	leaf, err := x509.ParseCertificate(der)
	OK(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// IssueFor issues a certificate for a host's name.
func (ca *Authority) IssueFor(t testing.TB, host string) tls.Certificate {
	t.Helper()
	return ca.Issue(t, &x509.Certificate{DNSNames: []string{host}})
}

// Server issues a certificate for the loopback's address.
func (ca *Authority) Server(t testing.TB) tls.Certificate {
	t.Helper()
	return ca.Issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

// Expired issues a certificate for the loopback's address that was valid until an hour ago.
func (ca *Authority) Expired(t testing.TB) tls.Certificate {
	t.Helper()
	return ca.Issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
}

// ClientOnly issues a certificate for the loopback's address with which no server may show itself.
func (ca *Authority) ClientOnly(t testing.TB) tls.Certificate {
	t.Helper()
	return ca.Issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

// WithTLS makes a Client connect with that configuration.
func WithTLS(cfg *tls.Config) stomp.ConnectOption {
	return stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: cfg}})
}
