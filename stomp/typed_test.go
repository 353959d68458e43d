package stomp_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// typed subscribes to /queue/a with numbers for bodies, n of which have arrived.
func typed(t *testing.T, ctx context.Context, b *stomptest.Broker, c *stomp.Client, n int, opts ...stomp.SubscribeOption) *stomp.Subscription[stomp.Message[int]] {
	t.Helper()
	sub, err := stomp.SubscribeAs(ctx, c, "/queue/a", func(f stomp.Frame) (int, error) { return strconv.Atoi(string(f.Body)) }, opts...)
	rig.OK(t, err)
	rig.Publish(b, "/queue/a", rig.Numbers(1, n)...)
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

func TestSubscribeAs_decodes_in_order_and_goes_on_after_what_does_not_decode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := typed(t, t.Context(), b, c, 2, stomp.WithAck(stomp.AckClientIndividual))
		b.Publish("/queue/a", nil, []byte("three"))
		b.Publish("/queue/a", nil, []byte("4"))
		for i, want := range []int{1, 2, 0, 4} {
			m := <-sub.C
			if m.Value != want || (m.Err != nil) != (i == 2) || m.Epoch != 1 || m.Command != "MESSAGE" {
				t.Errorf("message %d is %+v", i+1, m)
			}
			if i == 2 {
				rig.ErrorIs(t, m.Err, strconv.ErrSyntax)
				rig.OK(t, c.Nack(t.Context(), m.Frame, stomp.WithHeader("requeue", "false")))
				continue
			}
			rig.OK(t, c.Ack(t.Context(), m.Frame))
		}
		rig.OK(t, c.Flush(t.Context()))
		synctest.Wait()
		if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
			t.Errorf("%d unacked, client's error %v", n, c.Err())
		}
		if s := sub.Stats(); s.Received != 4 || s.Delivered != 4 || sub.ID() != "s1" || sub.Destination() != "/queue/a" {
			t.Errorf("%+v", s)
		}
	})
}

func TestSubscribeAs_ctx_ends_while_a_message_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub := typed(t, ctx, b, c, 3)
		cancel()
		synctest.Wait()
		rig.Closed(t, sub.C)
		if s := sub.Stats(); s != (stomp.SubscriptionStats{Received: 3, Dropped: 3}) || sub.Err() != nil || c.Stats().Dropped != 3 {
			t.Errorf("%+v, error %v", s, sub.Err())
		}
	})
}

func TestSubscribeAs_Close_while_a_message_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := typed(t, t.Context(), b, c, 3)
		c.Close()
		rig.Closed(t, sub.C)
		if s := sub.Stats(); s.Dropped != 3 || s.Delivered != 0 || sub.Err() != nil {
			t.Errorf("%+v, error %v", s, sub.Err())
		}
	})
}

func TestSubscribeAs_promise4_lost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub := typed(t, t.Context(), b, c, 0)
		b.Cut()
		rig.Closed(t, sub.C)
		rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
		rig.ErrorIs(t, c.Err(), stomp.ErrConnectionLost)
	})
}

func TestSubscribeAs_Unsubscribe_and_Drain(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, c *stomp.Client, sub *stomp.Subscription[stomp.Message[int]]) error{
		"Unsubscribe": func(ctx context.Context, _ *stomp.Client, sub *stomp.Subscription[stomp.Message[int]]) error {
			return sub.Unsubscribe(ctx)
		},
		"Drain": func(ctx context.Context, c *stomp.Client, _ *stomp.Subscription[stomp.Message[int]]) error {
			return c.Drain(ctx)
		},
	} {
		rig.Bubble(t, name+"_delivers_all_that_arrived", func(t *testing.T) {
			b, c := rig.Pair(t)
			sub := typed(t, t.Context(), b, c, 100)
			done := rig.Go(func() error { return end(t.Context(), c, sub) })
			time.Sleep(time.Minute) // a slow consumer
			rig.Equal(t, "values", values(sub.C), upTo(100))
			rig.OK(t, <-done)
		})
		rig.Bubble(t, name+"_within_ctx", func(t *testing.T) {
			b, c := rig.Pair(t)
			sub := typed(t, t.Context(), b, c, 100)
			rig.Takes(t, time.Second, func() { rig.ErrorIs(t, end(rig.Within(t, time.Second), c, sub), context.DeadlineExceeded) })
			c.Close()
			if got := values(sub.C); len(got) > channelBuffer {
				t.Errorf("%d messages came", len(got))
			}
		})
		rig.Bubble(t, name+"_in_a_client_mode", func(t *testing.T) {
			b, c := rig.Pair(t)
			sub := typed(t, t.Context(), b, c, 100, stomp.WithAck(stomp.AckClientIndividual))
			first := <-sub.C
			done := rig.Go(func() error { return end(t.Context(), c, sub) })
			synctest.Wait()
			rig.OK(t, c.Ack(t.Context(), first.Frame))
			n := 1
			for m := range sub.C {
				n++
				rig.OK(t, c.Ack(t.Context(), m.Frame))
			}
			rig.OK(t, <-done)
			synctest.Wait()
			if back := b.QueueLen("/queue/a"); back != 100-n || b.StaleAcks() != 0 {
				t.Errorf("%d messages were acked, %d are back in the queue", n, back)
			}
		})
	}
}

// What has left the queue waits in the converter's hands: the end of ctx reaches that too.
func TestSubscribeAs_ctx_ends_while_Drain_waits_for_the_consumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		ctx, cancel := context.WithCancel(t.Context())
		sub := typed(t, ctx, b, c, 3)
		done := rig.Go(func() error { return c.Drain(rig.Within(t, time.Minute)) })
		synctest.Wait()
		start := time.Now()
		cancel()
		rig.OK(t, <-done)
		if d := time.Since(start); d != 0 || sub.Stats().Dropped != 3 {
			t.Errorf("took %v, stats %+v", d, sub.Stats())
		}
	})
}

func TestSubscribeAs_errors_are_those_of_Subscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		_, err := stomp.SubscribeAs(t.Context(), c, "", stomp.JSON[int])
		rig.ErrorIs(t, err, stomp.ErrNoDestination)
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/a", stomp.WithID(""))
		rig.ErrorIs(t, err, stomp.ErrNoID)
		c.Close()
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/a")
		rig.ErrorIs(t, err, stomp.ErrClosed)
	})
}

func TestSubscribeAs_nil_function_is_an_error_of_the_call(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		_, err := stomp.SubscribeAs[int](t.Context(), c, "/queue/a", nil)
		rig.ErrorText(t, err, "stomp: subscribe /queue/a: SubscribeAs: nil function")
		rig.Unsent(t, err)
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), nil)
	})
}

// slowWords is what brokenDecode panics with. Its text, which the runtime asks for when every deferred call has run,
// gives the rest of the program all the time that it needs to end in peace.
type slowWords struct{}

func (slowWords) Error() string {
	for range 100_000 {
		runtime.Gosched()
	}
	return "these are slow words"
}

func brokenDecode(stomp.Frame) (int, error) { panic(slowWords{}) }

// leavingDecode ends its goroutine, as the Fatal of a test does.
func leavingDecode(stomp.Frame) (int, error) {
	runtime.Goexit()
	return 0, nil
}

// A decode that panics ends the process, with the stack that leads to it. Nobody sees the channel closed before.
func TestSubscribeAs_panic_of_decode_ends_the_process(t *testing.T) {
	endsTheProcess(t, brokenDecode, "panic: ", "these are slow words", "brokenDecode(", "typed_test.go:")
}

// A decode that ends its goroutine ends the process as well: its channel would stay silent and open.
func TestSubscribeAs_decode_that_ends_its_goroutine_ends_the_process(t *testing.T) {
	endsTheProcess(t, leavingDecode, `panic: stomp: the decode of SubscribeAs, at message "`, "from /queue/a, has ended its goroutine")
}

// endsTheProcess subscribes by decode, in a process of its own, and wants words from its end.
func endsTheProcess(t *testing.T, decode func(stomp.Frame) (int, error), words ...string) {
	t.Helper()
	inProcess(t, func() {
		b := rig.NewBroker(t)
		c := rig.Connect(t, b)
		sub, err := stomp.SubscribeAs(t.Context(), c, "/queue/a", decode, stomp.WithReceipt())
		rig.OK(t, err)
		rig.Publish(b, "/queue/a", "1")
		<-sub.C
	}, words...)
}

// inProcess runs f in a process of its own, which has to end by a panic with these words.
func inProcess(t *testing.T, f func(), words ...string) {
	t.Helper()
	const child = "WEBSTOMP_TEST_PANIC"
	if os.Getenv(child) != "" {
		f()
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	said, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the process ended in peace: %s", said)
	}
	for _, want := range words {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q is not in what the process said:\n%s", want, said)
		}
	}
}

func TestSubscribeJSON_goes_on_after_what_does_not_decode(t *testing.T) {
	type price struct {
		Name  string
		Cents int
	}
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		in, err := stomp.SubscribeJSON[price](t.Context(), c, "/queue/a")
		rig.OK(t, err)
		rig.OK(t, c.SendJSON(t.Context(), "/queue/a", price{"tea", 250}))
		rig.OK(t, c.Send(t.Context(), "/queue/a", []byte(`{"Name":"broken`)))
		rig.OK(t, c.SendJSON(t.Context(), "/queue/a", price{"milk", 90}))
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

func TestJSON_decodes_and_cuts_its_error(t *testing.T) {
	v, err := stomp.JSON[[]int](stomp.NewFrame("MESSAGE", nil, []byte("[1,2]")))
	rig.OK(t, err)
	rig.Equal(t, "value", v, []int{1, 2})
	_, err = stomp.JSON[int](stomp.NewFrame("MESSAGE", nil, []byte(strings.Repeat("x", 10_000))))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("error of %d characters", len(err.Error()))
	}
	var syntax interface{ Error() string }
	if !errors.As(err, &syntax) {
		t.Error(err)
	}
}

// A typed subscription has a goroutine only while messages wait.
func TestSubscribeAs_has_no_goroutine_while_nothing_waits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		synctest.Wait()
		before := rig.Goroutines()
		var subs []*stomp.Subscription[stomp.Message[int]]
		for range 50 {
			subs = append(subs, typed(t, t.Context(), b, c, 0))
		}
		synctest.Wait()
		if n := rig.Goroutines() - before; n != 0 {
			t.Errorf("%d goroutines for 50 subscriptions", n)
		}
		rig.Publish(b, "/queue/a", rig.Numbers(1, 50)...)
		for _, sub := range subs {
			<-sub.C
		}
		synctest.Wait()
		if n := rig.Goroutines() - before; n != 0 {
			t.Errorf("%d goroutines when all is read", n)
		}
	})
}
