package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Two topics on one channel, without a goroutine each. Members may come and go while it runs.
func ExampleClient_NewGroup() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	prices, err := client.NewGroup(ctx, stomp.WithBuffer(0, 0, stomp.OverflowLatest))
	if err != nil {
		log.Fatal(err)
	}
	acme, err := prices.Add(ctx, "/topic/prices.ACME", stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	if _, err := prices.Add(ctx, "/topic/prices.INIT", stomp.WithReceipt()); err != nil {
		log.Fatal(err)
	}
	for _, price := range []string{"7", "8", "9"} { // the consumer reads nothing meanwhile: the newest one waits
		broker.Publish("/topic/prices.ACME", nil, []byte(price))
	}
	broker.Publish("/topic/prices.INIT", nil, []byte("5"))
	for prices.Stats().Received < 4 {
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		m := <-prices.C
		fmt.Printf("%s %s, of ACME's member: %t\n", m.Destination(), m.Body, m.SubscriptionID() == acme.ID())
	}
	// Output:
	// /topic/prices.ACME 9, of ACME's member: true
	// /topic/prices.INIT 5, of ACME's member: false
}

// The broker cancels one member. It comes on Failed with its reason, and the Group goes on.
func ExampleGroup_Failed() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	jobs, err := client.NewGroup(ctx)
	if err != nil {
		log.Fatal(err)
	}
	for _, queue := range []string{"/queue/paint", "/queue/polish"} {
		if _, err := jobs.Add(ctx, queue, stomp.WithReceipt()); err != nil {
			log.Fatal(err)
		}
	}
	broker.Cancel("/queue/paint")
	failed := <-jobs.Failed() // in a service: a case of the select that reads jobs.C; nil when that is closed
	var refused *stomp.Error
	if errors.As(failed.Err(), &refused) {
		fmt.Println(failed.Destination(), "-", refused.Message)
	}

	broker.Publish("/queue/polish", nil, []byte("the brass"))
	fmt.Printf("%s\n", (<-jobs.C).Body)
	// Output:
	// /queue/paint - Server cancelled subscription
	// the brass
}
