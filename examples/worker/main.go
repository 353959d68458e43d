// Worker takes jobs from a queue, acknowledges each one, refuses those that fail
// (NACK), and on SIGINT or SIGTERM finishes the jobs it has before it exits.
//
// What becomes of a job after NACK is the broker's affair, and on Artemis it is lost:
// examples/deadletter tries again and keeps what fails for good, on each of them.
//
//	go run ./examples/worker
//	go run ./examples/worker -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const queue = "/queue/jobs"

func main() {
	broker := brokerflag.Define()
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		for _, job := range []string{"paint", "fail once", "polish"} {
			embedded.Publish(queue, nil, []byte(job))
		}
		broker.URL = embedded.URL()
		fmt.Println("press Ctrl-C to end")
	}
	if err := run(ctx, os.Stdout, broker.URL, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, out io.Writer, url string, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url, opts...)
	if err != nil {
		return err
	}
	defer client.Close()
	// Not ctx: its end would end the subscription at once. Drain ends it when the
	// jobs that were received are done.
	jobs, err := client.NewSubscription(context.WithoutCancel(ctx), queue,
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "10"))
	if err != nil {
		return err
	}
	drained := make(chan error, 1)
	go func() { // joined by the receive from drained below
		select {
		case <-ctx.Done():
		case <-jobs.Done(): // it has failed, or the client has
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		drained <- client.Drain(grace)
	}()
	refused := afterNack(client.Status().Session.Server)
	for job := range jobs.C {
		settle := job.Ack
		if err := work(job); err != nil {
			fmt.Fprintf(out, "%s: %v, %s\n", job.Body, err, refused)
			settle = job.Nack
		} else {
			fmt.Fprintf(out, "%s: done\n", job.Body)
		}
		if err := settle(context.WithoutCancel(ctx)); err != nil {
			fmt.Fprintln(out, err) // its session is over, so the broker delivers it again
		}
	}
	return errors.Join(jobs.Err(), <-drained)
}

// afterNack says what a broker does with a job after NACK. STOMP leaves that open.
func afterNack(server string) string {
	switch name, _, _ := strings.Cut(server, "/"); name {
	case "RabbitMQ", "stomptest":
		return "back to the queue" // at once, and again and again
	case "ActiveMQ":
		return "to the queue ActiveMQ.DLQ"
	case "ActiveMQ-Artemis":
		return "dropped" // also where a dead letter address is configured
	default:
		return "refused"
	}
}

func work(job stomp.Frame) error {
	if string(job.Body) == "fail once" && !job.Redelivered() {
		return errors.New("the machine jammed")
	}
	return nil
}
