package stomptest_test

import (
	"bufio"
	"context"
	"fmt"

	"github.com/webstomp/webstomp/stomp/stomptest"
)

// A broker in memory, and STOMP written by hand to see what it does.
func ExampleNewBroker() {
	broker := stomptest.NewBroker(stomptest.WithPipe())
	defer broker.Close()

	conn, err := broker.Dial(context.Background(), broker.URL())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "CONNECT\naccept-version:1.2\n\n\x00")
	fmt.Fprint(conn, "SUBSCRIBE\nid:1\ndestination:/queue/news\nreceipt:done\n\n\x00")
	broker.Publish("/queue/news", nil, []byte("hello"))

	r := bufio.NewReader(conn)
	for range 3 {
		frame, _ := r.ReadString(0)
		fmt.Printf("%q\n", frame)
	}
	// Output:
	// "CONNECTED\nserver:stomptest/1\nsession:session-1\nheart-beat:10000,10000\nversion:1.2\n\n\x00"
	// "RECEIPT\nreceipt-id:done\n\n\x00"
	// "MESSAGE\nsubscription:1\ndestination:/queue/news\nmessage-id:m1-1\ncontent-length:5\n\nhello\x00"
}

// A SEND whose RECEIPT is lost with the connection: what a client makes of it is up to the client.
func ExampleBroker_Intercept() {
	broker := stomptest.NewBroker(stomptest.WithPipe())
	defer broker.Close()
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Direction == stomptest.In && e.Frame.Command == "SEND" {
			return stomptest.CutAfter()
		}
		return stomptest.Pass()
	})

	conn, err := broker.Dial(context.Background(), broker.URL())
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "CONNECT\naccept-version:1.2\n\n\x00")
	fmt.Fprint(conn, "SEND\ndestination:/queue/orders\nreceipt:r\n\none\x00")

	r := bufio.NewReader(conn)
	_, err = r.ReadString(0)
	fmt.Println("CONNECTED:", err)
	_, err = r.ReadString(0)
	fmt.Println("RECEIPT:", err, "- messages in the queue:", broker.QueueLen("/queue/orders"))
	// Output:
	// CONNECTED: <nil>
	// RECEIPT: EOF - messages in the queue: 1
}
