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

// OverflowBlock, the default, loses nothing: while three wait, the client reads no more from the connection.
func ExampleWithBuffer() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	numbers, err := client.NewSubscription(ctx, "/topic/numbers", stomp.WithBuffer(3, 0, stomp.OverflowBlock), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for i := range 5 { // the consumer reads nothing meanwhile
		broker.Publish("/topic/numbers", nil, strconv.AppendInt(nil, int64(i+1), 10))
	}
	for range 5 {
		fmt.Printf("%s ", (<-numbers.C).Body)
	}
	fmt.Println("- dropped:", numbers.Stats().Dropped)
	// Output:
	// 1 2 3 4 5 - dropped: 0
}

// OverflowDropOldest keeps the newest three.
func ExampleWithBuffer_dropOldest() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	numbers, err := client.NewSubscription(ctx, "/topic/numbers", stomp.WithBuffer(3, 0, stomp.OverflowDropOldest), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for i := range 5 { // the consumer reads nothing meanwhile
		broker.Publish("/topic/numbers", nil, strconv.AppendInt(nil, int64(i+1), 10))
	}
	for numbers.Stats().Received < 5 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		fmt.Printf("%s ", (<-numbers.C).Body)
	}
	fmt.Println("- dropped:", numbers.Stats().Dropped)
	// Output:
	// 3 4 5 - dropped: 2
}

// OverflowDropNewest keeps the first three.
func ExampleWithBuffer_dropNewest() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	numbers, err := client.NewSubscription(ctx, "/topic/numbers", stomp.WithBuffer(3, 0, stomp.OverflowDropNewest), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for i := range 5 { // the consumer reads nothing meanwhile
		broker.Publish("/topic/numbers", nil, strconv.AppendInt(nil, int64(i+1), 10))
	}
	for numbers.Stats().Received < 5 {
		time.Sleep(time.Millisecond)
	}
	for range 3 {
		fmt.Printf("%s ", (<-numbers.C).Body)
	}
	fmt.Println("- dropped:", numbers.Stats().Dropped)
	// Output:
	// 1 2 3 - dropped: 2
}

// OverflowFail ends the subscription, and nothing else.
func ExampleWithBuffer_fail() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	numbers, err := client.NewSubscription(ctx, "/topic/numbers", stomp.WithBuffer(3, 0, stomp.OverflowFail), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for i := range 5 { // the consumer reads nothing meanwhile
		broker.Publish("/topic/numbers", nil, strconv.AppendInt(nil, int64(i+1), 10))
	}
	<-numbers.Done()
	fmt.Println("slow consumer:", errors.Is(numbers.Err(), stomp.ErrSlowConsumer), "- the Client's error:", client.Err())
	// Output:
	// slow consumer: true - the Client's error: <nil>
}

// OverflowLatest keeps the newest of each destination: what a slow consumer gets is never old. With a wildcard, or in a Group,
// it gets the newest of each topic.
func ExampleWithBuffer_latest() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	prices, err := client.NewSubscription(ctx, "/topic/prices.ACME", stomp.WithBuffer(0, 0, stomp.OverflowLatest), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for _, price := range []string{"7", "8", "9"} { // the consumer reads nothing meanwhile
		broker.Publish("/topic/prices.ACME", nil, []byte(price))
	}
	for prices.Stats().Received < 3 {
		time.Sleep(time.Millisecond)
	}
	fmt.Printf("%s - dropped: %d\n", (<-prices.C).Body, prices.Stats().Dropped)
	// Output:
	// 9 - dropped: 2
}
