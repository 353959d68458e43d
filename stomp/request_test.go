package stomp_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestRequest_each_server(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.Classic, stomptest.Artemis} {
		rig.Bubble(t, "round_trip_"+profile.String(), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(profile))
			rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
			for _, n := range rig.Numbers(1, 3) {
				f, err := c.Request(t.Context(), "/queue/rpc", []byte(n))
				rig.OK(t, err)
				if string(f.Body) != n+n || f.Epoch != 1 {
					t.Errorf("reply %v", f)
				}
			}
			// The reply queue is made once a session; on RabbitMQ it must not be subscribed to.
			subscribed := 0
			for _, s := range rig.Received(b, "destination") {
				if strings.HasPrefix(s, "SUBSCRIBE destination:/temp-queue/") {
					subscribed++
				}
			}
			if want := map[bool]int{true: 0, false: 1}[profile == stomptest.RabbitMQ]; subscribed != want {
				t.Errorf("%d SUBSCRIBEs to the reply queue, want %d", subscribed, want)
			}
			if n := c.Stats().Unmatched; n != 0 || c.Stats().Subscriptions != 0 {
				t.Errorf("%d unmatched, %d subscriptions", n, c.Stats().Subscriptions)
			}
		})
		rig.Bubble(t, "promise10_many_at_once_"+profile.String(), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(profile))
			rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
			var all sync.WaitGroup
			for i := range 300 {
				all.Go(func() {
					body := fmt.Sprint(i)
					f, err := c.Request(t.Context(), "/queue/rpc", []byte(body))
					if err != nil || string(f.Body) != body+body {
						t.Errorf("request %d: %v, %v", i, f, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// OpenMQ undoes no escapes, and its reply-to has colons: what answers there speaks 1.0, which has no escapes.
func TestRequest_OpenMQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.OpenMQ))
		rig.Answer(t, rig.Connect(t, b, stomp.WithVersions(stomp.V10)), "/queue/rpc", stomp.WithReceipt())
		f, err := c.Request(t.Context(), "/queue/rpc", []byte("1"))
		rig.OK(t, err)
		if string(f.Body) != "11" {
			t.Errorf("reply %v", f)
		}
	})
}

func TestRequest_WithReplyTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
		for range 2 {
			f, err := c.Request(t.Context(), "/queue/rpc", []byte("x"), stomp.WithReplyTo("/queue/mine"), stomp.WithReceipt())
			rig.OK(t, err)
			if f.Destination() != "/queue/mine" {
				t.Errorf("reply %v", f)
			}
		}
		rig.Equal(t, "SUBSCRIBEs", only(rig.Received(b, "destination"), "SUBSCRIBE"), []string{"SUBSCRIBE destination:/queue/rpc", "SUBSCRIBE destination:/queue/mine"})
	})
}

func TestRequest_correlation_id_of_the_caller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
		f, err := c.Request(t.Context(), "/queue/rpc", nil, stomp.WithHeader("correlation-id", "mine"))
		rig.OK(t, err)
		if id := f.Header.Get("correlation-id"); id != "mine" {
			t.Errorf("correlation-id %q", id)
		}
		done := make(chan error)
		ctx := rig.Within(t, time.Second)
		go func() {
			_, err := c.Request(ctx, "/queue/nobody", nil, stomp.WithHeader("correlation-id", "mine"))
			done <- err
		}()
		synctest.Wait()
		_, err = c.Request(t.Context(), "/queue/rpc", nil, stomp.WithHeader("correlation-id", "mine"))
		if err == nil || !stomp.Unsent(err) || !strings.Contains(err.Error(), `another request with correlation-id "mine" is waiting`) {
			t.Error(err)
		}
		rig.ErrorIs(t, <-done, context.DeadlineExceeded)
	})
}

func TestRequest_reply_without_subscription_in_1_0(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("version:1.0")
		done := rig.Go(func() error {
			f, err := c.Request(rig.Within(t, time.Second), "/queue/rpc", nil, stomp.WithReplyTo("/queue/mine"))
			if err == nil && string(f.Body) != "reply" {
				t.Errorf("got %v", f)
			}
			return err
		})
		p.Want(wire.Subscribe)
		id := wire.Get(p.Want(wire.Send).Header, "correlation-id")
		p.Send(wire.Message, "reply", "destination", "/queue/mine", "message-id", "1", "correlation-id", id)
		rig.OK(t, <-done)
	})
}

// only is what of list begins with prefix.
func only(list []string, prefix string) (some []string) {
	for _, s := range list {
		if strings.HasPrefix(s, prefix) {
			some = append(some, s)
		}
	}
	return some
}

func TestRequest_ctx_bounds_it_and_a_late_reply_is_unmatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		late := c.Unmatched(t.Context())
		server := rig.Connect(t, b)
		requests, err := server.Subscribe(t.Context(), "/queue/rpc", stomp.WithReceipt())
		rig.OK(t, err)
		start := time.Now()
		_, err = c.Request(rig.Within(t, time.Second), "/queue/rpc", nil)
		rig.ErrorIs(t, err, context.DeadlineExceeded)
		const text = "stomp: request /queue/rpc: waiting for the reply: context deadline exceeded (the request may have been handled)"
		if d := time.Since(start); d != time.Second || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("after %v: %v", d, err)
		}
		f := <-requests
		rig.OK(t, server.Send(t.Context(), f.Header.Get("reply-to"), []byte("late"), stomp.WithHeader("correlation-id", f.Header.Get("correlation-id"))))
		rig.Body(t, late, "late")
		if n := c.Stats().Unmatched; n != 1 {
			t.Errorf("%d unmatched", n)
		}
	})
}

func TestRequest_refused_reply_queue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		refuse := true
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SUBSCRIBE" && strings.HasPrefix(e.Frame.Get("destination"), "/temp-queue/") && refuse {
				refuse = false
				return stomptest.ReplyError("no queue for you", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
			}
			return stomptest.Pass()
		})
		rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
		_, err := c.Request(t.Context(), "/queue/rpc", nil)
		rig.Refused(t, err, "no queue for you")
		_, err = c.Request(t.Context(), "/queue/rpc", nil) // tries again
		rig.OK(t, err)
	})
}

func TestRequest_reply_queue_cancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		done := rig.Go(func() error {
			_, err := c.Request(t.Context(), "/queue/nobody", nil, stomp.WithReplyTo("/queue/mine"))
			return err
		})
		synctest.Wait()
		b.Cancel("/queue/mine")
		rig.Refused(t, <-done, "Server cancelled subscription")
		rig.OK(t, c.Err())
	})
}

func TestRequest_session_ends(t *testing.T) {
	for name, end := range map[string]struct {
		how  func(b *stomptest.Broker, c *stomp.Client)
		want error
	}{
		"connection_lost": {func(b *stomptest.Broker, _ *stomp.Client) { b.Cut() }, stomp.ErrConnectionLost},
		"Close":           {func(_ *stomptest.Broker, c *stomp.Client) { c.Close() }, stomp.ErrClosed},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b, c := rig.Pair(t)
			done := rig.Go(func() error {
				_, err := c.Request(t.Context(), "/queue/nobody", nil)
				return err
			})
			synctest.Wait()
			end.how(b, c)
			err := <-done
			rig.ErrorIs(t, err, end.want)
			rig.MaySent(t, err)
			<-c.Done()
			_, err = c.Request(t.Context(), "/queue/nobody", nil)
			rig.ErrorIs(t, err, stomp.ErrClosed, end.want)
		})
	}
}

func TestRequest_refused_by_broker_with_receipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.On(b, "SEND", "", rig.Refuse("no"))
		_, err := c.Request(t.Context(), "/queue/rpc", nil, stomp.WithReceipt())
		rig.Refused(t, err, "no")
	})
}

func TestRequest_what_makes_no_sense(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		over := rig.Ended()
		_, err := c.Request(over, "/a", nil)
		rig.ErrorIs(t, err, context.Canceled)
		_, err = c.Request(t.Context(), "", nil)
		rig.ErrorIs(t, err, stomp.ErrNoDestination)
		_, err = c.Request(t.Context(), "/a", nil, stomp.WithHeader("x", "\x00"))
		rig.ErrorClause(t, err, "F13")
	})
}

// idleReplyQueues is how many reply queues stay that no request waits at, beside the default one: see replies.go.
const idleReplyQueues = 16

// subscribed follows what the broker has received, and returns the most reply queues that were subscribed to at the
// same time, and how many are now. No queue has two subscriptions.
func subscribed(t *testing.T, b *stomptest.Broker, prefix string) (most, now int) {
	t.Helper()
	open := map[string]string{} // id to destination
	for _, e := range b.Received() {
		id, destination := e.Frame.Get("id"), e.Frame.Get("destination")
		switch {
		case e.Frame.Command == wire.Subscribe && strings.HasPrefix(destination, prefix):
			for other, queue := range open {
				if queue == destination {
					t.Errorf("SUBSCRIBE %s to %s, which %s is subscribed to", id, queue, other)
				}
			}
			open[id] = destination
		case e.Frame.Command == wire.Unsubscribe:
			delete(open, id)
		}
		most = max(most, len(open))
	}
	return most, len(open)
}

func TestRequest_idle_reply_queues_are_unsubscribed_from(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ} {
		rig.Bubble(t, profile.String(), func(t *testing.T) {
			b, c := rig.Pair(t, stomptest.WithProfile(profile))
			server := rig.Connect(t, b)
			rig.Answer(t, server, "/queue/rpc", stomp.WithReceipt())
			ask := func(ctx context.Context, queue string) {
				t.Helper()
				f, err := c.Request(ctx, "/queue/rpc", []byte("x"), stomp.WithReplyTo(queue))
				rig.OK(t, err)
				if f.Destination() != queue {
					t.Errorf("reply %v", f)
				}
			}
			_, err := c.Request(t.Context(), "/queue/rpc", nil) // makes the default queue, which stays
			rig.OK(t, err)
			for i := range 200 {
				ask(t.Context(), fmt.Sprint("/queue/reply-", i))
			}
			for range 3 { // those used last are kept
				for i := 200 - idleReplyQueues; i < 200; i++ {
					ask(t.Context(), fmt.Sprint("/queue/reply-", i))
				}
			}
			_, err = c.Request(t.Context(), "/queue/rpc", nil)
			rig.OK(t, err)
			synctest.Wait()
			most, now := subscribed(t, b, "/queue/reply-")
			if most != idleReplyQueues+1 || now != idleReplyQueues {
				t.Errorf("%d reply queues at once, %d now", most, now)
			}
			if n := len(only(rig.Received(b, "destination"), "SUBSCRIBE destination:/queue/reply-")); n != 200 {
				t.Errorf("%d SUBSCRIBEs", n)
			}
			if n := len(only(rig.Received(b, "destination"), "SUBSCRIBE destination:/temp-queue/")); n > 1 {
				t.Errorf("%d SUBSCRIBEs to the default queue", n)
			}
			if s := c.Stats(); s.ReplyQueues != idleReplyQueues+1 || s.Subscriptions != 0 || s.Unmatched != 0 || s.Errors != 0 {
				t.Errorf("stats %+v", s)
			}
		})
	}
}

// A queue at which a request waits is not one of those, however many there are.
func TestRequest_reply_queues_in_use_stay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		responder := rig.Connect(t, b)
		requests, err := responder.Subscribe(t.Context(), "/queue/slow", stomp.WithReceipt())
		rig.OK(t, err)
		rig.Answer(t, responder, "/queue/rpc", stomp.WithReceipt())
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() {
				f, err := c.Request(t.Context(), "/queue/slow", nil, stomp.WithReplyTo(fmt.Sprint("/queue/reply-slow-", i)))
				if err != nil || string(f.Body) != "done" {
					t.Errorf("request %d: %v, %v", i, f, err)
				}
			})
		}
		synctest.Wait()
		for i := range 50 {
			_, err := c.Request(t.Context(), "/queue/rpc", nil, stomp.WithReplyTo(fmt.Sprint("/queue/reply-", i)))
			rig.OK(t, err)
		}
		synctest.Wait()
		if _, now := subscribed(t, b, "/queue/reply-"); now != 50+idleReplyQueues || c.Stats().ReplyQueues != now {
			t.Errorf("%d reply queues, stats %+v", now, c.Stats())
		}
		for range 50 {
			f := <-requests
			rig.OK(t, responder.Send(t.Context(), f.Header.Get("reply-to"), []byte("done"), stomp.WithHeader("correlation-id", f.Header.Get("correlation-id"))))
		}
		all.Wait()
		synctest.Wait()
		if _, now := subscribed(t, b, "/queue/reply-"); now != idleReplyQueues {
			t.Errorf("%d reply queues are left", now)
		}
	})
}

// What the broker had sent when its queue was unsubscribed from is a reply that comes late, like any other.
func TestRequest_S3_late_reply_of_an_unsubscribed_queue_is_unmatched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		late := c.Unmatched(t.Context())
		first := ""
		for i := range idleReplyQueues + 1 {
			done := rig.Go(func() error {
				_, err := c.Request(rig.Within(t, time.Second), "/queue/nobody", nil, stomp.WithReplyTo(fmt.Sprint("/queue/", i)))
				return err
			})
			subscribe := p.Want(wire.Subscribe)
			p.Want(wire.Send)
			if i == 0 {
				first = wire.Get(subscribe.Header, "id")
			}
			rig.ErrorIs(t, <-done, context.DeadlineExceeded)
		}
		if id := wire.Get(p.Want(wire.Unsubscribe).Header, "id"); id != first {
			t.Errorf("UNSUBSCRIBE of %s, want that of the oldest, %s", id, first)
		}
		p.Send(wire.Message, "late", "destination", "/queue/0", "message-id", "1", "subscription", first, "correlation-id", "c1")
		got, _ := rig.Bodies(late)
		rig.Equal(t, "unmatched", got, []string{"late"})
	})
}

// More queues than stay, used by several at once: one is opened again while it is being unsubscribed from. Every
// request gets its reply, and the broker never sees two subscriptions to a queue, among which it would share out the
// replies.
func TestRequest_reply_queues_are_opened_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.Answer(t, rig.Connect(t, b), "/queue/rpc", stomp.WithReceipt())
		var all sync.WaitGroup
		for worker := range 8 {
			all.Go(func() {
				for i := range 150 {
					body := fmt.Sprint(worker, "-", i)
					queue := fmt.Sprint("/queue/reply-", rand.IntN(2*idleReplyQueues))
					f, err := c.Request(rig.Within(t, time.Minute), "/queue/rpc", []byte(body), stomp.WithReplyTo(queue))
					if err != nil || string(f.Body) != body+body || f.Destination() != queue {
						t.Errorf("request %s at %s: %v, %v", body, queue, f, err)
						return
					}
				}
			})
		}
		all.Wait()
		synctest.Wait()
		if _, now := subscribed(t, b, "/queue/reply-"); now != idleReplyQueues || c.Stats().Unmatched != 0 {
			t.Errorf("%d reply queues are left, stats %+v", now, c.Stats())
		}
	})
}
