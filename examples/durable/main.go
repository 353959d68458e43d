// Durable makes a durable subscription, leaves, misses messages, comes back and gets
// them, and ends it for good: on RabbitMQ, ActiveMQ Artemis and ActiveMQ Classic, each
// in its own way.
//
//	go run ./examples/durable
//	go run ./examples/durable -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const topic = "/topic/invoices"

func main() {
	broker := brokerflag.Define()
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// recipe is how a broker does durable subscriptions. STOMP has none.
type recipe struct {
	connect     []stomp.ConnectOption
	subscribe   []stomp.SubscribeOption
	unsubscribe []stomp.FrameOption // these end it for good
	send        []stomp.SendOption
}

// recipeFor returns the recipe for the server of CONNECTED, for a subscription of that
// name.
func recipeFor(server, name string) (recipe, error) {
	switch product, _, _ := strings.Cut(server, "/"); product {
	case "RabbitMQ", "stomptest":
		durable, kept := stomp.WithHeader("durable", "true"), stomp.WithHeader("auto-delete", "false")
		return recipe{
			subscribe:   []stomp.SubscribeOption{stomp.WithID(name), durable, kept}, // id and topic name the queue
			unsubscribe: []stomp.FrameOption{durable, kept},
		}, nil
	case "ActiveMQ":
		subscription := stomp.WithHeader("activemq.subscriptionName", name)
		return recipe{
			connect:     []stomp.ConnectOption{stomp.WithHeader("client-id", name)}, // one connection at a time may have it
			subscribe:   []stomp.SubscribeOption{subscription},
			unsubscribe: []stomp.FrameOption{subscription},
		}, nil
	case "ActiveMQ-Artemis":
		subscription := stomp.WithHeader("durable-subscription-name", name)
		return recipe{
			connect: []stomp.ConnectOption{stomp.WithHeader("client-id", name)},
			// The address has to be multicast, where the acceptor's prefixes do not say so.
			subscribe:   []stomp.SubscribeOption{subscription, stomp.WithHeader("subscription-type", "MULTICAST")},
			unsubscribe: []stomp.FrameOption{subscription},
			send:        []stomp.SendOption{stomp.WithHeader("destination-type", "MULTICAST")},
		}, nil
	default:
		return recipe{}, fmt.Errorf("no recipe for the server %q", server) // Spring's simple broker stores nothing
	}
}

func run(ctx context.Context, out io.Writer, url string, opts ...stomp.ConnectOption) error {
	publisher, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer publisher.Close()
	recipe, err := recipeFor(publisher.Status().Session.Server, "billing")
	if err != nil {
		return err
	}
	publish := func(text string) error {
		fmt.Fprintln(out, "sent:", text)
		// WithPersistent, so that what is collected outlives a restart of the broker as well.
		return publisher.Send(ctx, topic, []byte(text), append(recipe.send, stomp.WithPersistent(), stomp.WithReceipt())...)
	}
	opts = slices.Concat(opts, recipe.connect)

	// Nothing is collected before the first SUBSCRIBE has arrived.
	client, sub, err := subscribe(ctx, url, recipe, opts)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := publish("invoice 1"); err != nil {
		return err
	}
	if err := take(ctx, out, sub, 1); err != nil {
		return err
	}
	if err := client.Disconnect(ctx); err != nil { // leaves, and does not end it
		return err
	}
	fmt.Fprintln(out, "billing is away")
	for _, missed := range []string{"invoice 2", "invoice 3"} {
		if err := publish(missed); err != nil {
			return err
		}
	}

	client, sub, err = subscribe(ctx, url, recipe, opts) // resumes: the same options as the first time
	if err != nil {
		return err
	}
	defer client.Close()
	fmt.Fprintln(out, "billing is back")
	if err := take(ctx, out, sub, 2); err != nil {
		return err
	}
	if err := sub.Unsubscribe(ctx, append(recipe.unsubscribe, stomp.WithReceipt())...); err != nil {
		return err
	}
	fmt.Fprintln(out, "ended for good: nothing is collected any more")
	if err := client.Disconnect(ctx); err != nil {
		return err
	}
	return publisher.Disconnect(ctx)
}

func subscribe(ctx context.Context, url string, recipe recipe, opts []stomp.ConnectOption) (*stomp.Client, *stomp.Subscription[stomp.Frame], error) {
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return nil, nil, err
	}
	// In auto mode what is on its way when the connection ends would be lost.
	sub, err := client.NewSubscription(ctx, topic,
		append(recipe.subscribe, stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())...)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	return client, sub, nil
}

// take takes and acknowledges n messages.
func take(ctx context.Context, out io.Writer, sub *stomp.Subscription[stomp.Frame], n int) error {
	for range n {
		m, ok := <-sub.C
		if !ok {
			return cmp.Or(sub.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
		}
		fmt.Fprintf(out, "billing has %s\n", m.Body)
		if err := m.Ack(ctx, stomp.WithReceipt()); err != nil {
			return err
		}
	}
	return nil
}
