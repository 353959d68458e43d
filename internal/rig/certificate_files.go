package rig

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
)

// WriteFile writes the authority's certificate as PEM to a file, for a server that is no program of ours.
func (ca *Authority) WriteFile(t testing.TB) (file string) {
	t.Helper()
	return writePEM(t, "ca.pem", &pem.Block{Type: "CERTIFICATE", Bytes: ca.Certificate.Raw})
}

// WriteCertificate writes a certificate and its key as PEM to one file.
func WriteCertificate(t testing.TB, cert tls.Certificate) (file string) {
	t.Helper()
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	OK(t, err)
	blocks := []*pem.Block{{Type: "PRIVATE KEY", Bytes: key}}
	for _, der := range cert.Certificate {
		blocks = append(blocks, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	return writePEM(t, "certificate.pem", blocks...)
}

func writePEM(t testing.TB, name string, blocks ...*pem.Block) (file string) {
	t.Helper()
	var text []byte
	for _, block := range blocks {
		text = append(text, pem.EncodeToMemory(block)...)
	}
	file = filepath.Join(t.TempDir(), name)
	OK(t, os.WriteFile(file, text, 0o600))
	return file
}
