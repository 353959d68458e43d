// Pricefeed sends and receives JSON as Go values, keeps the newest prices when the
// consumer is slow, and skips a message that does not decode.
//
//	go run ./examples/pricefeed
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"time"

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
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL()); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, out io.Writer, url string) error {
	client, err := stomp.Connect(ctx, url)
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
