package stomp_test

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

// authority is a private CA.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool // holds cert
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fine(t, err)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	ca := &authority{template, key, x509.NewCertPool()}
	ca.cert = ca.issue(t, template).Leaf
	ca.pool.AddCert(ca.cert)
	return ca
}

// issue makes the certificate that template asks for. It is valid now unless template says otherwise.
func (ca *authority) issue(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key := ca.key
	if !template.IsCA {
		var err error
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fine(t, err)
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	fine(t, err)
	leaf, err := x509.ParseCertificate(der)
	fine(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// issueFor issues a certificate for a host's name.
func (ca *authority) issueFor(t testing.TB, host string) tls.Certificate {
	t.Helper()
	return ca.issue(t, &x509.Certificate{DNSNames: []string{host}})
}

// server issues a certificate for the loopback's address.
func (ca *authority) server(t testing.TB) tls.Certificate {
	t.Helper()
	return ca.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
}

// expired issues a certificate for the loopback's address that was valid until an hour ago.
func (ca *authority) expired(t testing.TB) tls.Certificate {
	t.Helper()
	return ca.issue(t, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)})
}

// withTLS is a client that connects with that configuration.
func withTLS(cfg *tls.Config) stomp.ConnectOption {
	return stomp.WithHTTPClient(&http.Client{Transport: &http.Transport{TLSClientConfig: cfg}})
}
