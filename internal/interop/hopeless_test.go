package interop

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// How long somebody publishes beside a hopeless SEND, and how often. The SEND has to be over within that time.
const (
	publishFor   = 65 * time.Second
	publishEvery = 50 * time.Millisecond
)

// A SEND WithRetry to an exchange that does not exist ends its session each time that it is sent, and RabbitMQ does
// not say which frame it was. The Client's consumers go on all the same, and the SEND ends with the server's own
// error.
func TestRabbitMQ_promise7_hopeless_send_leaves_the_consumers_alone(t *testing.T) {
	t.Parallel()
	r := rabbit(t)
	t.Run("TCP", func(t *testing.T) {
		t.Parallel()
		var refused *stomp.Error
		if err := hopelessSend(t, r.TCPURL(), r.URL()); !errors.As(err, &refused) {
			t.Errorf("the SEND ended with %v; want RabbitMQ's ERROR", err)
		}
	})
	t.Run("WebSocket", func(t *testing.T) {
		t.Parallel()
		// Every RabbitMQ up to 4.3.6 only closes there.
		var refused *stomp.Error
		var closed *stomp.CloseError
		if err := hopelessSend(t, r.URL(), r.URL()); !errors.As(err, &refused) && !errors.As(err, &closed) {
			t.Errorf("the SEND ended with %v; want RabbitMQ's ERROR or its close", err)
		}
	})
}

// hopelessSend makes such a SEND on a Client of that URL, while another one publishes to two consumers of the first,
// and returns how the SEND ended.
func hopelessSend(t *testing.T, url, publishTo string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), publishFor+30*time.Second)
	defer cancel()
	c, err := stomp.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	publisher, err := stomp.Connect(ctx, publishTo)
	if err != nil {
		t.Fatal(err)
	}
	defer publisher.Close()

	// What is published to the topic while nobody is subscribed is gone; the queue keeps it.
	name := newName()
	destinations := []string{"/topic/" + name, "/queue/" + name}
	received := make([]atomic.Int64, len(destinations)) // different messages
	var work sync.WaitGroup
	defer work.Wait()
	defer c.Close()
	for i, destination := range destinations {
		sub, err := c.NewSubscription(ctx, destination, stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		work.Go(func() { // ends with the Client
			seen := make(map[string]bool)
			for f := range sub.C {
				seen[string(f.Body)] = true
				received[i].Store(int64(len(seen)))
			}
		})
	}

	began := time.Now()
	hopeless, err := c.SendAsync(ctx, "/exchange/nope/x", []byte("hopeless"), stomp.WithRetry())
	if err != nil {
		t.Fatal(err)
	}
	work.Go(func() { // ends with the Client
		<-hopeless.Done()
		t.Logf("the SEND was over after %v, in session %d: %v", time.Since(began).Round(time.Millisecond), c.Status().Epoch, hopeless.Err())
	})
	published := 0
	every := time.NewTicker(publishEvery)
	defer every.Stop()
	for ; time.Since(began) < publishFor; published++ {
		<-every.C
		for _, destination := range destinations {
			if err := publisher.Send(ctx, destination, fmt.Append(nil, published), stomp.WithReceipt()); err != nil {
				t.Fatal(err)
			}
		}
	}
	<-every.C // for what is on its way
	t.Logf("%d sessions; the last one but one ended with %v", c.Stats().Sessions, c.Status().Err)
	for i, destination := range destinations {
		n := received[i].Load()
		t.Logf("%s: %.1f %% of %d messages came", destination, 100*float64(n)/float64(published), published)
		if 10*n < 9*int64(published) {
			t.Errorf("%s: %d of %d messages came; want nine tenths", destination, n, published)
		}
	}
	select {
	case <-hopeless.Done():
		return hopeless.Err()
	default:
		t.Errorf("the SEND is not over after %v", publishFor)
		return nil
	}
}
