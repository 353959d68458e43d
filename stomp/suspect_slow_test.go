package stomp_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// refusingAll is a broker that refuses whatever goes to /queue/bad without saying what it means, and what it says takes
// so long to arrive at the Client.
func refusingAll(t *testing.T, latency time.Duration) (b *stomptest.Broker, c *stomp.Client) {
	b = rig.PipeBroker(t)
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		if e.Direction == stomptest.In && e.Frame.Get("destination") == "/queue/bad" {
			return stomptest.ReplyError("refused", nil, nil, true)
		}
		return stomptest.Pass()
	})
	return b, rig.Connect(t, b, stomp.WithReconnect(stomp.Backoff{}), rig.WithLatency(t, b, latency))
}

// Promise 5: what a server far away says during a trial may answer what was sent before, or is sent beside it. Innocent
// frames are on trial again and again while others end the sessions, and are not taken for one of them.
func TestClient_promise5_innocent_frames_on_a_slow_server(t *testing.T) {
	for _, latency := range []time.Duration{200 * time.Millisecond, 500 * time.Millisecond, 1500 * time.Millisecond} {
		for _, pause := range []time.Duration{700 * time.Millisecond, 1900 * time.Millisecond, 2600 * time.Millisecond} {
			for others := range 2 {
				rig.Bubble(t, fmt.Sprint(latency, "/", pause, "/", others), func(t *testing.T) {
					b, c := refusingAll(t, latency)
					for range others {
						_, err := c.Subscribe(t.Context(), "/topic/other", stomp.WithReceipt())
						rig.OK(t, err)
					}
					var subs []*stomp.Subscription[stomp.Frame]
					var innocent, guilty []*stomp.Receipt
					for i := range 60 {
						r, err := c.SendAsync(t.Context(), "/queue/bad", nil, stomp.WithRetry())
						rig.OK(t, err)
						guilty = append(guilty, r)
						switch i % 10 {
						case 2:
							r, err := c.SendAsync(t.Context(), "/queue/good", nil, stomp.WithRetry())
							rig.OK(t, err)
							innocent = append(innocent, r)
						case 5:
							sub, err := c.NewSubscription(t.Context(), "/topic/good")
							rig.OK(t, err)
							subs = append(subs, sub)
						}
						time.Sleep(pause)
					}
					time.Sleep(time.Hour)
					for _, r := range guilty {
						rig.Refused(t, r.Err(), "refused")
					}
					for _, r := range innocent {
						<-r.Done()
						rig.OK(t, r.Err())
					}
					rig.Publish(b, "/topic/good", "x")
					for _, sub := range subs {
						rig.OK(t, sub.Err())
						rig.Body(t, sub.C, "x")
					}
				})
			}
		}
	}
}

// Promise 5: a SUBSCRIBE that is refused is found all the same where something else always waits for its answer, too.
func TestSubscription_promise5_refused_by_a_slow_server(t *testing.T) {
	for _, test := range []struct{ latency, limit time.Duration }{
		{400 * time.Millisecond, 5 * time.Second},
		{1500 * time.Millisecond, time.Minute},
		{3 * time.Second, 2 * time.Minute},
	} {
		for others := range 2 {
			rig.Bubble(t, fmt.Sprint(test.latency, "/", others), func(t *testing.T) {
				b, c := refusingAll(t, test.latency)
				for range others {
					_, err := c.Subscribe(t.Context(), "/topic/other", stomp.WithReceipt())
					rig.OK(t, err)
				}
				sub, err := c.NewSubscription(t.Context(), "/queue/bad")
				rig.OK(t, err)
				start := time.Now()
				var sent []*stomp.Receipt
				for !rig.IsClosed(sub.Done()) && time.Since(start) < time.Hour {
					r, err := c.SendAsync(t.Context(), "/queue/good", nil, stomp.WithRetry())
					rig.OK(t, err)
					sent = append(sent, r)
					time.Sleep(test.latency / 2)
				}
				rig.Refused(t, sub.Err(), "refused")
				if d := time.Since(start); d > test.limit {
					t.Errorf("it was found after %v and %d sessions", d, b.Sessions())
				}
				for _, r := range sent {
					<-r.Done()
					rig.OK(t, r.Err())
				}
			})
		}
	}
}

// Promise 5: a trial that falls due while Reconnect ends the session takes place on the next one. What the session did
// not take any more was held to have passed its trial, and then sent with everything else.
func TestClient_promise5_trial_during_Reconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		var ends, alone atomic.Int32
		var confirmed sync.Map // connections that have got a RECEIPT
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			switch {
			case e.Direction == stomptest.Out && e.Frame.Command == wire.Receipt:
				confirmed.Store(e.Connection, true)
			case e.Frame.Command == wire.Disconnect:
				return stomptest.DelayFor(5 * time.Second)
			case e.Direction == stomptest.In && e.Frame.Get("destination") == "/queue/bad":
				ends.Add(1)
				if _, ok := confirmed.Load(e.Connection); ok {
					alone.Add(1)
				}
				return stomptest.CloseWith(1000, "STOMP died")
			}
			return stomptest.Pass()
		})
		c := rig.Connect(t, b, stomp.WithReconnect(rig.QuickBackoff))
		_, err := c.Subscribe(t.Context(), "/topic/good", stomp.WithReceipt())
		rig.OK(t, err)
		bad, err := c.NewSubscription(t.Context(), "/queue/bad")
		rig.OK(t, err)
		for ends.Load() < 2 { // it was alone the second time, and will be again 2 s after that
			time.Sleep(time.Millisecond)
		}
		time.Sleep(1500 * time.Millisecond)
		rig.OK(t, c.Reconnect(t.Context()))
		<-bad.Done()
		if n, m := ends.Load(), alone.Load(); n != 4 || m != n {
			t.Errorf("it was sent %d times, %d of them alone, want 4 of 4", n, m)
		}
	})
}
