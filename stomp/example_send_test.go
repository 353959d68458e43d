package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// With a receipt, Send returns when the broker has taken the message, or within ctx.
func ExampleClient_Send() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	err = client.Send(ctx, "/queue/orders", []byte("<order/>"), stomp.WithReceipt(),
		stomp.WithContentType("application/xml"), stomp.WithHeader("priority", "9"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("messages in the queue:", broker.QueueLen("/queue/orders"))
	// Output:
	// messages in the queue: 1
}

// Many receipts may be outstanding at once: send all, then look at the answers.
func ExampleClient_SendAsync() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	var receipts []*stomp.Receipt
	for i := range 1000 {
		r, err := client.SendAsync(ctx, "/queue/orders", strconv.AppendInt(nil, int64(i), 10))
		if err != nil {
			log.Fatal(err)
		}
		receipts = append(receipts, r)
	}
	confirmed := 0
	for _, r := range receipts {
		if err := r.Wait(ctx); err != nil {
			fmt.Println(err)
			continue
		}
		confirmed++
	}
	fmt.Println("confirmed:", confirmed)
	// Output:
	// confirmed: 1000
}

// With a receipt, a call returns when the broker has answered: here it refuses.
func ExampleWithReceipt() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if id := e.Frame.Get("receipt"); e.Frame.Command == "SEND" && id != "" {
			return stomptest.ReplyError("access refused", [][2]string{{"receipt-id", id}}, nil, false)
		}
		return stomptest.Pass()
	})
	err = client.Send(ctx, "/queue/secret", []byte("hello"), stomp.WithReceipt())
	var refused *stomp.Error
	if errors.As(err, &refused) {
		fmt.Println("the broker says:", refused.Message)
	}
	fmt.Println("the Client's error:", client.Err())
	// Output:
	// the broker says: access refused
	// the Client's error: <nil>
}

// At least once: the broker takes the order, and the connection breaks before its RECEIPT. The order is sent again, so
// that it is there twice. Whoever receives it has to know that.
func ExampleWithRetry() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	var first atomic.Bool
	first.Store(true)
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "SEND" && first.Swap(false) {
			return stomptest.CutAfter()
		}
		return stomptest.Pass()
	})
	err = client.Send(ctx, "/queue/orders", []byte("one"), stomp.WithRetry())
	fmt.Println("error:", err, "- orders in the queue:", broker.QueueLen("/queue/orders"))
	// Output:
	// error: <nil> - orders in the queue: 2
}

// Send returns before the message has left. Disconnect has everything written, and the broker confirm that it has it.
func ExampleClient_Disconnect() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	if err := client.Send(ctx, "/queue/orders", []byte("one")); err != nil {
		log.Fatal(err)
	}
	if err := client.Disconnect(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("in the queue:", broker.QueueLen("/queue/orders"), "- the Client's error:", client.Err())
	// Output:
	// in the queue: 1 - the Client's error: client closed
}

// Unsent answers the one question that an error leaves open: may the message go out twice if it is sent again? Here a
// SEND is lost together with its connection, and another one finds no connection any more.
func ExampleUnsent() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	broker.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Frame.Command == "SEND" {
			return stomptest.CutAfter() // the broker takes it, and its RECEIPT never comes
		}
		return stomptest.Pass()
	})

	err = client.Send(ctx, "/queue/orders", []byte("one"), stomp.WithReceipt())
	fmt.Println("connection lost:", errors.Is(err, stomp.ErrConnectionLost), "- safe to send again:", stomp.Unsent(err))
	client.Close()
	err = client.Send(ctx, "/queue/orders", []byte("two"))
	fmt.Println("closed:", errors.Is(err, stomp.ErrClosed), "- safe to send again:", stomp.Unsent(err))
	// Output:
	// connection lost: true - safe to send again: false
	// closed: true - safe to send again: true
}
