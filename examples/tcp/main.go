// Tcp carries STOMP over a TCP socket that the program configures itself: its local
// address and its keep-alives. It runs on the embedded broker or, with -url, on a
// real one.
//
//	go run ./examples/tcp
//	go run ./examples/tcp -url tcp://127.0.0.1:61613 -login guest -passcode guest
package main

import (
	"cmp"
	"context"
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
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define()
	local := flag.String("local", "", "the local address to connect from; without one, the system chooses")
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker(stomptest.WithTCP())
		defer embedded.Close()
		broker.URL = embedded.TCPURL()
		fmt.Println("embedded broker at", broker.URL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, *local, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// dialer returns what WithDialer calls for each connection, the first one and
// those after an outage. Connect dials tcp: URLs by itself if nothing needs to be
// configured.
func dialer(local string) (func(ctx context.Context, rawURL string) (net.Conn, error), error) {
	d := &net.Dialer{
		// Much earlier than the system's two hours: it keeps the connection open in
		// firewalls, and detects a peer that is gone even without heart-beats.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	if local != "" {
		addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(local, "0"))
		if err != nil {
			return nil, err
		}
		d.LocalAddr = addr
	}
	return func(ctx context.Context, rawURL string) (net.Conn, error) {
		u, err := url.Parse(rawURL) // as given to Connect or WithFailover
		if err != nil {
			return nil, err
		}
		return d.DialContext(ctx, "tcp", u.Host)
	}, nil
}

func run(ctx context.Context, out io.Writer, rawURL, local string, opts ...stomp.ConnectOption) error {
	dial, err := dialer(local)
	if err != nil {
		return err
	}
	client, err := stomp.Connect(ctx, rawURL, append(opts, stomp.WithDialer(dial))...)
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
	if err := client.Send(ctx, "/topic/greetings", []byte("hello over TCP")); err != nil {
		return err
	}
	m, ok := <-messages.C
	if !ok {
		return cmp.Or(messages.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
	}
	fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
	return client.Disconnect(ctx)
}
