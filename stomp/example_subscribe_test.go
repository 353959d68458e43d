package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The ctx is the life of the subscription: its end closes the channel, and the loop is over.
func ExampleClient_Subscribe() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	client, err := stomp.Connect(context.Background(), broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	messages, err := client.Subscribe(ctx, "/topic/prices", stomp.WithReceipt()) // the broker has it now
	if err != nil {
		log.Fatal(err)
	}
	broker.Publish("/topic/prices", nil, []byte("12.99"))
	for m := range messages {
		fmt.Printf("%s\n", m.Body)
		cancel()
	}
	fmt.Println("the Client's error:", client.Err())
	// Output:
	// 12.99
	// the Client's error: <nil>
}

// A Subscription tells why its channel was closed. Here somebody deleted the queue.
func ExampleClient_NewSubscription() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	sub, err := client.NewSubscription(ctx, "/queue/prices", stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	broker.Cancel("/queue/prices")
	for m := range sub.C {
		fmt.Printf("%s\n", m.Body)
	}
	var refused *stomp.Error
	if errors.As(sub.Err(), &refused) {
		fmt.Println(refused.Message)
	}
	fmt.Println("the Client's error:", client.Err())
	// Output:
	// Server cancelled subscription
	// the Client's error: <nil>
}

// Bodies that are JSON come as Go values. One that does not decode is told in its place, and the loop goes on.
func ExampleSubscribeJSON() {
	type price struct {
		Symbol string
		Cents  int
	}
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	prices, err := stomp.SubscribeJSON[price](ctx, client, "/queue/prices")
	if err != nil {
		log.Fatal(err)
	}
	broker.Publish("/queue/prices", nil, []byte("closed today"))
	if err := client.SendJSON(ctx, "/queue/prices", price{"ACME", 1299}); err != nil {
		log.Fatal(err)
	}
	for p := range prices {
		if p.Err != nil {
			fmt.Printf("no price: %q\n", p.Body)
			continue
		}
		fmt.Printf("%s costs %d cents\n", p.Value.Symbol, p.Value.Cents)
		break
	}
	// Output:
	// no price: "closed today"
	// ACME costs 1299 cents
}

// Any decoder will do: it gets the whole frame, its header too.
func ExampleSubscribeAs() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/numbers", nil, []byte("42"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	number := func(f stomp.Frame) (int, error) { return strconv.Atoi(string(f.Body)) }
	sub, err := stomp.SubscribeAs(ctx, client, "/queue/numbers", number)
	if err != nil {
		log.Fatal(err)
	}
	m := <-sub.C
	fmt.Println(m.Value+1, m.Err)
	// Output:
	// 43 <nil>
}

// A MESSAGE of a subscription that nobody has made: RabbitMQ sends such ones for /temp-queue/.
func ExampleClient_Unmatched() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	strays := client.Unmatched(ctx)
	err = broker.SendFrame("MESSAGE", [][2]string{{"subscription", "/temp-queue/x"}, {"destination", "/queue/x"}, {"message-id", "1"}}, []byte("hello"))
	if err != nil {
		log.Fatal(err)
	}
	m := <-strays
	fmt.Printf("%s for %s, unmatched so far: %d\n", m.Body, m.SubscriptionID(), client.Stats().Unmatched)
	// Output:
	// hello for /temp-queue/x, unmatched so far: 1
}
