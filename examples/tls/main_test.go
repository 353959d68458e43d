package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

const want = "connected to stomptest/1, STOMP 1.2\nreceived \"hello over TLS\" from /topic/greetings\n"

func TestRun_needs_the_CA_and_the_certificate(t *testing.T) {
	broker := startBroker()
	defer broker.close()
	var out bytes.Buffer
	if err := run(t.Context(), &out, broker.url, broker.client); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}

	// Neither the private CA nor the client's certificate can be left out.
	var failed *stomp.ConnectError
	var unknown x509.UnknownAuthorityError
	if err := run(t.Context(), &out, broker.url, nil); !errors.As(err, &failed) || !errors.As(err, &unknown) {
		t.Errorf("without the CA: %v", err)
	}
	err := run(t.Context(), &out, broker.url, &tls.Config{RootCAs: broker.client.RootCAs})
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("without a certificate of the client's: %v", err)
	}
}

func TestConfigure_reads_the_files(t *testing.T) {
	authority, key := sign(nil, nil, "somebody's CA")
	dir := t.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	ca, pkey := file("ca.pem", "CERTIFICATE", authority.Raw), file("key.pem", "PRIVATE KEY", der)
	cfg, err := configure(ca, ca, pkey)
	if err != nil {
		t.Fatal(err)
	}
	if !cfg.RootCAs.Equal(pool(authority)) {
		t.Error("the CA was not taken")
	}
	if got, err := cfg.GetClientCertificate(nil); err != nil || !bytes.Equal(got.Certificate[0], authority.Raw) {
		t.Errorf("the client's certificate: %v", err)
	}
	if _, err := configure(pkey, "", ""); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a CA that is none: %v", err)
	}
	if _, err := configure(filepath.Join(dir, "none"), "", ""); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a CA that is not there: %v", err)
	}
	if cfg, err = configure("", "", ""); err != nil || cfg.RootCAs != nil || cfg.GetClientCertificate != nil {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func pool(c *x509.Certificate) *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(c)
	return p
}

func TestMain_needs_no_flags(t *testing.T) {
	if r := exampletest.Start(t).Wait(); r.Code != 0 || !strings.Contains(r.Stdout, "hello over TLS") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	broker := startBroker(stomptest.WithLogin("guest", "guest"))
	defer broker.close()
	var refused *stomp.Error
	if err := run(t.Context(), &bytes.Buffer{}, broker.url, broker.client, stomp.WithLogin("guest", "secret")); !errors.As(err, &refused) {
		t.Errorf("with a wrong passcode: %v", err)
	}
	if r := exampletest.Start(t, "-url", "tls://127.0.0.1:1").Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "127.0.0.1:1") {
		t.Errorf("where nobody listens: %v", r)
	}
	if r := exampletest.Start(t, "-url", broker.url).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "certificate") {
		t.Errorf("without its CA: %v", r)
	}
	if r := exampletest.Start(t, "-ca", "none", "-url", broker.url).Wait(); r.Code != 1 || !strings.Contains(r.Stderr, "open none") {
		t.Errorf("with a CA that is not there: %v", r)
	}
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	broker := startBroker()
	defer broker.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	exampletest.Withhold(broker.broker, cancel)
	if err := run(ctx, io.Discard, broker.url, broker.client); !errors.Is(err, context.Canceled) {
		t.Errorf("where no message comes within its ctx: %v", err)
	}
}
