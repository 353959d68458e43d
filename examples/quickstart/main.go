// Quickstart subscribes, sends and receives, on the embedded broker or, with -url,
// on a real one.
//
//	go run ./examples/quickstart
//	go run ./examples/quickstart -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define() // -url, -login and -passcode
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
		fmt.Println("embedded broker at", broker.URL)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url string, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Fprintf(out, "connected to %s, STOMP %s\n", session.Server, session.Version)

	// With WithReceipt the broker has the subscription before the first Send.
	messages, err := client.NewSubscription(ctx, "/topic/greetings", stomp.WithReceipt())
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := client.Send(ctx, "/topic/greetings", fmt.Appendf(nil, "hello %d", i+1)); err != nil {
			return err
		}
	}
	received := 0
	for m := range messages.C {
		fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
		if received++; received == 3 {
			break
		}
	}
	if received < 3 {
		// Err is nil where ctx has ended the subscription.
		return fmt.Errorf("the channel was closed after %d messages: %w", received, cmp.Or(messages.Err(), context.Cause(ctx)))
	}
	if err := client.Disconnect(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "disconnected")
	return nil
}
