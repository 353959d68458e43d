package stomp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// What is sent in a transaction takes effect at Commit, together or not at all.
func ExampleClient_Begin() {
	broker := stomptest.NewBroker()
	defer broker.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	tx, err := client.Begin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer tx.Abort(ctx) // does nothing after Commit
	for _, account := range []string{"/queue/debit", "/queue/credit"} {
		if err := tx.Send(ctx, account, []byte("100")); err != nil {
			log.Fatal(err)
		}
	}
	if err := tx.Commit(ctx, stomp.WithReceipt()); err != nil {
		log.Fatal(err)
	}
	fmt.Println(broker.QueueLen("/queue/debit"), broker.QueueLen("/queue/credit"))
	// Output:
	// 1 1
}
