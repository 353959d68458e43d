package stomp_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestWithPing_keeps_a_session_that_is_answered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(0, 0), stomp.WithPing(10*time.Second))
		before := client.Stats()
		time.Sleep(time.Hour)
		after := client.Stats()
		// A ping is a masked frame with a number in it, 7 bytes and more; its pong has no mask.
		if sent, got := after.BytesSent-before.BytesSent, after.BytesReceived-before.BytesReceived; sent < 359*7 || got < 359*3 {
			t.Errorf("%d bytes sent and %d received in an hour: that is no ping every 10s", sent, got)
		}
		if st := client.Status(); st.State != stomp.StateConnected {
			t.Errorf("the session ended: %v", st.Err)
		}
	})
}

func TestWithPing_off_by_default(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(0, 0))
		before := client.Stats().BytesSent
		time.Sleep(time.Hour)
		if sent := client.Stats().BytesSent - before; sent != 0 {
			t.Errorf("%d bytes were sent", sent)
		}
	})
}

func TestWithPing_ends_a_session_that_is_not(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(0, 0), stomp.WithPing(10*time.Second))
		start := time.Now()
		b.Silence(true)
		<-client.Done()
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("the session ended after %v, want exactly 20s: a ping at 10s, nothing until the next", took)
		}
		rig.ErrorIs(t, client.Err(), stomp.ErrHeartBeat, stomp.ErrConnectionLost)
		rig.ErrorText(t, client.Err(), "connection lost: no heart-beat from the server: nothing came for 10s after a WebSocket ping")
	})
}

func TestWithPing_a_stalled_reader_is_not_silence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, b, stomp.WithHeartBeat(0, 0), stomp.WithPing(10*time.Second))
		messages, err := client.Subscribe(t.Context(), "/topic/a", stomp.WithBuffer(2, 0, stomp.OverflowBlock), stomp.WithReceipt())
		rig.OK(t, err)
		for range 3 {
			b.Publish("/topic/a", nil, nil)
		}
		time.Sleep(time.Hour)
		if client.Stats().Stalls != 1 {
			t.Error("the reader is not stalled: the test is void")
		}
		for range 3 {
			if _, open := <-messages; !open {
				t.Fatalf("the session ended while it was stalled: %v", client.Err())
			}
		}
		time.Sleep(time.Hour)
		if st := client.Status(); st.State != stomp.StateConnected {
			t.Errorf("the session ended: %v", st.Err)
		}
	})
}

func TestWithPing_W5_does_not_hide_why_the_server_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 { // ping loop and read loop learn of it at the same time
			b := rig.PipeBroker(t)
			client := rig.Connect(t, b, stomp.WithHeartBeat(0, 0), stomp.WithPing(10*time.Second))
			b.Silence(true)
			time.Sleep(15 * time.Second) // a ping waits for its pong
			b.CloseConnections(1001, "going away")
			b.Silence(false)
			<-client.Done()
			err := client.Err()
			closed := rig.ErrorAs[stomp.CloseError](t, err)
			if closed.Code != 1001 {
				t.Errorf("the Client ended with %v, want the server's close", err)
			}
		}
	})
}
