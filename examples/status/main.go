// Status watches a client through an outage, until a message arrives on /queue/news:
// the subscription's channel goes on. The embedded broker cuts the connection and
// refuses new ones for a while; with -url, restart your own.
//
//	go run ./examples/status
//	go run ./examples/status -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
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

const queue = "/queue/news" // no topic: what is sent before the subscription is back waits for it

func main() {
	broker := brokerflag.Define()
	flag.Parse()
	trouble := func(stomp.Status) {} // a real broker has its own
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL, trouble = embedded.URL(), outage(embedded)
	}
	if err := run(context.Background(), os.Stdout, broker.URL, trouble, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// run calls seen at each change of the client's state.
func run(ctx context.Context, out io.Writer, url string, seen func(stomp.Status), opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url,
		append(opts, stomp.WithReconnect(stomp.Backoff{Min: 50 * time.Millisecond, Max: 200 * time.Millisecond}))...)
	if err != nil {
		return err
	}
	defer client.Close()
	news, err := client.NewSubscription(ctx, queue, stomp.WithReceipt())
	if err != nil {
		return err
	}
	changes := client.Watch(ctx) // the current status comes at once, then the newest
	for {
		select {
		case status, ok := <-changes:
			if !ok {
				changes = nil // the Client has ended: news.C closes as well
				continue
			}
			switch status.State {
			case stomp.StateReconnecting:
				fmt.Fprintf(out, "attempt %d in %v: %v\n", status.Attempt, time.Until(status.RetryAt).Round(time.Millisecond), status.Err)
			case stomp.StateConnected:
				fmt.Fprintln(out, "connected, session", status.Epoch)
			}
			seen(status)
		case m, ok := <-news.C:
			if !ok {
				return news.Err()
			}
			fmt.Fprintf(out, "received %q in session %d\n", m.Body, m.Epoch)
			return client.Disconnect(ctx)
		}
	}
}

// outage makes the broker cut the first session, refuse three attempts, and send
// news to the second session.
func outage(broker *stomptest.Broker) func(stomp.Status) {
	return func(status stomp.Status) {
		switch {
		case status.State == stomp.StateConnected && status.Epoch == 1:
			broker.RefuseHandshakes(503, "out to lunch")
			broker.Cut()
		case status.State == stomp.StateReconnecting && status.Attempt >= 3:
			broker.RefuseHandshakes(0, "")
		case status.State == stomp.StateConnected:
			broker.Publish(queue, nil, []byte("back on air"))
		}
	}
}
