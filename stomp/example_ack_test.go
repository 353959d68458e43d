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

// A worker: the broker keeps each job until it is acknowledged, and sends no more than 10 before. ErrStale is no reason to
// stop: the job's session is over, and the broker delivers it again.
func ExampleFrame_Ack() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	for _, job := range []string{"paint the fence", "polish the brass"} {
		broker.Publish("/queue/jobs", nil, []byte(job))
	}
	jobs, err := client.Subscribe(ctx, "/queue/jobs",
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "10"))
	if err != nil {
		log.Fatal(err)
	}
	done := 0
	for job := range jobs {
		fmt.Printf("%s: done\n", job.Body)
		if err := job.Ack(ctx); err != nil && !errors.Is(err, stomp.ErrStale) {
			log.Print(err)
		}
		if done++; done == 2 {
			break
		}
	}
	// Output:
	// paint the fence: done
	// polish the brass: done
}

// A job that is refused comes again, on RabbitMQ; see docs/brokers.md for what others do with it.
func ExampleFrame_Nack() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	jobs, err := client.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		log.Fatal(err)
	}
	for job := range jobs {
		if !job.Redelivered() {
			fmt.Printf("%s: not today\n", job.Body)
			if err := job.Nack(ctx); err != nil {
				log.Print(err)
			}
			continue
		}
		fmt.Printf("%s: done\n", job.Body)
		if err := job.Ack(ctx, stomp.WithReceipt()); err != nil {
			log.Print(err)
		}
		break
	}
	// Output:
	// paint the fence: not today
	// paint the fence: done
}

// A service that shuts down: Drain lets the consumer finish what it was given, acks included, and leaves then.
func ExampleClient_Drain() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	broker.Publish("/queue/jobs", nil, []byte("paint the fence"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	jobs, err := client.NewSubscription(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
	if err != nil {
		log.Fatal(err)
	}

	stop, terminate := context.WithCancel(ctx) // in a service: signal.NotifyContext
	defer terminate()
	drained := make(chan error, 1)
	go func() { // joined by the receive below
		select {
		case <-stop.Done():
		case <-jobs.Done(): // the broker has cancelled it, or the Client has failed
		}
		drained <- client.Drain(ctx)
	}()
	for job := range jobs.C {
		terminate()
		fmt.Printf("%s: done\n", job.Body)
		if err := job.Ack(ctx); err != nil {
			log.Print(err)
		}
	}
	fmt.Println("drained:", errors.Join(jobs.Err(), <-drained))
	// Output:
	// paint the fence: done
	// drained: <nil>
}
