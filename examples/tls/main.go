// Tls carries STOMP over a TLS connection that the program dials itself: a private
// CA has signed the broker's certificate, and the broker requires one of the client.
// It runs on the embedded broker or, with -url, on a real one.
//
//	go run ./examples/tls
//	go run ./examples/tls -url tls://broker.example:61614 -ca ca.pem -cert client.pem -key client.key
package main

import (
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

	"github.com/webstomp/webstomp/stomp"
)

func main() {
	rawURL := flag.String("url", "", "the broker, as tls://host:port; without one, an embedded broker is started")
	ca := flag.String("ca", "", "PEM file of the CAs to trust, where they are not the system's")
	cert := flag.String("cert", "", "PEM file of the client's certificate, where the broker wants one")
	key := flag.String("key", "", "PEM file of its key")
	login := flag.String("login", "", "login, where the broker wants one")
	passcode := flag.String("passcode", "", "passcode, likewise")
	flag.Parse()

	var cfg *tls.Config
	var err error
	if *rawURL == "" {
		broker := startBroker()
		defer broker.close()
		*rawURL, cfg = broker.url, broker.client
		fmt.Println("embedded broker at", *rawURL)
	} else if cfg, err = configure(*ca, *cert, *key); err != nil {
		log.Fatal(err)
	}
	var opts []stomp.ConnectOption
	if *login != "" {
		opts = append(opts, stomp.WithLogin(*login, *passcode))
	}
	if err := run(os.Stdout, *rawURL, cfg, opts...); err != nil {
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

func run(out io.Writer, rawURL string, cfg *tls.Config, opts ...stomp.ConnectOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, rawURL, append(opts, stomp.WithDialer(dialer(cfg)))...)
	if err != nil {
		return err
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Fprintf(out, "connected to %s, STOMP %s\n", session.Server, session.Version)

	messages, err := client.Subscribe(ctx, "/topic/greetings", stomp.WithReceipt())
	if err != nil {
		return err
	}
	if err := client.Send(ctx, "/topic/greetings", []byte("hello over TLS")); err != nil {
		return err
	}
	m, ok := <-messages
	if !ok {
		return client.Err()
	}
	fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
	return client.Disconnect(ctx)
}
