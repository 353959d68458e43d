package stomp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// One client asks, another replies. Any number of requests may wait at the same time.
func ExampleClient_Request() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	server, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	requests, err := server.Subscribe(ctx, "/queue/square")
	if err != nil {
		log.Fatal(err)
	}
	go func() { // ends with the server's channel
		for r := range requests {
			n, _ := strconv.Atoi(string(r.Body))
			if err := server.Reply(ctx, r, strconv.AppendInt(nil, int64(n*n), 10)); err != nil {
				log.Print(err)
			}
		}
	}()

	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	reply, err := client.Request(ctx, "/queue/square", []byte("12"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply.Body)
	// Output:
	// 144
}

// A responder. A request without a reply-to wants no answer.
func ExampleClient_Reply() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	broker.Publish("/queue/shout", [][2]string{{"reply-to", "/queue/answers"}, {"correlation-id", "7"}}, []byte("tea"))
	requests, err := client.Subscribe(ctx, "/queue/shout")
	if err != nil {
		log.Fatal(err)
	}
	r := <-requests // in a service: range over them
	if err := client.Reply(ctx, r, bytes.ToUpper(r.Body)); err != nil && !errors.Is(err, stomp.ErrNoReplyTo) {
		log.Fatal(err)
	}

	answers, err := client.Subscribe(ctx, "/queue/answers")
	if err != nil {
		log.Fatal(err)
	}
	answer := <-answers
	fmt.Printf("%s, in answer to %s\n", answer.Body, answer.Header.Get("correlation-id"))
	// Output:
	// TEA, in answer to 7
}

// Request and reply as Go values, on both sides.
func ExampleRequestJSON() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	type order struct{ Item string }
	type price struct{ Cents int }
	orders, err := stomp.SubscribeJSON[order](ctx, client, "/queue/quotes")
	if err != nil {
		log.Fatal(err)
	}
	go func() { // ends with the Client, which closes the channel
		for o := range orders {
			if err := client.ReplyJSON(ctx, o.Frame, price{Cents: 100 * len(o.Value.Item)}); err != nil {
				log.Print(err)
			}
		}
	}()

	quote, err := stomp.RequestJSON[price](ctx, client, "/queue/quotes", order{Item: "fence"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(quote.Cents, "cents")
	// Output:
	// 500 cents
}
