// Transaction moves a message from one queue to another so that the ACK and the SEND take effect together or not at
// all. (Not on Artemis, where an ACK counts at once, nor on Spring's simple broker, which has no transactions; and on
// RabbitMQ the ACK takes effect as well where a queue rejects the SEND, with x-overflow:reject-publish.)
//
//	go run ./examples/transaction
//	go run ./examples/transaction -url ws://127.0.0.1:15674/ws -login guest -passcode guest
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
	orders, err := client.NewSubscription(ctx, "/queue/cups.ordered", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		return err
	}
	shipments, err := client.NewSubscription(ctx, "/queue/cups.shipped")
	if err != nil {
		return err
	}
	if err := client.Send(ctx, "/queue/cups.ordered", []byte("12 cups")); err != nil {
		return err
	}
	order, ok := <-orders.C
	if !ok {
		return cmp.Or(orders.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
	}
	// The first try fails half way: nothing is shipped, and the order is not acknowledged.
	if err := ship(ctx, client, order, errors.New("no cups left")); err != nil {
		fmt.Fprintln(out, "rolled back:", err)
	}
	if err := ship(ctx, client, order, nil); err != nil {
		return err
	}
	shipment, ok := <-shipments.C
	if !ok {
		return cmp.Or(shipments.Err(), context.Cause(ctx))
	}
	fmt.Fprintf(out, "shipped: %s\n", shipment.Body)
	return client.Drain(ctx)
}

func ship(ctx context.Context, client *stomp.Client, order stomp.Frame, trouble error) error {
	tx, err := client.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Abort(context.WithoutCancel(ctx)) // does nothing after Commit
	if err := tx.Send(ctx, "/queue/cups.shipped", order.Body); err != nil {
		return err
	}
	if err := tx.Ack(ctx, order); err != nil {
		return err
	}
	if trouble != nil {
		return trouble
	}
	return tx.Commit(ctx, stomp.WithReceipt())
}
