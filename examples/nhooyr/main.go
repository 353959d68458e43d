// Nhooyr carries STOMP over a WebSocket that the program dials itself, with
// nhooyr.io/websocket: on the embedded broker, or with -url on a real one. Any
// other library that returns a net.Conn works the same way.
//
//	cd examples/nhooyr
//	go run .
//	go run . -url ws://127.0.0.1:15674/ws -login guest -passcode guest
package main

//lint:file-ignore SA1019 the deprecated library is what this is about

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"time"

	"nhooyr.io/websocket"

	"github.com/webstomp/webstomp/examples/internal/brokerflag"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func main() {
	broker := brokerflag.Define()
	binary := flag.Bool("binary", false, "the broker sends binary messages, as Artemis does")
	flag.Parse()
	if broker.URL == "" {
		embedded := stomptest.NewBroker()
		defer embedded.Close()
		broker.URL = embedded.URL()
		fmt.Println("embedded broker at", broker.URL)
	}
	typ := websocket.MessageText
	if *binary {
		typ = websocket.MessageBinary
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout, broker.URL, typ, broker.Options()...); err != nil {
		log.Fatal(err)
	}
}

// dialer returns what WithDialer calls for each connection, the first one and
// those after an outage.
//
// typ is the type of all messages in both directions: NetConn closes the
// connection when a message of the other type comes. RabbitMQ, ActiveMQ Classic
// and Spring send text, Artemis sends binary. What the library's own WebSocket does
// beyond this is missing: it accepts both types, sends frames that are not UTF-8 as
// binary, and sends long frames in the fragments that Artemis needs.
func dialer(typ websocket.MessageType) func(ctx context.Context, url string) (net.Conn, error) {
	return func(ctx context.Context, url string) (net.Conn, error) {
		conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
			Subprotocols: []string{"v12.stomp", "v11.stomp", "v10.stomp"}, // the newest first: some brokers choose the first that they know
		})
		if err != nil {
			return nil, err
		}
		// Not ctx, which ends with this attempt to connect: NetConn's ctx is the
		// lifetime of the connection. The Client closes it.
		return websocket.NetConn(context.Background(), conn, typ), nil
	}
}

func run(ctx context.Context, out io.Writer, url string, typ websocket.MessageType, opts ...stomp.ConnectOption) error {
	client, err := stomp.Connect(ctx, url, append(opts, stomp.WithDialer(dialer(typ)))...)
	if err != nil {
		return err
	}
	defer client.Close()
	session := client.Status().Session
	fmt.Fprintf(out, "connected to %s, STOMP %s\n", session.Server, session.Version)

	messages, err := client.NewSubscription(ctx, "/topic/greetings", stomp.WithReceipt())
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := client.Send(ctx, "/topic/greetings", fmt.Appendf(nil, "hello %d", i+1)); err != nil {
			return err
		}
	}
	for range 3 {
		m, ok := <-messages.C
		if !ok {
			return cmp.Or(messages.Err(), context.Cause(ctx)) // Err is nil where ctx has ended the subscription
		}
		fmt.Fprintf(out, "received %q from %s\n", m.Body, m.Destination())
	}
	if err := client.Disconnect(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "disconnected")
	return nil
}
