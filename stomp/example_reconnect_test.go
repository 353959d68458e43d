package stomp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A lost connection is replaced, here within a second. The channel stays the same, and Epoch tells where messages of a topic
// may be missing; those of a queue have waited.
func ExampleWithReconnect() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithReconnect(stomp.Backoff{Max: time.Second}))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	jobs, err := client.Subscribe(ctx, "/queue/jobs", stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}
	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	job := <-jobs
	fmt.Printf("%s, session %d\n", job.Body, job.Epoch)

	broker.Cut()
	broker.Publish("/queue/jobs", nil, []byte("polish the brass"))
	job = <-jobs
	fmt.Printf("%s, session %d\n", job.Body, job.Epoch)
	// Output:
	// paint the fence, session 1
	// polish the brass, session 2
}

// A new session when you want one, for a token that was rotated or a node that is to be drained. Nothing is lost.
func ExampleClient_Reconnect() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.Reconnect(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions so far:", client.Status().Epoch)
	// Output:
	// sessions so far: 2
}

// An operator deletes the queue and declares it anew. The subscription waits for it, and Restored counts.
func ExampleWithResubscribe() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	sub, err := client.NewSubscription(ctx, "/queue/jobs", stomp.WithReceipt(), stomp.WithResubscribe(stomp.Backoff{Max: time.Second}))
	if err != nil {
		log.Fatal(err)
	}
	broker.Cancel("/queue/jobs")
	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	job := <-sub.C
	fmt.Printf("%s, session %d, restored %d time\n", job.Body, job.Epoch, sub.Stats().Restored)
	// Output:
	// paint the fence, session 1, restored 1 time
}

// Each SUBSCRIBE, on each session, says where to go on.
func ExampleWithSubscribeHeaderFunc() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	next := 1 // in a service: an atomic.Int64, which the consumer moves on
	_, err = client.Subscribe(ctx, "/queue/journal", stomp.WithReceipt(),
		stomp.WithSubscribeHeaderFunc(func(ctx context.Context) (stomp.Header, error) {
			entries := stomp.Header{{"x-stream-offset", fmt.Sprintf("offset=%d", next)}}
			next += 10
			return entries, nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Reconnect(ctx); err != nil {
		log.Fatal(err)
	}
	for n := range 2 {
		e, err := broker.AwaitReceived(ctx, func(e stomptest.Event) bool {
			return e.Frame.Command == "SUBSCRIBE" && e.Connection == uint64(n+1)
		})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Frame.Get("x-stream-offset"))
	}
	// Output:
	// offset=1
	// offset=11
}
