// The promises of the README, executed: each test is one of them, seen from outside, on the embedded broker. Where
// time matters they run in a synctest bubble, over a pipe, and times are exact; elsewhere over a WebSocket on the
// loopback.
package webstomp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/leak"
	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// bubble is a subtest whose clock is the test's own, with a broker that opens no sockets.
func bubble(t *testing.T, name string, f func(t *testing.T, b *stomptest.Broker), opts ...stomptest.Option) {
	t.Helper()
	rig.Bubble(t, name, func(t *testing.T) { f(t, rig.PipeBroker(t, opts...)) })
}

// fails checks that err matches target, and that Unsent tells the truth about it.
func fails(t *testing.T, err, target error, unsent bool) {
	t.Helper()
	rig.ErrorIs(t, err, target)
	if unsent {
		rig.Unsent(t, err)
	} else {
		rig.MaySent(t, err)
	}
}

// Promise 1: whatever a call waits for, the end of its ctx ends the wait in the same instant.
func TestClient_promise1_ctx_bounds_waiting(t *testing.T) {
	connect := map[string]func(b *stomptest.Broker) stomp.ConnectOption{
		"dialling": func(b *stomptest.Broker) stomp.ConnectOption {
			return stomp.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
		},
		"the_upgrade": func(b *stomptest.Broker) stomp.ConnectOption {
			b.Silence(true)
			return stomp.WithHTTPClient(b.Client())
		},
		"CONNECTED": func(b *stomptest.Broker) stomp.ConnectOption {
			rig.On(b, "CONNECT", "", rig.Always(stomptest.Drop()))
			return stomp.WithHTTPClient(b.Client())
		},
	}
	for name, trouble := range connect {
		bubble(t, name, func(t *testing.T, b *stomptest.Broker) {
			opt := trouble(b)
			ctx := rig.Within(t, 3*time.Second)
			rig.Takes(t, 3*time.Second, func() {
				_, err := stomp.Connect(ctx, b.URL(), opt)
				fails(t, err, context.DeadlineExceeded, false)
			})
		})
	}

	type call = func(ctx context.Context, c *stomp.Client, f stomp.Frame) error
	calls := map[string]call{
		"Send": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			return c.Send(ctx, "/queue/b", nil, stomp.WithReceipt())
		},
		"Request": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			_, err := c.Request(ctx, "/queue/b", nil)
			return err
		},
		"Subscribe": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			_, err := c.Subscribe(ctx, "/queue/b", stomp.WithReceipt())
			return err
		},
		"Begin": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error {
			_, err := c.Begin(ctx, stomp.WithReceipt())
			return err
		},
		"Ack": func(ctx context.Context, c *stomp.Client, f stomp.Frame) error {
			return c.Ack(ctx, f, stomp.WithReceipt())
		},
		"Disconnect": func(ctx context.Context, c *stomp.Client, _ stomp.Frame) error { return c.Disconnect(ctx) },
	}
	for name, call := range calls {
		bubble(t, name, func(t *testing.T, b *stomptest.Broker) {
			c := rig.Connect(t, b)
			messages, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClient), stomp.WithReceipt())
			rig.OK(t, err)
			b.Publish("/queue/a", nil, []byte("1"))
			f := rig.Body(t, messages, "1")
			b.Intercept(func(stomptest.Event) stomptest.Action { return stomptest.Drop() }) // no answer to anything
			ctx := rig.Within(t, 3*time.Second)
			rig.Takes(t, 3*time.Second, func() { fails(t, call(ctx, c, f), context.DeadlineExceeded, false) })
		})
	}
}

// Promise 1: a ctx that ends while its frame waits for the socket leaves the session as it was.
func TestClient_promise1_ctx_never_reaches_the_socket(t *testing.T) {
	bubble(t, "waiting_for_room", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		b.Silence(true)
		ctx := rig.Within(t, 5*time.Second)
		rig.Takes(t, 5*time.Second, func() {
			var err error
			for err == nil {
				err = c.Send(ctx, "/queue/a", make([]byte, 50_000))
			}
			fails(t, err, context.DeadlineExceeded, true)
		})
		b.Silence(false)
		rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
		if s := c.Status(); s.State != stomp.StateConnected || b.Sessions() != 1 {
			t.Errorf("%v, %d sessions", s.State, b.Sessions())
		}
	})
}

// Promise 1: the ctx given to Subscribe is the life of the subscription, and of nothing else.
func TestSubscribe_promise1_ctx_is_the_subscriptions_life(t *testing.T) {
	b := rig.NewBroker(t)
	c := rig.Connect(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	messages, err := c.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
	rig.OK(t, err)
	cancel()
	for range messages {
		t.Error("a message came")
	}
	_, err = b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return e.Frame.Command == "UNSUBSCRIBE" })
	rig.OK(t, err)
	rig.OK(t, c.Send(t.Context(), "/topic/a", nil, stomp.WithReceipt()))
}

// Promise 2: one unread subscription with 60,000 frames waiting delays neither a second subscription, nor a receipt,
// nor a heart-beat.
func TestSubscription_promise2_unread_delays_nobody(t *testing.T) {
	bubble(t, "60000_frames", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b) // heart-beats every 10 s are agreed, and sent every 5 s
		unread, err := c.NewSubscription(t.Context(), "/queue/unread")
		rig.OK(t, err)
		second, err := c.Subscribe(t.Context(), "/queue/second")
		rig.OK(t, err)
		rig.Takes(t, 0, func() {
			for range 60_000 {
				b.Publish("/queue/unread", nil, []byte("x"))
			}
			b.Publish("/queue/second", nil, []byte("hello"))
			rig.Body(t, second, "hello")
			rig.OK(t, c.Send(t.Context(), "/queue/other", nil, stomp.WithReceipt()))
		})
		if s := unread.Stats(); s.Queued != 60_000 || s.Dropped != 0 || s.Stalls != 0 {
			t.Fatalf("stats %+v", s)
		}
		before := c.Stats()
		time.Sleep(time.Minute)
		synctest.Wait()
		now := c.Stats()
		if sent, received := now.HeartBeatsSent-before.HeartBeatsSent, now.HeartBeatsReceived-before.HeartBeatsReceived; sent != 12 || received < 6 {
			t.Errorf("in a minute %d heart-beats were sent, want 12; %d were received, want at least 6", sent, received)
		}
		rig.OK(t, c.Err())
	})
}

// Promise 2: a consumer that sends with a receipt from its own loop, on a queue of 4 frames under OverflowBlock, with
// 100,000 messages coming, finishes.
func TestSubscription_promise2_consumer_that_sends_from_its_loop_finishes(t *testing.T) {
	const messages, each = 100_000, 10 // a receipt for each tenth: in between, the full queue stops the reading
	b := rig.NewBroker(t)
	for n := range messages {
		b.Publish("/queue/in", nil, fmt.Append(nil, n))
	}
	c := rig.Connect(t, b)
	in, err := c.Subscribe(t.Context(), "/queue/in", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
	rig.OK(t, err)
	for n := range messages {
		f := rig.Body(t, in, fmt.Sprint(n))
		if n%each == 0 {
			rig.OK(t, c.Send(t.Context(), "/queue/out", f.Body, stomp.WithReceipt()))
		}
	}
	if n := b.QueueLen("/queue/out"); n != messages/each {
		t.Errorf("%d messages were sent on", n)
	}
}

// Promise 2: a full queue does what its policy says; whatever is dropped is counted.
func TestWithBuffer_promise2_full_queue(t *testing.T) {
	bubble(t, "OverflowBlock_loses_nothing", func(t *testing.T, b *stomptest.Broker) {
		var log rig.Log
		c := rig.Connect(t, b, stomp.WithLogger(log.Logger(slog.LevelInfo)))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		rig.OK(t, err)
		for n := range 100 {
			b.Publish("/queue/a", nil, fmt.Append(nil, n))
		}
		time.Sleep(time.Hour) // our heart-beats go on; theirs, which nobody reads, are not missed
		synctest.Wait()
		if s := c.Stats(); s.Stalls != 1 || s.Dropped != 0 || s.HeartBeatsSent != 720 || len(log.Lines("reading stops")) != 1 {
			t.Errorf("stats %+v\n%s", s, &log)
		}
		rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt())) // reading goes on while this waits, and no longer
		for n := range 100 {
			b.Publish("/queue/a", nil, fmt.Append(nil, 100+n))
		}
		synctest.Wait()
		if s := sub.Stats(); s.Received != 101 {
			t.Errorf("stats %+v: what came before the RECEIPT was to be read, and one more", s)
		}
		for n := range 200 {
			rig.Body(t, sub.C, fmt.Sprint(n))
		}
	})
	for name, tc := range map[string]struct {
		policy stomp.Overflow
		first  string // of what the consumer gets
		err    error
	}{
		"OverflowDropOldest": {stomp.OverflowDropOldest, "90", nil},
		"OverflowDropNewest": {stomp.OverflowDropNewest, "0", nil},
		"OverflowFail":       {stomp.OverflowFail, "0", stomp.ErrSlowConsumer},
	} {
		bubble(t, name, func(t *testing.T, b *stomptest.Broker) {
			c := rig.Connect(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(10, 0, tc.policy))
			rig.OK(t, err)
			synctest.Wait()
			for n := range 100 {
				b.Publish("/queue/a", nil, fmt.Append(nil, n))
			}
			synctest.Wait()
			if !errors.Is(sub.Err(), tc.err) {
				t.Errorf("the subscription's error is %v, want %v", sub.Err(), tc.err)
			}
			if s := sub.Stats(); s.Received != s.Dropped+uint64(s.Queued) || s.Dropped == 0 {
				t.Errorf("stats %+v", s)
			}
			rig.Body(t, sub.C, tc.first)
			rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
		})
	}
}

// Promise 4: a channel closes because its user ended it, because the Client ended, or because it failed alone; the
// two Errs, set before, tell which.
func TestSubscription_promise4_why_it_closed(t *testing.T) {
	type ending = func(b *stomptest.Broker, c *stomp.Client, sub *stomp.Subscription[stomp.Frame]) error
	unsubscribe := func(_ *stomptest.Broker, _ *stomp.Client, sub *stomp.Subscription[stomp.Frame]) error {
		return sub.Unsubscribe(context.Background())
	}
	closeClient := func(_ *stomptest.Broker, c *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error { return c.Close() }
	cut := func(b *stomptest.Broker, _ *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
		b.Cut()
		return nil
	}
	overflow := func(b *stomptest.Broker, _ *stomp.Client, _ *stomp.Subscription[stomp.Frame]) error {
		for range 3 {
			b.Publish("/queue/a", nil, nil)
		}
		return nil
	}
	for name, tc := range map[string]struct {
		end         ending
		sub, client error // what their Errs match
	}{
		"you_ended_the_subscription": {unsubscribe, nil, nil},
		"you_ended_the_Client":       {closeClient, nil, stomp.ErrClosed},
		"the_Client_ended":           {cut, stomp.ErrConnectionLost, stomp.ErrConnectionLost},
		"it_failed_alone":            {overflow, stomp.ErrSlowConsumer, nil},
	} {
		bubble(t, name, func(t *testing.T, b *stomptest.Broker) {
			c := rig.Connect(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(2, 0, stomp.OverflowFail))
			rig.OK(t, err)
			rig.OK(t, sub.Confirmed(t.Context()))
			rig.OK(t, tc.end(b, c, sub))
			synctest.Wait() // the consumer is slow
			for range sub.C {
			}
			rig.ErrorIs(t, sub.Err(), tc.sub)
			rig.ErrorIs(t, c.Err(), tc.client)
		})
	}
}

// Promise 4: a closed Client leaves no goroutine behind, whatever was going on.
func TestClient_promise4_closed_leaves_no_goroutine(t *testing.T) {
	bubble(t, "Close", func(t *testing.T, b *stomptest.Broker) {
		synctest.Wait()
		before := rig.Goroutines()
		c := rig.Connect(t, b, stomp.WithPing(time.Second))
		c.Watch(t.Context())
		c.Unmatched(t.Context())
		_, err := c.Subscribe(t.Context(), "/queue/a")
		rig.OK(t, err)
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/queue/b")
		rig.OK(t, err)
		for range 100 { // more than a channel holds
			b.Publish("/queue/a", nil, []byte("1"))
			b.Publish("/queue/b", nil, []byte("1"))
		}
		rig.On(b, "SEND", "", rig.Always(stomptest.Drop()))
		r, err := c.SendAsync(t.Context(), "/queue/c", nil)
		rig.OK(t, err)
		synctest.Wait()
		rig.OK(t, c.Close())
		<-r.Done()
		synctest.Wait() // the broker's own
		if now := rig.Goroutines(); now > before {
			t.Errorf("%d goroutines before, %d after", before, now)
		}
	})
}

// Promise 5: a subscription that the broker refuses ends with the broker's words, and the others go on.
func TestSubscription_promise5_refused_ends_alone(t *testing.T) {
	b := rig.NewBroker(t)
	rig.On(b, "SUBSCRIBE", "/queue/secret", rig.Refuse("access refused"))
	c := rig.Connect(t, b)
	good, err := c.NewSubscription(t.Context(), "/queue/good")
	rig.OK(t, err)
	bad, err := c.NewSubscription(t.Context(), "/queue/secret")
	rig.OK(t, err)
	for range bad.C {
		t.Error("a message came")
	}
	rig.Refused(t, bad.Err(), "access refused")
	rig.OK(t, c.Send(t.Context(), "/queue/good", []byte("hello")))
	rig.Body(t, good.C, "hello")
	rig.OK(t, good.Err())
	rig.OK(t, c.Err())
}

// Promise 6: an ack goes out on the session and for the subscription that delivered its frame, or not at all.
func TestAck_promise6_never_reaches_the_wrong_session(t *testing.T) {
	b := rig.NewBroker(t)
	b.Publish("/queue/jobs", nil, []byte("job"))
	take := func(ctx context.Context, c *stomp.Client) stomp.Frame {
		jobs, err := c.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		return rig.Body(t, jobs, "job")
	}
	first := rig.Connect(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	unsubscribed := take(ctx, first)
	cancel()
	lost := take(t.Context(), first) // the broker delivers it again
	fails(t, first.Ack(t.Context(), unsubscribed), stomp.ErrStale, true)
	b.Cut()
	<-first.Done()
	fails(t, first.Ack(t.Context(), lost), stomp.ErrStale, true)
	fails(t, first.Nack(t.Context(), lost), stomp.ErrStale, true)

	second := rig.Connect(t, b)
	again := take(t.Context(), second)
	fails(t, second.Ack(t.Context(), lost), stomp.ErrNotAckable, true)
	rig.OK(t, second.Ack(t.Context(), again, stomp.WithReceipt()))
	if b.StaleAcks() != 0 || b.Unacked("/queue/jobs") != 0 || b.QueueLen("/queue/jobs") != 0 {
		t.Errorf("%d stale acks, %d unacked, %d in the queue", b.StaleAcks(), b.Unacked("/queue/jobs"), b.QueueLen("/queue/jobs"))
	}
}

// Promise 7: what was accepted is written, or somebody is told; Unsent says whether sending it again is safe.
func TestSend_promise7_nothing_is_lost_silently(t *testing.T) {
	t.Run("Disconnect_writes_what_was_accepted", func(t *testing.T) {
		b := rig.NewBroker(t)
		c := rig.Connect(t, b)
		for range 1000 {
			rig.OK(t, c.Send(t.Context(), "/queue/a", []byte("x")))
		}
		rig.OK(t, c.Disconnect(t.Context()))
		if n := b.QueueLen("/queue/a"); n != 1000 {
			t.Errorf("the broker has %d of 1000 messages", n)
		}
	})
	t.Run("in_flight_is_ErrConnectionLost", func(t *testing.T) {
		b := rig.NewBroker(t)
		c := rig.Connect(t, b)
		rig.On(b, "SEND", "", rig.Always(stomptest.CutAfter()))
		fails(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()), stomp.ErrConnectionLost, false)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("the broker has %d messages: it took the one whose RECEIPT was lost", n)
		}
		<-c.Done()
		fails(t, c.Send(t.Context(), "/queue/a", nil), stomp.ErrConnectionLost, true)
	})
	bubble(t, "never_written_is_Unsent", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		b.Silence(true)
		begun, err := c.SendAsync(t.Context(), "/queue/a", make([]byte, 1<<20)) // more than a pipe takes
		rig.OK(t, err)
		synctest.Wait()
		waits, err := c.SendAsync(t.Context(), "/queue/a", nil)
		rig.OK(t, err)
		b.Cut()
		fails(t, begun.Wait(t.Context()), stomp.ErrConnectionLost, false)
		fails(t, waits.Wait(t.Context()), stomp.ErrConnectionLost, true)
	})
}

// Promise 8: heart-beats go out early and at a fixed rate whatever else is sent, none before CONNECTED; a server that
// is silent for twice the agreed interval is cut at once.
func TestHeartBeat_promise8_rate_and_silence(t *testing.T) {
	bubble(t, "fixed_rate", func(t *testing.T, b *stomptest.Broker) {
		idle, busy := rig.Connect(t, b), rig.Connect(t, b)
		for range 60 {
			rig.OK(t, busy.Send(t.Context(), "/queue/a", nil))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if i, n := idle.Stats().HeartBeatsSent, busy.Stats().HeartBeatsSent; i != 12 || n != 12 {
			t.Errorf("in a minute the idle client sent %d, the busy one %d; want 12 each", i, n)
		}
	})
	bubble(t, "none_before_CONNECTED", func(t *testing.T, b *stomptest.Broker) {
		rig.On(b, "CONNECT", "", rig.Always(stomptest.DelayFor(time.Minute)))
		rig.Takes(t, time.Minute, func() {
			if n := rig.Connect(t, b).Stats().HeartBeatsSent; n != 0 {
				t.Errorf("%d were sent", n)
			}
		})
	})
	bubble(t, "silence", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		b.Silence(true)
		rig.Takes(t, 20*time.Second, func() { <-c.Done() })
		fails(t, c.Err(), stomp.ErrHeartBeat, false)
		fails(t, c.Err(), stomp.ErrConnectionLost, false)
	})
}

// Promise 9: bad input is an error of the right type, and costs no more memory than came over the wire.
func TestClient_promise9_bad_input_is_an_error(t *testing.T) {
	for name, input := range map[string]string{
		"not_STOMP":            "HTTP/1.1 400 Bad Request\r\n\r\n",
		"unknown_command":      "HELLO\n\n\x00",
		"a_client's_command":   "SEND\ndestination:/a\n\n\x00",
		"second_CONNECTED":     "CONNECTED\nversion:1.2\n\n\x00",
		"line_without_a_colon": "MESSAGE\nsubscription\n\n\x00",
		"undefined_escape":     "MESSAGE\nsubscription:\\t\n\n\x00",
		"nonsense_length":      "MESSAGE\ncontent-length:-1\n\n\x00",
		"body_where_none_is":   "RECEIPT\nreceipt-id:1\n\nbody\x00",
		"LimitError_body":      "MESSAGE\ncontent-length:1000000000000\n\n",
		"LimitError_header":    "MESSAGE\nx:" + strings.Repeat("x", 1<<17),
		"LimitError_entries":   "MESSAGE\n" + strings.Repeat("x:y\n", 1001),
	} {
		t.Run(name, func(t *testing.T) {
			b := rig.NewBroker(t)
			c := rig.Connect(t, b)
			b.SendRaw([]byte(input))
			<-c.Done()
			var protocol *stomp.ProtocolError
			var limit *stomp.LimitError
			if tooBig := strings.HasPrefix(name, "LimitError"); errors.As(c.Err(), &protocol) == tooBig || errors.As(c.Err(), &limit) != tooBig {
				t.Errorf("the Client ended with %v", c.Err())
			}
		})
	}
	bubble(t, "announced_and_never_sent", func(t *testing.T, b *stomptest.Broker) {
		rig.Connect(t, b)
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		b.SendRaw([]byte("MESSAGE\ncontent-length:60000000\n\nthe rest never comes"))
		synctest.Wait()
		runtime.ReadMemStats(&now)
		if n := now.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%d bytes were allocated on the word of a content-length", n)
		}
	})
}

// Promise 10: thousands of receipts may be outstanding at once, and none waits for another.
func TestReceipt_promise10_thousands_outstanding(t *testing.T) {
	bubble(t, "5000_at_once", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		rig.On(b, "SEND", "/queue/unanswered", rig.Always(stomptest.Drop()))
		b.Silence(true)
		first, err := c.SendAsync(t.Context(), "/queue/unanswered", nil)
		rig.OK(t, err)
		var rest []*stomp.Receipt
		for range 5000 {
			r, err := c.SendAsync(t.Context(), "/queue/a", nil)
			rig.OK(t, err)
			rest = append(rest, r)
		}
		if n := c.Stats().ReceiptsPending; n != 5001 {
			t.Errorf("%d receipts are pending, want 5001", n)
		}
		b.Silence(false)
		rig.Takes(t, 0, func() {
			for _, r := range rest {
				rig.OK(t, r.Wait(t.Context()))
			}
		})
		if rig.IsClosed(first.Done()) {
			t.Errorf("the first one was answered: %v", first.Err())
		}
	})
}

// Promise 11: a broker that sends no RECEIPT affects only calls that ask for one.
func TestClient_promise11_broker_without_receipts(t *testing.T) {
	bubble(t, "Spring", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		rig.Takes(t, 0, func() {
			sub, err := c.NewSubscription(t.Context(), "/topic/a")
			rig.OK(t, err)
			rig.OK(t, c.Send(t.Context(), "/topic/a", []byte("hello")))
			rig.Body(t, sub.C, "hello")
			rig.OK(t, sub.Unsubscribe(t.Context()))
			rig.OK(t, c.Flush(t.Context()))
		})
		ctx := rig.Within(t, 3*time.Second)
		rig.Takes(t, 3*time.Second, func() {
			fails(t, c.Send(ctx, "/topic/a", nil, stomp.WithReceipt()), context.DeadlineExceeded, false)
		})
		rig.Takes(t, 0, func() { rig.OK(t, c.Disconnect(t.Context())) })
	}, stomptest.WithProfile(stomptest.Spring))
}

// Promise 12: an ERROR reaches whom it names; one that names nobody ends the session.
func TestClient_promise12_ERROR_reaches_whom_it_names(t *testing.T) {
	rabbit := stomptest.WithProfile(stomptest.RabbitMQ)
	t.Run("at_the_subscription", func(t *testing.T) {
		b := rig.NewBroker(t, rabbit)
		c := rig.Connect(t, b)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/a")
		for range sub.C {
		}
		rig.Refused(t, sub.Err(), "Server cancelled subscription")
		rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
	})
	t.Run("at_the_receipt", func(t *testing.T) {
		b := rig.NewBroker(t)
		rig.On(b, "SEND", "/queue/full", rig.Refuse("no room"))
		c := rig.Connect(t, b)
		rig.Refused(t, c.Send(t.Context(), "/queue/full", nil, stomp.WithReceipt()), "no room")
		rig.OK(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
	})
	bubble(t, "at_the_session", func(t *testing.T, b *stomptest.Broker) {
		c := rig.Connect(t, b)
		err := c.Send(t.Context(), "/temp-queue/a", nil, stomp.WithReceipt())
		rig.Refused(t, err, "Invalid destination") // it names no receipt
		fails(t, err, stomp.ErrConnectionLost, false)
		<-c.Done()
		rig.Refused(t, c.Err(), "Invalid destination")
		synctest.Wait()
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections are open: this broker does not close them", n)
		}
	}, rabbit)
	t.Run("nowhere_any_more", func(t *testing.T) {
		b := rig.NewBroker(t)
		c := rig.Connect(t, b)
		rig.OK(t, b.SendFrame("ERROR", [][2]string{{"receipt-id", "r999"}}, nil))
		rig.OK(t, b.SendFrame("ERROR", [][2]string{{"subscription", "s999"}}, nil))
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
		if n := c.Stats().StrayErrors; n != 2 {
			t.Errorf("%d stray ERRORs were counted, want 2", n)
		}
	})
}

// Promise 12: a close that nobody asked for is an error whatever its code; after our DISCONNECT any end is a clean
// one.
func TestClient_promise12_close_before_and_after_Disconnect(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithProfile(stomptest.RabbitMQ)) // which answers DISCONNECT with a bare close, 1000 "STOMP died"
	rig.OK(t, rig.Connect(t, b).Disconnect(t.Context()))

	c := rig.Connect(t, b)
	b.CloseConnections(1000, "STOMP died")
	<-c.Done()
	var closed *stomp.CloseError
	if err := c.Err(); !errors.As(err, &closed) || *closed != (stomp.CloseError{Code: 1000, Reason: "STOMP died"}) {
		t.Errorf("the Client ended with %v", err)
	}
	fails(t, c.Err(), stomp.ErrConnectionLost, false)
}

// Promise 13: a frame of any size is one WebSocket message, in fragments that every server takes; a server that
// refuses it for its size is named with its limit.
func TestSend_promise13_messages_of_several_sizes(t *testing.T) {
	// carries sends bodies from the client to itself.
	carries := func(t *testing.T, c *stomp.Client, sizes ...int) {
		t.Helper()
		messages, err := c.Subscribe(t.Context(), "/topic/a")
		rig.OK(t, err)
		for _, n := range sizes {
			body := strings.Repeat("x", n)
			rig.OK(t, c.Send(t.Context(), "/topic/a", []byte(body)))
			rig.Body(t, messages, body)
		}
	}
	t.Run("Artemis_takes_no_fragment_above_64_KiB", func(t *testing.T) {
		carries(t, rig.Connect(t, rig.NewBroker(t, stomptest.WithProfile(stomptest.Artemis))), 0, 1, 65_535, 65_536, 1<<20)
	})
	t.Run("Classic_takes_one_frame_per_message", func(t *testing.T) {
		b := rig.NewBroker(t, stomptest.WithProfile(stomptest.Classic))
		c := rig.Connect(t, b)
		for range 1000 {
			rig.OK(t, c.Send(t.Context(), "/queue/a", []byte("x")))
		}
		rig.OK(t, c.Disconnect(t.Context()))
		if n := b.QueueLen("/queue/a"); n != 1000 {
			t.Errorf("the broker has %d of 1000 messages", n)
		}
	})
	t.Run("Spring_takes_no_message_above_16640_bytes", func(t *testing.T) {
		b := rig.NewBroker(t, stomptest.WithProfile(stomptest.Spring))
		c := rig.Connect(t, b)
		rig.OK(t, c.Send(t.Context(), "/topic/a", make([]byte, 20_000)))
		<-c.Done()
		var closed *stomp.CloseError
		if err := c.Err(); !errors.As(err, &closed) || closed.Code != 1009 || !strings.Contains(err.Error(), "see WithMessageSplit") {
			t.Errorf("the Client ended with %v", err)
		}
		carries(t, rig.Connect(t, b, stomp.WithMessageSplit(16_000)), 1, 16_000, 60_000)
	})
}
