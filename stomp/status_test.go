package stomp_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestWatch_present_value_at_once_then_changes_then_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		w := c.Watch(t.Context())
		if s := <-w; s.State != stomp.StateConnected || s.Epoch != 1 || s.Session.Version != stomp.V12 || s.Err != nil {
			t.Errorf("status %+v", s)
		}
		synctest.Wait()
		select {
		case s := <-w:
			t.Errorf("status %+v, and nothing has changed", s)
		default:
		}
		c.Close()
		s, open := <-w
		if !open || s.State != stomp.StateClosed || s.Session.Version != stomp.V12 {
			t.Errorf("open %t, status %+v", open, s)
		}
		rig.ErrorIs(t, s.Err, stomp.ErrClosed)
		rig.Closed(t, w)
	})
}

func TestWatch_newest_wins_for_who_does_not_read(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		w := c.Watch(t.Context())
		synctest.Wait()
		b.Cut()
		<-c.Done() // the watcher waits for nobody
		s, open := <-w
		if !open || s.State != stomp.StateClosed {
			t.Errorf("open %t, status %+v", open, s)
		}
		rig.ErrorIs(t, s.Err, stomp.ErrConnectionLost)
	})
}

func TestWatch_closes_with_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		w := c.Watch(ctx)
		<-w
		cancel()
		rig.Closed(t, w)
		rig.OK(t, c.Err())
	})
}

func TestWatch_of_a_Client_that_is_closed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		c.Close()
		w := c.Watch(t.Context())
		if s := <-w; s.State != stomp.StateClosed {
			t.Errorf("status %+v", s)
		}
		rig.Closed(t, w)
	})
}

// It may be begun at any moment of the Client's end: as soon as Err is set, and before Done is closed.
func TestWatch_begun_as_the_Client_ends_closes_after_StateClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		for range 300 {
			c := rig.Connect(t, b)
			synctest.Wait()
			go c.Close() // joined by Done
			for c.Err() == nil {
				runtime.Gosched()
			}
			if st := c.Status(); st.State != stomp.StateClosed {
				t.Fatalf("Err is set, and the state is %v", st.State)
			}
			w := c.Watch(t.Context())
			if st := <-w; st.State != stomp.StateClosed || st.Err == nil {
				t.Fatalf("the last status before the channel closed: %+v", st)
			}
			rig.Closed(t, w)
			<-c.Done()
		}
	})
}

// However Watch and the end interleave, the last status before the channel closes is that of the end.
func TestWatch_begun_beside_Close_closes_after_StateClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		for i := range 300 {
			c := rig.Connect(t, b)
			synctest.Wait()
			go c.Close() // joined by Done
			for range i % 30 {
				runtime.Gosched()
			}
			var last stomp.Status
			for st := range c.Watch(t.Context()) {
				last = st
			}
			if last.State != stomp.StateClosed || last.Err == nil {
				t.Fatalf("the last status before the channel closed: %+v", last)
			}
			<-c.Done()
		}
	})
}

// Promise 4: Err is set before any channel is closed on its account, and Done is the last of all.
func TestClient_promise4_Err_before_channels_before_Done(t *testing.T) {
	for name, end := range map[string]struct {
		how            func(b *stomptest.Broker, c *stomp.Client)
		client, single error
	}{
		"lost":       {func(b *stomptest.Broker, _ *stomp.Client) { b.Cut() }, stomp.ErrConnectionLost, stomp.ErrConnectionLost},
		"Close":      {func(_ *stomptest.Broker, c *stomp.Client) { c.Close() }, stomp.ErrClosed, nil},
		"Disconnect": {func(_ *stomptest.Broker, c *stomp.Client) { c.Disconnect(context.Background()) }, stomp.ErrClosed, nil},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t)
			rig.OK(t, c.Err())
			sub, err := c.NewSubscription(t.Context(), "/queue/a")
			rig.OK(t, err)
			typed, err := stomp.SubscribeAs(t.Context(), c, "/queue/b", stomp.JSON[int])
			rig.OK(t, err)
			check := func(what string) {
				rig.ErrorIs(t, c.Err(), end.client)
				if c.Status().State != stomp.StateClosed {
					t.Errorf("%s: state %v", what, c.Status().State)
				}
			}
			done := make(chan struct{}, 4)
			watch := func(what string, closed func()) {
				go func() { // joined below
					closed()
					check(what)
					done <- struct{}{}
				}()
			}
			watch("subscription", func() {
				<-sub.C
				if end.single == nil {
					rig.OK(t, sub.Err())
				} else {
					rig.ErrorIs(t, sub.Err(), end.single)
				}
			})
			watch("typed subscription", func() { <-typed.C })
			watch("Unmatched", func() { <-c.Unmatched(t.Context()) })
			watch("Done", func() { <-c.Done() })
			synctest.Wait()
			end.how(b, c)
			for range 4 {
				<-done
			}
		})
	}
}

func TestStats_frames_bytes_and_heart_beats_each_way(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("heart-beat:1000,1000\nversion:1.2", stomp.WithHeartBeat(time.Second, time.Second))
		const connect = uint64(len("CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nheart-beat:1000,1000\n\n\x00"))
		const connected = uint64(len("CONNECTED\nheart-beat:1000,1000\nversion:1.2\n\n\x00"))
		if s := c.Stats(); s.Sessions != 1 || s.BytesSent != connect || s.BytesReceived != connected || s.FramesSent != 0 || s.FramesReceived != 0 {
			t.Errorf("%+v", s)
		}
		rest := p.Rest()
		rig.OK(t, c.Send(t.Context(), "/a", []byte("hello")))
		rig.OK(t, c.Flush(t.Context()))
		p.Conn.Write([]byte("\n\nRECEIPT\nreceipt-id:r9\n\n\x00\n"))
		time.Sleep(time.Second)
		synctest.Wait()
		const send, receipt = len("SEND\ndestination:/a\ncontent-type:text/plain\ncontent-length:5\n\nhello\x00"), len("\n\nRECEIPT\nreceipt-id:r9\n\n\x00\n")
		want := stomp.Stats{Sessions: 1, Attempts: 1, FramesSent: 1, FramesReceived: 1, HeartBeatsSent: 2, HeartBeatsReceived: 3,
			BytesSent: connect + uint64(send) + 2, BytesReceived: connected + uint64(receipt)}
		if s := c.Stats(); s != want {
			t.Errorf("%+v\nwant %+v", s, want)
		}
		c.Close()
		<-rest
		if s := c.Stats(); s != want {
			t.Errorf("after Close %+v\nwant %+v", s, want)
		}
	})
}

func TestStats_queued_and_subscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		ctx, cancel := context.WithCancel(t.Context())
		for range 2 {
			_, err := c.Subscribe(ctx, "/a")
			rig.OK(t, err)
		}
		for _, id := range []string{"s1", "s1", "s2", "other"} {
			p.Send(wire.Message, "12345", "subscription", id, "message-id", "1", "destination", "/a")
		}
		synctest.Wait()
		const text = len("subscription:s1\n" + "message-id:1\n" + "destination:/a\n" + "content-length:5\n")
		const size = text + 4*32 + 5 + 192 // entries, body, and what else a frame takes
		if s := c.Stats(); s.Subscriptions != 2 || s.Queued != 3 || s.QueuedBytes != int64(3*size) || s.Unmatched != 1 {
			t.Errorf("%+v", s)
		}
		cancel()
		synctest.Wait()
		if s := c.Stats(); s.Subscriptions != 0 || s.Queued != 0 {
			t.Errorf("%+v", s)
		}
		c.Close()
		<-rest
	})
}

// The states and modes have names, for logs.
func TestState_and_AckMode_have_names(t *testing.T) {
	for got, want := range map[string]string{
		stomp.StateConnecting.String(): "connecting", stomp.StateConnected.String(): "connected",
		stomp.StateReconnecting.String(): "reconnecting", stomp.StateClosed.String(): "closed", stomp.State(9).String(): "State(9)",
		stomp.AckAuto.String(): "auto", stomp.AckClient.String(): "client", stomp.AckClientIndividual.String(): "client-individual", stomp.AckMode(9).String(): "AckMode(9)",
	} {
		if got != want {
			t.Errorf("the name is %q, want %q", got, want)
		}
	}
}
