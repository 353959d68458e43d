package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// typed subscribes to /queue/a with numbers for bodies, n of which have arrived.
func typed(t *testing.T, ctx context.Context, b *stomptest.Broker, c *stomp.Client, n int, opts ...stomp.SubscribeOption) *stomp.Subscription[stomp.Message[int]] {
	t.Helper()
	sub, err := stomp.SubscribeAs(ctx, c, "/queue/a", func(f stomp.Frame) (int, error) { return strconv.Atoi(string(f.Body)) }, opts...)
	fine(t, err)
	for _, s := range numbers(1, n) {
		b.Publish("/queue/a", nil, []byte(s))
	}
	synctest.Wait()
	return sub
}

// values reads what a typed channel gives until it is closed.
func values(c <-chan stomp.Message[int]) (got []int) {
	for m := range c {
		got = append(got, m.Value)
	}
	return got
}

func upTo(n int) (list []int) {
	for i := 1; i <= n; i++ {
		list = append(list, i)
	}
	return list
}

func TestSubscribeAs(t *testing.T) {
	bubble(t, "decodes_in_order_and_goes_on_after_what_does_not_decode", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := typed(t, t.Context(), b, c, 2, stomp.WithAck(stomp.AckClientIndividual))
		b.Publish("/queue/a", nil, []byte("three"))
		b.Publish("/queue/a", nil, []byte("4"))
		for i, want := range []int{1, 2, 0, 4} {
			m := <-sub.C
			if m.Value != want || (m.Err != nil) != (i == 2) || m.Epoch != 1 || m.Command != "MESSAGE" {
				t.Errorf("message %d is %+v", i+1, m)
			}
			if i == 2 {
				matches(t, m.Err, strconv.ErrSyntax)
				fine(t, c.Nack(t.Context(), m.Frame, stomp.WithHeader("requeue", "false")))
				continue
			}
			fine(t, c.Ack(t.Context(), m.Frame))
		}
		fine(t, c.Flush(t.Context()))
		synctest.Wait()
		if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
			t.Errorf("%d unacked, client's error %v", n, c.Err())
		}
		if s := sub.Stats(); s.Received != 4 || s.Delivered != 4 || sub.ID() != "s1" || sub.Destination() != "/queue/a" {
			t.Errorf("%+v", s)
		}
	})
	bubble(t, "ctx_ends_while_a_message_waits", func(t *testing.T) {
		b, c := pipeRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub := typed(t, ctx, b, c, 3)
		cancel()
		synctest.Wait()
		if _, open := <-sub.C; open {
			t.Error("a message came")
		}
		if s := sub.Stats(); s != (stomp.SubscriptionStats{Received: 3, Dropped: 3}) || sub.Err() != nil || c.Stats().Dropped != 3 {
			t.Errorf("%+v, error %v", s, sub.Err())
		}
	})
	bubble(t, "Close_while_a_message_waits", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := typed(t, t.Context(), b, c, 3)
		c.Close()
		if _, open := <-sub.C; open {
			t.Error("a message came")
		}
		if s := sub.Stats(); s.Dropped != 3 || s.Delivered != 0 || sub.Err() != nil {
			t.Errorf("%+v, error %v", s, sub.Err())
		}
	})
	bubble(t, "Promise4_lost", func(t *testing.T) {
		b, c := pipeRig(t)
		sub := typed(t, t.Context(), b, c, 0)
		b.Cut()
		if _, open := <-sub.C; open {
			t.Error("a message came")
		}
		matches(t, sub.Err(), stomp.ErrConnectionLost)
		matches(t, c.Err(), stomp.ErrConnectionLost)
	})
	for name, end := range map[string]func(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Message[int]]) error{
		"Unsubscribe": func(ctx context.Context, _ *stomp.Client, sub *stomp.Subscription[stomp.Message[int]]) error {
			return sub.Unsubscribe(ctx)
		},
		"Drain": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Message[int]]) error {
			return c.Drain(ctx)
		},
	} {
		bubble(t, name+"_delivers_all_that_arrived", func(t *testing.T) {
			b, c := pipeRig(t)
			sub := typed(t, t.Context(), b, c, 100)
			done := make(chan error)
			go func() { done <- end(t.Context(), c, sub) }()
			time.Sleep(time.Minute) // a slow consumer
			same(t, "values", values(sub.C), upTo(100))
			fine(t, <-done)
		})
		bubble(t, name+"_within_ctx", func(t *testing.T) {
			b, c := pipeRig(t)
			sub := typed(t, t.Context(), b, c, 100)
			start := time.Now()
			matches(t, end(within(t, time.Second), c, sub), context.DeadlineExceeded)
			if d := time.Since(start); d != time.Second {
				t.Errorf("returned after %v", d)
			}
			c.Close()
			if got := values(sub.C); len(got) > channelBuffer {
				t.Errorf("%d messages came", len(got))
			}
		})
		bubble(t, name+"_in_a_client_mode", func(t *testing.T) {
			b, c := pipeRig(t)
			sub := typed(t, t.Context(), b, c, 100, stomp.WithAck(stomp.AckClientIndividual))
			first := <-sub.C
			done := make(chan error)
			go func() { done <- end(t.Context(), c, sub) }()
			synctest.Wait()
			fine(t, c.Ack(t.Context(), first.Frame))
			n := 1
			for m := range sub.C {
				n++
				fine(t, c.Ack(t.Context(), m.Frame))
			}
			fine(t, <-done)
			synctest.Wait()
			if back := b.QueueLen("/queue/a"); back != 100-n || b.StaleAcks() != 0 {
				t.Errorf("%d messages were acked, %d are back in the queue", n, back)
			}
		})
	}
	// What has left the queue waits in the converter's hands: the end of ctx reaches that too.
	bubble(t, "ctx_ends_while_Drain_waits_for_the_consumer", func(t *testing.T) {
		b, c := pipeRig(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub := typed(t, ctx, b, c, 3)
		done := make(chan error)
		go func() { done <- c.Drain(within(t, time.Minute)) }()
		synctest.Wait()
		start := time.Now()
		cancel()
		fine(t, <-done)
		if d := time.Since(start); d != 0 || sub.Stats().Dropped != 3 {
			t.Errorf("took %v, stats %+v", d, sub.Stats())
		}
	})
	bubble(t, "errors_are_those_of_Subscribe", func(t *testing.T) {
		_, c := pipeRig(t)
		_, err := stomp.SubscribeAs(t.Context(), c, "", stomp.JSON[int])
		matches(t, err, stomp.ErrNoDestination)
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/a", stomp.WithID(""))
		matches(t, err, stomp.ErrNoID)
		c.Close()
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/a")
		matches(t, err, stomp.ErrClosed)
	})
}

func TestSubscribeJSON(t *testing.T) {
	type price struct {
		Name  string
		Cents int
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := pipeRig(t)
		in, err := stomp.SubscribeJSON[price](t.Context(), c, "/queue/a")
		fine(t, err)
		fine(t, c.SendJSON(t.Context(), "/queue/a", price{"tea", 250}))
		fine(t, c.Send(t.Context(), "/queue/a", []byte(`{"Name":"broken`)))
		fine(t, c.SendJSON(t.Context(), "/queue/a", price{"milk", 90}))
		if m := <-in; m.Value != (price{"tea", 250}) || m.Err != nil || m.ContentType() != "application/json" {
			t.Errorf("got %+v", m)
		}
		m := <-in
		want := fmt.Sprintf(`stomp: message %q from /queue/a is not the JSON of a stomp_test.price: unexpected end of JSON input: "{\"Name\":\"broken"`, m.MessageID())
		if m.Err == nil || m.Err.Error() != want {
			t.Errorf("error %v\nwant  %s", m.Err, want)
		}
		if m := <-in; m.Value != (price{"milk", 90}) || m.Err != nil {
			t.Errorf("got %+v", m)
		}
	})
}

func TestJSON(t *testing.T) {
	v, err := stomp.JSON[[]int](stomp.NewFrame("MESSAGE", nil, []byte("[1,2]")))
	fine(t, err)
	same(t, "value", v, []int{1, 2})
	_, err = stomp.JSON[int](stomp.NewFrame("MESSAGE", nil, []byte(strings.Repeat("x", 10_000))))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("error of %d characters", len(err.Error()))
	}
	var syntax interface{ Error() string }
	if !errors.As(err, &syntax) {
		t.Error(err)
	}
}
