package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// WithLifetime: the end of that ctx disconnects, as Disconnect with 5 s.
func TestWithLifetime(t *testing.T) {
	t.Run("leaves_graciously", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := stomptest.NewBroker(stomptest.WithPipe())
			defer b.Close()
			lifetime, end := context.WithCancelCause(context.Background())
			client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithLifetime(lifetime))
			sub, err := client.NewSubscription(t.Context(), "/topic/a")
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			cause := errors.New("the pod stops")
			end(cause)
			<-client.Done()
			if err := client.Err(); !errors.Is(err, stomp.ErrClosed) || !errors.Is(err, cause) {
				t.Errorf("the Client ended with %v, want ErrClosed and the cause", err)
			}
			wantText(t, client.Err(), "client closed: the pod stops")
			if _, open := <-sub.C; open || sub.Err() != nil {
				t.Errorf("the subscription ended with %v: its user wished the end", sub.Err())
			}
			if _, err := b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return e.Frame.Command == "DISCONNECT" }); err != nil {
				t.Error(err)
			}
		})
	})
	t.Run("cuts_after_5s", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := stomptest.NewBroker(stomptest.WithPipe())
			defer b.Close()
			lifetime, end := context.WithCancel(context.Background())
			client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithLifetime(lifetime), stomp.WithHeartBeat(0, 0))
			b.Silence(true)
			start := time.Now()
			end()
			<-client.Done()
			if took := time.Since(start); took != 5*time.Second {
				t.Errorf("it took %v, want exactly 5s", took)
			}
			if err := client.Err(); !errors.Is(err, stomp.ErrClosed) || !errors.Is(err, context.Canceled) {
				t.Errorf("the Client ended with %v", err)
			}
		})
	})
	t.Run("leaves_nothing_behind_when_the_Client_ends_first", func(t *testing.T) {
		b := stomptest.NewBroker(stomptest.WithPipe())
		defer b.Close()
		lifetime, end := context.WithCancel(context.Background())
		client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()), stomp.WithLifetime(lifetime))
		client.Close()
		end()
		if err := client.Err(); err != stomp.ErrClosed {
			t.Errorf("the Client ended with %v, want ErrClosed alone", err)
		}
	})
}
