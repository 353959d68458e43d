// Deadletter tries failed orders again after a delay, and puts those that go on
// failing into a dead letter queue: on RabbitMQ, ActiveMQ Artemis and ActiveMQ Classic,
// each in its own way (brokers.go), and on any other broker with acknowledgements.
//
//	go run ./examples/deadletter
//	go run ./examples/deadletter -url ws://127.0.0.1:15674/ws -login guest -passcode guest
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
	delay := flag.Duration("delay", time.Second, "before the second attempt; it doubles with each further one")
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, *delay, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// run places three orders, has a worker at them, and ends when the last of them has
// come to the dead letter queue.
func run(ctx context.Context, out io.Writer, url string, delay time.Duration, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	recipe, err := recipeFor(client.Status().Session.Server)
	if err != nil {
		return err
	}
	// Before the worker begins, so that RabbitMQ has the queue when it needs it.
	dead, err := client.NewSubscription(ctx, recipe.dead, stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())
	if err != nil {
		return err
	}
	w := &worker{client: client, recipe: recipe, delay: delay, work: brew, out: out}
	working := make(chan error, 1)
	go func() { // ends with the Client
		err := w.run(ctx)
		if err != nil {
			client.Close()
		}
		working <- err
	}()
	end := func(err error) error { // lets the worker finish what it is at
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		return errors.Join(err, client.Drain(grace), <-working)
	}
	for _, order := range []string{"tea", "coffee", "absinthe"} {
		if err := client.Send(ctx, workQueue, []byte(order), recipe.sending(stomp.WithRetry())...); err != nil {
			return end(err) // the worker's may be the reason
		}
	}
	var drained chan error
	for letter := range dead.C {
		fmt.Fprintf(out, "%s is in %s, after attempt %d\n", letter.Body, recipe.dead, attempt(letter))
		if err := letter.Ack(ctx); err != nil {
			log.Print(err) // it comes again
		}
		if string(letter.Body) == "absinthe" && drained == nil { // a queue may have others, of an earlier run
			drained = make(chan error, 1)
			go func() { drained <- client.Drain(ctx) }() // which waits until nothing is left to be acknowledged
		}
	}
	if drained == nil { // ctx has ended, or something has failed
		return end(cmp.Or(dead.Err(), context.Cause(ctx)))
	}
	return errors.Join(<-drained, <-working)
}

// brew is the work: coffee fails once, absinthe always.
func brew(order stomp.Frame) error {
	switch string(order.Body) {
	case "coffee":
		if attempt(order) == 1 {
			return errors.New("the machine is cold")
		}
	case "absinthe":
		return errors.New("not on the menu")
	}
	return nil
}
