package interop

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/webstomp/webstomp/stomp"
)

// RabbitMQ ends the session over a subscription that it refuses, and takes seconds to restore some hundred others. That
// costs them one session, or two where they are restored within a second.
func TestRabbitMQ_promise5_refuses_one_among_many(t *testing.T) {
	r := rabbit(t)
	for _, many := range []int{3, 300, 1000} {
		t.Run(fmt.Sprint(many), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			client, err := stomp.Connect(ctx, r.URL())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			g, err := client.NewGroup(ctx)
			if err != nil {
				t.Fatal(err)
			}
			var last *stomp.Member
			for i := range many {
				if last, err = g.Add(ctx, fmt.Sprintf("/topic/many.%d", i)); err != nil {
					t.Fatal(err)
				}
			}
			if err := last.Confirmed(ctx); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			bad, err := g.Add(ctx, "/exchange/none/x")
			if err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-g.Failed():
				if m != bad {
					t.Errorf("%s has failed: %v", m.Destination(), m.Err())
				}
			case <-ctx.Done():
				t.Fatal("it is not refused")
			}
			sessions := client.Status().Epoch
			t.Logf("refused after %v, in session %d: %v", time.Since(start).Round(time.Millisecond), sessions, bad.Err())
			if sessions > 3 {
				t.Errorf("it cost %d sessions", sessions-1)
			}
		})
	}
}
