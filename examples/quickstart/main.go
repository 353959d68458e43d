// Quickstart subscribes, sends and receives, on the embedded broker or, with -url,
// on a real one.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	url := flag.String("url", "", "the broker; without one, an embedded broker is started")
	login := flag.String("login", "", "login, where the broker wants one")
	passcode := flag.String("passcode", "", "passcode, likewise")
	flag.Parse()
	if *url == "" {
		broker := stomptest.NewBroker()
		defer broker.Close()
		*url = broker.URL()
		fmt.Println("embedded broker at", *url)
	}
	var opts []stomp.ConnectOption
	if *login != "" {
		opts = append(opts, stomp.WithLogin(*login, *passcode))
	}
	if err := run(os.Stdout, *url, opts...); err != nil {
		log.Fatal(err)
	}
}

func run(out io.Writer, url string, opts ...stomp.ConnectOption) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Fprintf(out, "connected to %s, STOMP %s\n", session.Server, session.Version)

	// With WithReceipt the broker has the subscription before the first Send.
	messages, err := client.Subscribe(ctx, "/topic/greetings", stomp.WithReceipt())
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := client.Send(ctx, "/topic/greetings", fmt.Appendf(nil, "hello %d", i+1)); err != nil {
			return err
		}
	}
	received := 0
	for m := range messages {
		fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
		if received++; received == 3 {
			break
		}
	}
	if received < 3 {
		return fmt.Errorf("the channel was closed after %d messages: %v", received, client.Err())
	}
	if err := client.Disconnect(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "disconnected")
	return nil
}
