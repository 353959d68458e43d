// Orders is a service in two files, and the tests of it that matter: orders_test.go has
// what happens when the connection breaks, the broker refuses or falls silent, or an
// order comes twice, on a broker in memory and with exact times.
//
//	go run ./examples/orders
//	go run ./examples/orders -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define()
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		for _, order := range []string{`{"ID":"1","Item":"cup"}`, `a cup, please`, `{"ID":"2","Item":"pot"}`} {
			embedded.Publish(orderQueue, nil, []byte(order))
		}
		broker.URL = embedded.URL()
		fmt.Println("press Ctrl-C to end")
	}
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
	var shipped sync.Map // ends with the program; a real one has a table
	service := &Service{
		Shipped: func(id string) bool { _, ok := shipped.Load(id); return ok },
		Ship: func(id string) {
			shipped.Store(id, true)
			fmt.Fprintf(out, "order %s: shipped\n", id)
		},
		Log: slog.Default(),
	}
	return service.Run(ctx, client)
}
