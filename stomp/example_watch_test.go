package stomp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Watch follows what the Client is doing, for a health check or a log. It tells the newest state: of two that follow each other
// quickly, the first may be skipped.
func ExampleClient_Watch() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for status := range client.Watch(ctx) {
		fmt.Println(status.State)
		if status.State == stomp.StateConnected {
			client.Close()
		}
	}
	// Output:
	// connected
	// closed
}

// Counters over all sessions, for an exporter.
func ExampleClient_Stats() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.Send(ctx, "/queue/a", []byte("hello"), stomp.WithReceipt()); err != nil {
		log.Fatal(err)
	}
	s := client.Stats()
	fmt.Printf("sent %d, sessions %d, receipts pending %d, dropped %d\n", s.FramesSent, s.Sessions, s.ReceiptsPending, s.Dropped)
	// Output:
	// sent 1, sessions 1, receipts pending 0, dropped 0
}

// What each subscription does, seen from outside. Epoch 0 would say that it stands on no session now, and Err why.
func ExampleClient_Subscriptions() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.Subscribe(ctx, "/queue/jobs", stomp.WithID("jobs"), stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range client.Subscriptions() {
		fmt.Printf("%s at %s, %v: session %d, error %v, %d wait\n", s.ID, s.Destination, s.AckMode, s.Epoch, s.Err, s.Stats.Queued)
	}
	// Output:
	// jobs at /queue/jobs, client-individual: session 1, error <nil>, 0 wait
}
