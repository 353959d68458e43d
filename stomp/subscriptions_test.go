package stomp_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// In the order in which they were made, members of Groups among them, on the session or in an outage.
func TestClient_Subscriptions_shows_what_stands_and_why_not(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p, c := rig.Reconnecting(t, wire.V12)
		_, err := c.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		g, err := c.NewGroup(t.Context())
		rig.OK(t, err)
		_, err = g.Add(t.Context(), "/b", stomp.WithID("mine"))
		rig.OK(t, err)
		ended, err := c.NewSubscription(t.Context(), "/c")
		rig.OK(t, err)
		for range 3 {
			p.Want(wire.Subscribe)
		}
		p.Send(wire.Message, "x", "subscription", "mine", "destination", "/b", "message-id", "m1")
		synctest.Wait()
		want := func(epoch uint64, reason error, queued int, destinations ...string) {
			t.Helper()
			var got []string
			for _, info := range c.Subscriptions() {
				got = append(got, info.Destination)
				if info.Epoch != epoch || !errors.Is(info.Err, reason) {
					t.Errorf("%s stands on session %d, %v, want %d, %v", info.Destination, info.Epoch, info.Err, epoch, reason)
				}
				switch info.Destination {
				case "/a":
					if info.ID != "s1" || info.AckMode != stomp.AckClient {
						t.Errorf("%+v", info)
					}
				case "/b":
					if info.ID != "mine" || info.AckMode != stomp.AckAuto || info.Stats.Queued != queued {
						t.Errorf("%+v", info)
					}
				}
			}
			rig.Equal(t, "subscriptions", got, destinations)
		}
		want(1, nil, 1, "/a", "/b", "/c")
		unsubscribed := rig.Go(func() error { return ended.Unsubscribe(t.Context()) })
		p.Want(wire.Unsubscribe)
		rig.OK(t, <-unsubscribed)
		want(1, nil, 1, "/a", "/b")
		p.Close()
		synctest.Wait()
		for _, info := range c.Subscriptions() {
			if info.Epoch != 0 || info.Err == nil {
				t.Errorf("in an outage: %+v", info)
			}
		}
		s.Resume(wire.V12)
		synctest.Wait()
		want(2, nil, 1, "/a", "/b")
		c.Close()
		want(0, nil, 0)
	})
}

// One that waits alone says why.
func TestClient_Subscriptions_of_one_that_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ))
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == wire.Subscribe && e.Frame.Get("destination") == "/queue/refused" {
				return rig.Refuse("not yet")(e.Frame)
			}
			return stomptest.Pass()
		})
		_, err := c.Subscribe(t.Context(), "/queue/refused", stomp.WithResubscribe(stomp.Backoff{Min: time.Hour, Max: time.Hour}))
		rig.OK(t, err)
		calls, noOffset := 0, errors.New("no offset")
		_, err = c.Subscribe(t.Context(), "/queue/stream", stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) {
			if calls++; calls > 1 {
				return nil, noOffset
			}
			return nil, nil
		}))
		rig.OK(t, err)
		_, err = c.Subscribe(t.Context(), "/queue/well")
		rig.OK(t, err)
		b.Cut()
		time.Sleep(time.Second)
		infos := c.Subscriptions()
		if len(infos) != 3 || infos[2].Epoch != 2 || infos[2].Err != nil {
			t.Fatalf("%+v", infos)
		}
		rig.Refused(t, infos[0].Err, "not yet")
		rig.ErrorIs(t, infos[1].Err, noOffset)
		if infos[0].Epoch != 0 || infos[1].Epoch != 0 {
			t.Errorf("%+v", infos[:2])
		}
	})
}
