// Worker takes jobs from a queue, acknowledges each one, returns those that fail
// (NACK), and on SIGINT finishes the jobs it has before it exits.
//
//	go run ./examples/worker
//	go run ./examples/worker -url ws://127.0.0.1:15674/ws
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

const queue = "/queue/jobs"

func main() {
	url := flag.String("url", "", "the broker; without one, an embedded broker with three jobs is started")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *url == "" {
		broker := stomptest.NewBroker()
		defer broker.Close()
		for _, job := range []string{"paint", "fail once", "polish"} {
			broker.Publish(queue, nil, []byte(job))
		}
		*url = broker.URL()
		fmt.Println("press Ctrl-C to end")
	}
	if err := run(ctx, os.Stdout, *url); err != nil {
		log.Print(err)
	}
}

func run(ctx context.Context, out io.Writer, url string) error {
	client, err := stomp.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer client.Close()
	// Not ctx: its end would end the subscription at once. Drain ends it when the
	// jobs that were received are done.
	jobs, err := client.Subscribe(context.WithoutCancel(ctx), queue,
		stomp.WithAck(stomp.AckClientIndividual), stomp.WithHeader("prefetch-count", "10"))
	if err != nil {
		return err
	}
	drained := make(chan error, 1)
	go func() { // joined by the receive from drained below
		select {
		case <-ctx.Done():
		case <-client.Done():
		}
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		drained <- client.Drain(grace)
	}()
	for job := range jobs {
		settle := client.Ack
		if err := work(job); err != nil {
			fmt.Fprintf(out, "%s: %v, back to the queue\n", job.Body, err)
			settle = client.Nack
		} else {
			fmt.Fprintf(out, "%s: done\n", job.Body)
		}
		if err := settle(context.WithoutCancel(ctx), job); err != nil {
			fmt.Fprintln(out, err) // the broker delivers it again
		}
	}
	return <-drained
}

func work(job stomp.Frame) error {
	if string(job.Body) == "fail once" && job.Header.Get("redelivered") != "true" {
		return fmt.Errorf("the machine jammed")
	}
	return nil
}
