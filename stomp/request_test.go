package stomp_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// answer lets c answer every request at /queue/rpc with its body, doubled, until the test ends.
func answer(t *testing.T, c *stomp.Client) {
	t.Helper()
	requests, err := c.Subscribe(t.Context(), "/queue/rpc", stomp.WithReceipt())
	fine(t, err)
	go func() { // ends with the client
		for f := range requests {
			c.Send(t.Context(), f.Header.Get("reply-to"), append(f.Body, f.Body...), stomp.WithHeader("correlation-id", f.Header.Get("correlation-id")))
		}
	}()
}

func TestRequest(t *testing.T) {
	for _, profile := range []stomptest.Profile{stomptest.Generic, stomptest.RabbitMQ, stomptest.Classic, stomptest.Artemis} {
		bubble(t, "round_trip_"+profile.String(), func(t *testing.T) {
			b, c := pipeRig(t, stomptest.WithProfile(profile))
			answer(t, joinBroker(t, b))
			for _, n := range numbers(1, 3) {
				f, err := c.Request(t.Context(), "/queue/rpc", []byte(n))
				fine(t, err)
				if string(f.Body) != n+n || f.Epoch != 1 {
					t.Errorf("reply %v", f)
				}
			}
			// The reply queue is made once a session; on RabbitMQ it must not be subscribed to.
			subscribed := 0
			for _, s := range took(b, "destination") {
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
		bubble(t, "Promise10_many_at_once_"+profile.String(), func(t *testing.T) {
			b, c := pipeRig(t, stomptest.WithProfile(profile))
			answer(t, joinBroker(t, b))
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
	bubble(t, "WithReplyTo", func(t *testing.T) {
		b, c := pipeRig(t, stomptest.WithProfile(stomptest.RabbitMQ))
		answer(t, joinBroker(t, b))
		for range 2 {
			f, err := c.Request(t.Context(), "/queue/rpc", []byte("x"), stomp.WithReplyTo("/queue/mine"), stomp.WithReceipt())
			fine(t, err)
			if f.Destination() != "/queue/mine" {
				t.Errorf("reply %v", f)
			}
		}
		same(t, "SUBSCRIBEs", only(took(b, "destination"), "SUBSCRIBE"), []string{"SUBSCRIBE destination:/queue/rpc", "SUBSCRIBE destination:/queue/mine"})
	})
	bubble(t, "correlation_id_of_the_caller", func(t *testing.T) {
		b, c := pipeRig(t)
		answer(t, joinBroker(t, b))
		f, err := c.Request(t.Context(), "/queue/rpc", nil, stomp.WithHeader("correlation-id", "mine"))
		fine(t, err)
		if id := f.Header.Get("correlation-id"); id != "mine" {
			t.Errorf("correlation-id %q", id)
		}
		done := make(chan error)
		ctx := within(t, time.Second)
		go func() {
			_, err := c.Request(ctx, "/queue/nobody", nil, stomp.WithHeader("correlation-id", "mine"))
			done <- err
		}()
		synctest.Wait()
		_, err = c.Request(t.Context(), "/queue/rpc", nil, stomp.WithHeader("correlation-id", "mine"))
		if err == nil || !stomp.Unsent(err) || !strings.Contains(err.Error(), `another request with correlation-id "mine" is waiting`) {
			t.Error(err)
		}
		matches(t, <-done, context.DeadlineExceeded)
	})
	bubble(t, "1.0_reply_without_subscription", func(t *testing.T) {
		c, p := peerRig(t, [][2]string{{"version", "1.0"}})
		p.dec.SetVersion(wire.V10)
		done := make(chan error)
		go func() {
			f, err := c.Request(within(t, time.Second), "/queue/rpc", nil, stomp.WithReplyTo("/queue/mine"))
			if err == nil && string(f.Body) != "reply" {
				t.Errorf("got %v", f)
			}
			done <- err
		}()
		p.want(wire.Subscribe)
		id := wire.Get(p.want(wire.Send).Header, "correlation-id")
		p.send(wire.Message, "reply", [2]string{"destination", "/queue/mine"}, [2]string{"message-id", "1"}, [2]string{"correlation-id", id})
		fine(t, <-done)
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

func TestRequestFails(t *testing.T) {
	bubble(t, "ctx_bounds_it_and_a_late_reply_is_unmatched", func(t *testing.T) {
		b, c := pipeRig(t)
		late := c.Unmatched(t.Context())
		server := joinBroker(t, b)
		requests, err := server.Subscribe(t.Context(), "/queue/rpc", stomp.WithReceipt())
		fine(t, err)
		start := time.Now()
		_, err = c.Request(within(t, time.Second), "/queue/rpc", nil)
		matches(t, err, context.DeadlineExceeded)
		const text = "stomp: request /queue/rpc: waiting for the reply: context deadline exceeded (the request may have been handled)"
		if d := time.Since(start); d != time.Second || err.Error() != text || stomp.Unsent(err) {
			t.Errorf("after %v: %v", d, err)
		}
		f := <-requests
		fine(t, server.Send(t.Context(), f.Header.Get("reply-to"), []byte("late"), stomp.WithHeader("correlation-id", f.Header.Get("correlation-id"))))
		if f := <-late; string(f.Body) != "late" {
			t.Errorf("unmatched: %v", f)
		}
		if n := c.Stats().Unmatched; n != 1 {
			t.Errorf("%d unmatched", n)
		}
	})
	bubble(t, "refused_reply_queue", func(t *testing.T) {
		b, c := pipeRig(t)
		refuse := true
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SUBSCRIBE" && strings.HasPrefix(e.Frame.Get("destination"), "/temp-queue/") && refuse {
				refuse = false
				return stomptest.ReplyError("no queue for you", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
			}
			return stomptest.Pass()
		})
		answer(t, joinBroker(t, b))
		_, err := c.Request(t.Context(), "/queue/rpc", nil)
		refusal(t, err, "no queue for you")
		_, err = c.Request(t.Context(), "/queue/rpc", nil) // tries again
		fine(t, err)
	})
	bubble(t, "reply_queue_cancelled", func(t *testing.T) {
		b, c := pipeRig(t, stomptest.WithProfile(stomptest.RabbitMQ))
		done := make(chan error)
		go func() {
			_, err := c.Request(t.Context(), "/queue/nobody", nil, stomp.WithReplyTo("/queue/mine"))
			done <- err
		}()
		synctest.Wait()
		b.Cancel("/queue/mine")
		refusal(t, <-done, "Server cancelled subscription")
		fine(t, c.Err())
	})
	for name, end := range map[string]struct {
		how  func(b *stomptest.Broker, c *stomp.Client)
		want error
	}{
		"connection_lost": {func(b *stomptest.Broker, _ *stomp.Client) { b.Cut() }, stomp.ErrConnectionLost},
		"Close":           {func(_ *stomptest.Broker, c *stomp.Client) { c.Close() }, stomp.ErrClosed},
	} {
		bubble(t, name, func(t *testing.T) {
			b, c := pipeRig(t)
			done := make(chan error)
			go func() {
				_, err := c.Request(t.Context(), "/queue/nobody", nil)
				done <- err
			}()
			synctest.Wait()
			end.how(b, c)
			err := <-done
			matches(t, err, end.want)
			if stomp.Unsent(err) {
				t.Errorf("%v: unsent is true", err)
			}
			<-c.Done()
			_, err = c.Request(t.Context(), "/queue/nobody", nil)
			matches(t, err, stomp.ErrClosed, end.want)
		})
	}
	bubble(t, "refused_by_broker_with_receipt", func(t *testing.T) {
		b, c := pipeRig(t)
		b.Intercept(func(e stomptest.Event) stomptest.Action {
			if e.Frame.Command == "SEND" {
				return stomptest.ReplyError("no", [][2]string{{"receipt-id", e.Frame.Get("receipt")}}, nil, false)
			}
			return stomptest.Pass()
		})
		_, err := c.Request(t.Context(), "/queue/rpc", nil, stomp.WithReceipt())
		refusal(t, err, "no")
	})
	bubble(t, "what_makes_no_sense", func(t *testing.T) {
		_, c := pipeRig(t)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.Request(over, "/a", nil)
		matches(t, err, context.Canceled)
		_, err = c.Request(t.Context(), "", nil)
		matches(t, err, stomp.ErrNoDestination)
		_, err = c.Request(t.Context(), "/a", nil, stomp.WithHeader("x", "\x00"))
		breach(t, err, "F13")
	})
}
