// Tls carries STOMP over a TLS connection that the program dials itself: a private
// CA has signed the broker's certificate, and the broker requires one of the client.
// It runs on the embedded broker or, with -url, on a real one.
//
//	go run ./examples/tls
//	go run ./examples/tls -url tls://broker.example:61614 -ca ca.pem -cert client.pem -key client.key
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
)

func main() {
	broker := brokerflag.Define()
	ca := flag.String("ca", "", "PEM file of the CAs to trust, where they are not the system's")
	cert := flag.String("cert", "", "PEM file of the client's certificate, where the broker wants one")
	key := flag.String("key", "", "PEM file of its key")
	flag.Parse()

	var cfg *tls.Config
	var err error
	if broker.URL == "" {
		embedded := startBroker()
		defer embedded.close()
		broker.URL, cfg = embedded.url, embedded.client
		fmt.Println("embedded broker at", broker.URL)
	} else if cfg, err = configure(*ca, *cert, *key); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, cfg, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// configure returns a configuration with the CA and the client's certificate of these
// files; "" leaves either out.
func configure(ca, cert, key string) (*tls.Config, error) {
	cfg := &tls.Config{}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(ca + " holds no certificate in PEM")
		}
	}
	if cert != "" {
		// Read for each connection, so that the next one uses a renewed certificate.
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(cert, key)
			return &pair, err
		}
	}
	return cfg, nil
}

// dialer returns what WithDialer calls for each connection, the first one and
// those after an outage. If only the TLS configuration needs to be set, an HTTP
// client that has it does the same for tls: and wss: URLs (stomp.WithHTTPClient).
func dialer(cfg *tls.Config) func(ctx context.Context, rawURL string) (net.Conn, error) {
	d := &tls.Dialer{Config: cfg}
	return func(ctx context.Context, rawURL string) (net.Conn, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		return d.DialContext(ctx, "tcp", u.Host) // also checks that the certificate is for that host
	}
}

func run(ctx context.Context, out io.Writer, rawURL string, cfg *tls.Config, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, rawURL, append(opts, stomp.WithDialer(dialer(cfg)))...)
	if err != nil {
		return err
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Fprintf(out, "connected to %s, STOMP %s\n", session.Server, session.Version)

	messages, err := client.NewSubscription(ctx, "/topic/greetings", stomp.WithReceipt())
	if err != nil {
		return err
	}
	if err := client.Send(ctx, "/topic/greetings", []byte("hello over TLS")); err != nil {
		return err
	}
	m, ok := <-messages.C
	if !ok {
		return cmp.Or(messages.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
	}
	fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
	return client.Disconnect(ctx)
}
