// Requestreply sends requests to a service over a queue and waits for the replies,
// several at the same time.
//
//	go run ./examples/requestreply
//	go run ./examples/requestreply -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const service = "/queue/shout"

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
	requests, err := client.Subscribe(ctx, service, stomp.WithReceipt())
	if err != nil {
		return err
	}
	go serve(ctx, client, requests) // ends when Close closes requests

	words := []string{"tea", "coffee", "water"}
	replies := make([]stomp.Frame, len(words))
	var asking errgroup.Group
	for i, word := range words {
		asking.Go(func() (err error) {
			replies[i], err = client.Request(ctx, service, []byte(word))
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return err
	}
	for i, reply := range replies {
		fmt.Fprintf(out, "%s → %s\n", words[i], reply.Body)
	}
	return client.Disconnect(ctx)
}

// serve answers each request: Reply sends to its reply-to, with its correlation-id.
func serve(ctx context.Context, client *stomp.Client, requests <-chan stomp.Frame) {
	for r := range requests {
		if err := client.Reply(ctx, r, bytes.ToUpper(r.Body)); err != nil {
			log.Print(err) // who asked waits until its ctx ends
		}
	}
}
