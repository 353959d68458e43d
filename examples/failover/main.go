// Failover goes on with a second broker when the first one dies: WithFailover names
// the second, WithRetry loses no message on the way.
//
//	go run ./examples/failover
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

func main() {
	primary, standIn := stomptest.NewBroker(), stomptest.NewBroker()
	defer standIn.Close()
	defer primary.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, primary, standIn); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, out io.Writer, primary, standIn *stomptest.Broker) error {
	client, err := stomp.Connect(ctx, primary.URL(), stomp.WithFailover(standIn.URL()),
		stomp.WithReconnect(stomp.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}))
	if err != nil {
		return err
	}
	defer client.Close()
	messages, err := client.Subscribe(ctx, "/topic/orders", stomp.WithReceipt())
	if err != nil {
		return err
	}
	for i := range 4 {
		if i == 2 {
			primary.Close()
		}
		// Returns when one of the brokers has confirmed the message, within ctx.
		if err := client.Send(ctx, "/topic/orders", fmt.Appendf(nil, "order %d", i+1), stomp.WithRetry()); err != nil {
			return err
		}
		m, ok := <-messages
		if !ok {
			return client.Err()
		}
		fmt.Fprintf(out, "%s came through session %d\n", m.Body, m.Epoch)
	}
	if client.Status().Session.URL == standIn.URL() {
		fmt.Fprintln(out, "the stand-in has taken over")
	}
	return client.Disconnect(ctx)
}
