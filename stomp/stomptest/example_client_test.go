package stomptest_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What a service's test asks the broker: what came, and what is left.
func ExampleBroker_AwaitReceived() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	if err := client.Send(ctx, "/queue/orders", []byte("one")); err != nil { // the service does so
		log.Fatal(err)
	}

	order, err := broker.AwaitReceived(ctx, func(e stomptest.Event) bool {
		return e.Frame.Command == "SEND" && e.Frame.Get("destination") == "/queue/orders"
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, content-type %s\n", order.Frame.Body, order.Frame.Get("content-type"))
	// Output:
	// one, content-type text/plain
}

// Publish brings messages for the service under test. What nobody has acknowledged is put back when the connection ends.
func ExampleBroker_Publish() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/jobs", [][2]string{{"priority", "9"}}, []byte("paint the fence"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	jobs, err := client.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		log.Fatal(err)
	}
	job := <-jobs
	fmt.Printf("%s, priority %s, not acknowledged: %d\n", job.Body, job.Header.Get("priority"), broker.Unacked("/queue/jobs"))
	if err := job.Ack(ctx, stomp.WithReceipt()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("left:", broker.QueueLen("/queue/jobs")+broker.Unacked("/queue/jobs"))
	// Output:
	// paint the fence, priority 9, not acknowledged: 1
	// left: 0
}

// Without sockets, so that it works inside testing/synctest as well, where time is the bubble's own.
func ExampleWithPipe() {
	broker := stomptest.NewBroker(stomptest.WithPipe())
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithHTTPClient(broker.Client()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Send(ctx, "/queue/a", nil, stomp.WithReceipt()))
	// Output:
	// <nil>
}

// A profile makes the broker behave as a named server does: Spring's simple broker sends no RECEIPT for a SEND.
func ExampleWithProfile() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.Spring))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	err = client.Send(short, "/topic/a", nil, stomp.WithReceipt())
	fmt.Println("no receipt:", err != nil && short.Err() != nil)
	// Output:
	// no receipt: true
}
