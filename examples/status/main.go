// Status watches a client through an outage: the broker cuts the connection and
// refuses new ones for a while. The subscription's channel goes on.
//
//	go run ./examples/status
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
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, out io.Writer, broker *stomptest.Broker) error {
	client, err := stomp.Connect(ctx, broker.URL(),
		stomp.WithReconnect(stomp.Backoff{Min: 50 * time.Millisecond, Max: 200 * time.Millisecond}))
	if err != nil {
		return err
	}
	defer client.Close()
	messages, err := client.Subscribe(ctx, "/topic/news", stomp.WithReceipt())
	if err != nil {
		return err
	}
	changes := client.Watch(ctx)
	<-changes // the current status comes at once

	broker.RefuseHandshakes(503, "out to lunch")
	broker.Cut()
	for status := range changes {
		switch status.State {
		case stomp.StateReconnecting:
			fmt.Fprintf(out, "attempt %d in %v: %v\n", status.Attempt, time.Until(status.RetryAt).Round(time.Millisecond), status.Err)
			if status.Attempt == 3 {
				broker.RefuseHandshakes(0, "")
			}
			continue
		case stomp.StateConnected:
			fmt.Fprintln(out, "connected again, session", status.Epoch)
		}
		break
	}
	if err := client.Send(ctx, "/topic/news", []byte("back on air")); err != nil {
		return err
	}
	m, ok := <-messages
	if !ok {
		return client.Err()
	}
	fmt.Fprintf(out, "received %q in session %d\n", m.Body, m.Epoch)
	return client.Disconnect(ctx)
}
