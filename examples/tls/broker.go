package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"sync"
	"time"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// embedded is the embedded broker behind TLS, with its own CA.
type embedded struct {
	url    string
	client *tls.Config // for a client that it accepts

	broker   *stomptest.Broker
	listener net.Listener
	serving  sync.WaitGroup // joined by close
}

func startBroker(opts ...stomptest.Option) *embedded {
	authority, key := sign(nil, nil, "the example's CA")
	broker, brokerKey := sign(authority, key, "broker", "localhost")
	client, clientKey := sign(authority, key, "client")
	trusted := x509.NewCertPool()
	trusted.AddCert(authority)

	listener, err := tls.Listen("tcp", "localhost:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{broker.Raw}, PrivateKey: brokerKey}},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    trusted,
	})
	if err != nil {
		log.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	e := &embedded{
		url: "tls://localhost:" + port,
		client: &tls.Config{
			RootCAs:      trusted,
			Certificates: []tls.Certificate{{Certificate: [][]byte{client.Raw}, PrivateKey: clientKey}},
		},
		broker:   stomptest.NewBroker(append(opts, stomptest.WithPipe())...),
		listener: listener,
	}
	e.serving.Go(e.serve)
	return e
}

func (e *embedded) close() {
	e.listener.Close()
	e.broker.Close() // ends the connections that relay carries
	e.serving.Wait()
}

func (e *embedded) serve() {
	for {
		nc, err := e.listener.Accept()
		if err != nil {
			return
		}
		e.serving.Go(func() { e.relay(nc) })
	}
}

// relay copies between a connection and the broker until either end closes.
func (e *embedded) relay(nc net.Conn) {
	defer nc.Close()
	inner, err := e.broker.Dial(context.Background(), e.url)
	if err != nil {
		return
	}
	back := make(chan struct{})
	go func() { // joined below
		defer close(back)
		io.Copy(nc, inner)
		nc.Close()
	}()
	io.Copy(inner, nc)
	inner.Close()
	<-back
}

// sign returns a certificate for these hosts and its key, signed by an authority with
// the key by. If authority is nil, it returns the certificate of a new authority.
func sign(authority *x509.Certificate, by *ecdsa.PrivateKey, name string, hosts ...string) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     hosts,
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if authority == nil {
		template.IsCA, template.BasicConstraintsValid = true, true
		authority, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, &key.PublicKey, by)
	if err != nil {
		log.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	return cert, key
}
