package stomptest_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Every connection breaks, and what does the service do now? This one goes on with the next session.
func ExampleBroker_Cut() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	broker.Cut()
	if err := client.Send(ctx, "/queue/a", []byte("hello"), stomp.WithRetry()); err != nil {
		log.Fatal(err)
	}
	fmt.Println("sessions:", broker.Sessions(), "- in the queue:", broker.QueueLen("/queue/a"))
	// Output:
	// sessions: 2 - in the queue: 1
}

// A server that is down for maintenance: each attempt to connect is refused, until it is back.
func ExampleBroker_RefuseHandshakes() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.RefuseHandshakes(503, "back in a minute")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	_, err := stomp.Connect(ctx, broker.URL())
	var failed *stomp.ConnectError
	fmt.Println("refused with a status:", errors.As(err, &failed) && failed.StatusCode == 503)

	broker.RefuseHandshakes(0, "")
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	fmt.Println(client.Status().State)
	// Output:
	// refused with a status: true
	// connected
}

// A network that swallows everything: nothing is closed, and only the heart-beats tell.
func ExampleBroker_Silence() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithHeartBeat(0, 50*time.Millisecond), stomp.WithoutReconnect())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	broker.Silence(true)
	<-client.Done()
	fmt.Println("no heart-beat:", errors.Is(client.Err(), stomp.ErrHeartBeat))
	// Output:
	// no heart-beat: true
}

// Somebody deletes a queue under its subscriber.
func ExampleBroker_Cancel() {
	broker := stomptest.NewBroker(stomptest.WithProfile(stomptest.RabbitMQ4))
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sub, err := client.NewSubscription(ctx, "/queue/jobs", stomp.WithReceipt())
	if err != nil {
		log.Fatal(err)
	}

	broker.Cancel("/queue/jobs")
	<-sub.Done()
	var refused *stomp.Error
	if errors.As(sub.Err(), &refused) {
		fmt.Println(refused.Message)
	}
	// Output:
	// Server cancelled subscription
}
