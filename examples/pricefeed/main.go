// Pricefeed sends and receives JSON as Go values, keeps the newest prices when the
// consumer is slow, and skips a message that does not decode.
//
//	go run ./examples/pricefeed
//	go run ./examples/pricefeed -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"cmp"
	"context"
	"errors"
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

// Price is what the feed carries.
type Price struct {
	Symbol string
	Cents  int
}

const topic = "/topic/prices"

func main() {
	broker := brokerflag.Define()
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
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

	// Old prices are worthless: a full queue drops the oldest.
	feed, cancel := context.WithCancel(ctx)
	defer cancel()
	prices, err := stomp.SubscribeJSON[Price](feed, client, topic,
		stomp.WithBuffer(1000, 0, stomp.OverflowDropOldest), stomp.WithReceipt())
	if err != nil {
		return err
	}
	if err := publish(ctx, client); err != nil {
		return err
	}
	for p := range prices {
		if p.Err != nil {
			fmt.Fprintln(out, "skipped: not a price") // the subscription goes on
			continue
		}
		fmt.Fprintf(out, "%s costs %d.%02d\n", p.Value.Symbol, p.Value.Cents/100, p.Value.Cents%100)
		if p.Value.Symbol == "LAST" {
			cancel() // ends the subscription, and this loop
		}
	}
	if feed.Err() == nil { // not by cancel above
		return cmp.Or(client.Err(), errors.New("the broker has ended the subscription"))
	}
	return client.Disconnect(ctx)
}

func publish(ctx context.Context, client *stomp.Client) error {
	if err := client.SendJSON(ctx, topic, Price{"ACME", 1299}); err != nil {
		return err
	}
	if err := client.Send(ctx, topic, []byte("no JSON")); err != nil {
		return err
	}
	return client.SendJSON(ctx, topic, Price{"LAST", 5})
}
