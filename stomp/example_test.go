package stomp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Connect, subscribe, send, receive, leave. The embedded broker stands in for a real one.
func Example() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	messages, err := client.Subscribe(ctx, "/queue/greetings")
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Send(ctx, "/queue/greetings", []byte("hello")); err != nil {
		log.Fatal(err)
	}
	for m := range messages {
		fmt.Printf("%s: %s\n", m.Destination(), m.Body)
		break
	}
	if err := client.Disconnect(ctx); err != nil {
		fmt.Println(err)
	}
	// Output:
	// /queue/greetings: hello
}
