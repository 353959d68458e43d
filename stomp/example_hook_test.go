package stomp_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Each SEND passes the hook, which may change its header and body, and is told what becomes of it: for tracing, metrics or
// encryption. This one encodes the body.
func ExampleWithSendHook() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	encode := func(ctx context.Context, out *stomp.Outgoing) (done func(error), err error) {
		out.Header.Set("encoding", "base64")
		out.Body = base64.StdEncoding.AppendEncode(nil, out.Body) // a new slice: the old one is the caller's
		return func(err error) { fmt.Println("sent to", out.Destination, "- error:", err) }, nil
	}
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithSendHook(encode))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.Send(ctx, "/queue/a", []byte("hello"), stomp.WithReceipt()); err != nil {
		log.Fatal(err)
	}
	messages, err := client.Subscribe(ctx, "/queue/a")
	if err != nil {
		log.Fatal(err)
	}
	m := <-messages
	fmt.Printf("%s in %s\n", m.Body, m.Header.Get("encoding"))
	// Output:
	// sent to /queue/a - error: <nil>
	// aGVsbG8= in base64
}
