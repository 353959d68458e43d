package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// WithLifetime: the end of that ctx disconnects, as Disconnect with 5 s.
func TestWithLifetime_leaves_graciously(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		lifetime, end := context.WithCancelCause(context.Background())
		client := rig.Connect(t, b, stomp.WithLifetime(lifetime))
		sub, err := client.NewSubscription(t.Context(), "/topic/a")
		rig.OK(t, err)
		time.Sleep(time.Hour)
		cause := errors.New("the pod stops")
		end(cause)
		<-client.Done()
		rig.ErrorIs(t, client.Err(), stomp.ErrClosed, cause)
		rig.ErrorText(t, client.Err(), "client closed: the pod stops")
		if _, open := <-sub.C; open || sub.Err() != nil {
			t.Errorf("the subscription ended with %v: its user wished the end", sub.Err())
		}
		if _, err := b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return e.Frame.Command == "DISCONNECT" }); err != nil {
			t.Error(err)
		}
	})
}

func TestWithLifetime_cuts_after_5s(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		lifetime, end := context.WithCancel(context.Background())
		client := rig.Connect(t, b, stomp.WithLifetime(lifetime), stomp.WithHeartBeat(0, 0))
		b.Silence(true)
		start := time.Now()
		end()
		<-client.Done()
		if took := time.Since(start); took != 5*time.Second {
			t.Errorf("it took %v, want exactly 5s", took)
		}
		rig.ErrorIs(t, client.Err(), stomp.ErrClosed, context.Canceled)
	})
}

func TestWithLifetime_leaves_nothing_behind_when_the_Client_ends_first(t *testing.T) {
	b := rig.PipeBroker(t)
	lifetime, end := context.WithCancel(context.Background())
	client := rig.Connect(t, b, stomp.WithLifetime(lifetime))
	client.Close()
	end()
	if err := client.Err(); err != stomp.ErrClosed {
		t.Errorf("the Client ended with %v, want ErrClosed alone", err)
	}
}
