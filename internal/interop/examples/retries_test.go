package examples

import (
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// What docs/brokers.md says of retries and dead letters, and the example itself does not show.

// delays sees that the server keeps a message for the delay that SEND asks for, and delivers it to that queue then.
func delays(t *testing.T, s *server, destination, queue string, entries ...stomp.SendOption) {
	t.Helper()
	sub := subscribe(t, s.client, queue)
	sent := time.Now()
	if err := s.client.Send(t.Context(), destination, []byte("later"), append(entries, stomp.WithReceipt(), stomp.WithPersistent())...); err != nil {
		t.Fatal(err)
	}
	f := receive(t, sub)
	if took := time.Since(sent); took < 300*time.Millisecond {
		t.Errorf("%q came after %v", f.Body, took)
	}
	if err := f.Ack(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := sub.Unsubscribe(t.Context(), stomp.WithReceipt()); err != nil {
		t.Error(err)
	}
}

// artemisLimits sees that the address setting of bar counts what connections have died with, and not NACK, which drops
// the message.
func artemisLimits(t *testing.T, s *server) {
	dead := subscribe(t, s.client, "/queue/bar.dead")
	s.send(t, "/queue/bar", "nacked")
	sub := subscribe(t, s.client, "/queue/bar")
	if err := receive(t, sub).Nack(t.Context(), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	if err := sub.Unsubscribe(t.Context(), stomp.WithReceipt()); err != nil {
		t.Fatal(err)
	}
	s.send(t, "/queue/bar", "deadly")
	for range 3 {
		client, err := stomp.Connect(t.Context(), s.url, stomp.WithLogin("guest", "guest"))
		if err != nil {
			t.Fatal(err)
		}
		if f := receive(t, subscribe(t, client, "/queue/bar")); string(f.Body) != "deadly" {
			t.Errorf("%q came", f.Body)
		}
		client.Close()
	}
	if f := receive(t, dead); string(f.Body) != "deadly" || f.Ack(t.Context()) != nil {
		t.Errorf("%q is dead", f.Body)
	}
}

func subscribe(t *testing.T, client *stomp.Client, queue string) *stomp.Subscription[stomp.Frame] {
	t.Helper()
	sub, err := client.NewSubscription(t.Context(), queue, stomp.WithAck(stomp.AckClientIndividual), stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func receive(t *testing.T, sub *stomp.Subscription[stomp.Frame]) stomp.Frame {
	t.Helper()
	select {
	case f, ok := <-sub.C:
		if !ok {
			t.Fatalf("%s: %v", sub.Destination(), sub.Err())
		}
		return f
	case <-time.After(10 * time.Second):
		t.Fatalf("nothing came from %s", sub.Destination())
		return stomp.Frame{}
	}
}
