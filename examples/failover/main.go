// Failover goes on with a second broker when the first one dies: WithFailover names
// the second, WithRetry loses no message on the way.
//
//	go run ./examples/failover
//	go run ./examples/failover -url ws://one:15674/ws,ws://two:15674/ws -login guest -passcode guest
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define() // -url takes several, with commas between them
	flag.Parse()
	half := func() {} // kill one of your own when you like
	if broker.URL == "" {
		primary, standIn := stomptest.NewBroker(), stomptest.NewBroker()
		defer standIn.Close()
		defer primary.Close()
		broker.URL, half = primary.URL()+","+standIn.URL(), primary.Close
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, strings.Split(broker.URL, ","), half, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// run calls half when half of the orders are through.
func run(ctx context.Context, out io.Writer, urls []string, half func(), opts ...stomp.ConnectOption) error {
	opts = append(opts, stomp.WithFailover(urls[1:]...),
		stomp.WithReconnect(stomp.Backoff{Min: 10 * time.Millisecond, Max: 100 * time.Millisecond}))
	client, err := stomp.Connect(ctx, urls[0], opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	orders, err := client.NewSubscription(ctx, "/topic/orders", stomp.WithReceipt())
	if err != nil {
		return err
	}
	for i := range 4 {
		if i == 2 {
			half()
		}
		// Returns when one of the brokers has confirmed the message, within ctx.
		if err := client.Send(ctx, "/topic/orders", fmt.Appendf(nil, "order %d", i+1), stomp.WithRetry()); err != nil {
			return err
		}
		m, ok := <-orders.C
		if !ok {
			return cmp.Or(orders.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
		}
		fmt.Fprintf(out, "%s came through session %d\n", m.Body, m.Epoch)
	}
	if client.Status().Session.URL != urls[0] {
		fmt.Fprintln(out, "the stand-in has taken over")
	}
	return client.Disconnect(ctx)
}
