package interop

import (
	"context"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/interop/broker"
	"github.com/webstomp/webstomp/internal/interop/servers"
	"github.com/webstomp/webstomp/stomp"
)

// A relay passes no SUBSCRIBE to /app/… on to its broker, which would answer the UNSUBSCRIBE of it with ERROR, and
// that ends the session. The first one is that of a session that has seen no RECEIPT yet.
func TestSpring_promise12_Unsubscribe_of_what_the_relay_keeps(t *testing.T) {
	t.Parallel()
	behind := rabbit(t)
	relay, err := broker.NewSpring(t.TempDir(), broker.SpringOptions{Backend: behind})
	servers.Require(t, err)
	start(t, relay)
	t.Cleanup(relay.Stop)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := stomp.Connect(ctx, relay.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 3 {
		sub, err := c.NewSubscription(ctx, "/app/init")
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Unsubscribe(ctx); err != nil {
			t.Error(err)
		}
		life, end := context.WithCancel(ctx)
		out, err := c.Subscribe(life, "/app/init")
		if err != nil {
			t.Fatal(err)
		}
		end()
		if _, open := <-out; open {
			t.Error("a frame came")
		}
		news, err := c.NewSubscription(ctx, "/topic/news", stomp.WithReceipt())
		if err != nil {
			t.Fatal(err)
		}
		if err := arrives(ctx, c, news); err != nil {
			t.Error(err)
		}
	}
	if st := c.Status(); st.Epoch != 1 {
		t.Errorf("session %d, want the first: %v", st.Epoch, st.Err)
	}
	if err := c.Disconnect(ctx); err != nil {
		t.Error(err)
	}
}
