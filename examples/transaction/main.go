// Transaction moves a message from one queue to another so that the ACK and the
// SEND take effect together or not at all.
//
//	go run ./examples/transaction
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

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
	orders, err := client.Subscribe(ctx, "/queue/orders", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		return err
	}
	shipments, err := client.Subscribe(ctx, "/queue/shipments")
	if err != nil {
		return err
	}
	if err := client.Send(ctx, "/queue/orders", []byte("12 cups")); err != nil {
		return err
	}
	order, ok := <-orders
	if !ok {
		return client.Err()
	}
	// The first try fails half way: nothing is shipped, and the order is not acknowledged.
	if err := ship(ctx, client, order, errors.New("no cups left")); err != nil {
		fmt.Fprintln(out, "rolled back:", err)
	}
	if err := ship(ctx, client, order, nil); err != nil {
		return err
	}
	fmt.Fprintf(out, "shipped: %s\n", (<-shipments).Body)
	return client.Drain(ctx)
}

func ship(ctx context.Context, client *stomp.Client, order stomp.Frame, trouble error) error {
	tx, err := client.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Abort(context.WithoutCancel(ctx)) // does nothing after Commit
	if err := tx.Send(ctx, "/queue/shipments", order.Body); err != nil {
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
