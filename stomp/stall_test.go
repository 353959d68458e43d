package stomp_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// stalled is a client with a subscription to /queue/a whose bound of 10 frames is reached while 40 are coming.
func stalled(t *testing.T, b *stomptest.Broker, opts ...stomp.ConnectOption) (*stomp.Client, *stomp.Subscription[stomp.Frame]) {
	t.Helper()
	c := rig.Connect(t, b, opts...)
	sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(10, 0, stomp.OverflowBlock))
	rig.OK(t, err)
	synctest.Wait()
	rig.Publish(b, "/queue/a", rig.Numbers(1, 40)...)
	synctest.Wait()
	if s := sub.Stats(); s.Stalls != 1 || s.Received != 11 {
		t.Fatalf("stats %+v", s)
	}
	return c, sub
}

func TestWithBuffer_promise2_stall_ends_when_half_empty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		c, sub := stalled(t, rig.PipeBroker(t), stomp.WithLogger(log.Logger(slog.LevelInfo)))
		for range 5 {
			<-sub.C
			synctest.Wait()
		}
		if s := sub.Stats(); s.Received != 11 || s.Queued != 6 {
			t.Errorf("reading goes on at more than half: %+v", s)
		}
		<-sub.C
		synctest.Wait()
		if s := sub.Stats(); s.Received != 17 || s.Queued != 11 || s.Stalls != 2 {
			t.Errorf("reading does not go on at half, or not to the bound: %+v", s)
		}
		got, _ := rig.Bodies(sub.C)
		rig.Equal(t, "bodies", got, rig.Numbers(7, 40))
		// 11, then 6 more at a time: 11, 17, 23, 29, 35; the last five do not fill it.
		if s := c.Stats(); s.Stalls != 5 || s.Dropped != 0 || len(log.Lines("reading stops")) != 1 {
			t.Errorf("%+v, log:\n%s", s, &log)
		}
	})
}

func TestWithBuffer_promise2_stall_one_line_and_one_count_per_episode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log rig.Log
		b := rig.PipeBroker(t)
		c, sub := stalled(t, b, stomp.WithLogger(log.Logger(slog.LevelInfo)))
		for range 3 { // each lets frames through, above the bound
			rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
			b.Publish("/queue/a", nil, []byte("more"))
			synctest.Wait()
		}
		if s := sub.Stats(); s.Stalls != 1 || s.Received < 40 || len(log.Lines("reading stops")) != 1 {
			t.Errorf("%+v, log:\n%s", s, &log)
		}
		if !strings.Contains(log.String(), `level=WARN msg="stomp: reading stops until a slow consumer has caught up; further times within a minute are counted only" id=s1 destination=/queue/a stalls=1`) {
			t.Errorf("log:\n%s", &log)
		}
	})
}

func TestWithBuffer_promise8_heart_beats_go_on_in_a_stall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithHeartBeat(time.Second, time.Second))
		c, sub := stalled(t, b, stomp.WithHeartBeat(time.Second, time.Second))
		before := c.Stats()
		time.Sleep(time.Minute)
		synctest.Wait()
		after := c.Stats()
		if c.Err() != nil || after.BytesReceived != before.BytesReceived {
			t.Fatalf("client's error %v, %d bytes were read meanwhile", c.Err(), after.BytesReceived-before.BytesReceived)
		}
		if n := after.HeartBeatsSent - before.HeartBeatsSent; n != 120 || b.Connections() != 1 {
			t.Errorf("%d heart-beats in a minute; the broker has %d connections", n, b.Connections())
		}
		got, _ := rig.Bodies(sub.C)
		rig.Equal(t, "bodies", got, rig.Numbers(1, 40))
		// From here on silence counts again.
		b.Silence(true)
		start := time.Now()
		<-c.Done()
		rig.ErrorIs(t, c.Err(), stomp.ErrHeartBeat)
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("declared silent after %v", d)
		}
	})
}

func TestWithBuffer_promise8_silence_counts_from_the_end_of_a_stall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t, stomptest.WithHeartBeat(time.Second, time.Second))
		c, sub := stalled(t, b, stomp.WithHeartBeat(0, time.Second))
		time.Sleep(1300 * time.Millisecond)
		b.Silence(true)
		time.Sleep(10 * time.Second)
		rig.Bodies(sub.C)
		start := time.Now()
		<-c.Done()
		rig.ErrorIs(t, c.Err(), stomp.ErrHeartBeat)
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("declared silent %v after reading went on", d)
		}
	})
}

func TestWithBuffer_promise2_stall_lifted_by_a_call(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Frame]) error{
		"Send_with_receipt": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			return c.Send(ctx, "/queue/b", nil, stomp.WithReceipt())
		},
		"SendAsync": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			r, err := c.SendAsync(ctx, "/queue/b", nil)
			if err == nil {
				err = r.Wait(ctx)
			}
			return err
		},
		"Subscribe_with_receipt": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			_, err := c.Subscribe(ctx, "/queue/b", stomp.WithReceipt())
			return err
		},
		"Confirmed": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			sub, err := c.NewSubscription(ctx, "/queue/b")
			if err == nil {
				err = sub.Confirmed(ctx)
			}
			return err
		},
		"Begin_with_receipt": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			_, err := c.Begin(ctx, stomp.WithReceipt())
			return err
		},
		"Request": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			requests, err := c.Subscribe(ctx, "/queue/requests")
			if err != nil {
				return err
			}
			go func() { // ends with its one request
				f := <-requests
				c.Send(ctx, f.Header.Get("reply-to"), nil, stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
			}()
			_, err = c.Request(ctx, "/queue/requests", nil)
			return err
		},
		"Unsubscribe_of_another": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			sub, err := c.NewSubscription(ctx, "/queue/b")
			if err == nil {
				err = sub.Unsubscribe(ctx, stomp.WithReceipt())
			}
			return err
		},
		"Disconnect": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
			return c.Disconnect(ctx)
		},
	} {
		rig.Bubble(t, "lifted_by_"+name, func(t *testing.T) {
			c, sub := stalled(t, rig.PipeBroker(t))
			rig.Takes(t, 0, func() { rig.OK(t, wait(rig.Within(t, time.Minute), c, sub)) })
		})
	}
}

func TestWithBuffer_promise2_stall_ends_with_the_subscription(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b)
		other, err := c.Subscribe(t.Context(), "/queue/b")
		rig.OK(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		_, err = c.Subscribe(ctx, "/queue/a", stomp.WithBuffer(10, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		synctest.Wait()
		rig.Publish(b, "/queue/a", rig.Numbers(1, 40)...)
		b.Publish("/queue/b", nil, []byte("at last"))
		got, _ := rig.Bodies(other)
		rig.Equal(t, "held up by the policy", got, nil)
		cancel()
		got, _ = rig.Bodies(other)
		rig.Equal(t, "bodies", got, []string{"at last"})
	})
}

func TestWithBuffer_promise2_stall_Close_at_once(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, sub := stalled(t, rig.PipeBroker(t))
		c.Close()
		got, open := rig.Bodies(sub.C)
		rig.Equal(t, "what stays readable", got, rig.Numbers(1, 5))
		if s := sub.Stats(); open || s.Dropped != 6 || sub.Err() != nil {
			t.Errorf("open %t, %+v, %v", open, s, sub.Err())
		}
	})
}
