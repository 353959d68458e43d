// The promises of the README, executed: each test is one of them, seen from outside, on the embedded broker. Where time
// matters they run in a synctest bubble, over a pipe, and times are exact; elsewhere over a WebSocket on the loopback.
package webstomp_test

import (
	"bytes"
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
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { leak.Main(m) }

// bubble is a subtest whose clock is the test's own, with a broker that opens no sockets.
func bubble(t *testing.T, name string, f func(t *testing.T, b *stomptest.Broker), opts ...stomptest.Option) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { f(t, start(t, append(opts, stomptest.WithPipe())...)) })
	})
}

// start starts a broker, on the loopback unless told otherwise; it ends with the test.
func start(t *testing.T, opts ...stomptest.Option) *stomptest.Broker {
	t.Helper()
	b := stomptest.NewBroker(opts...)
	t.Cleanup(b.Close)
	return b
}

// join connects a client to the broker; it ends with the test.
func join(t *testing.T, b *stomptest.Broker, opts ...stomp.ConnectOption) *stomp.Client {
	t.Helper()
	if strings.HasPrefix(b.URL(), "ws://pipe.") {
		opts = append(opts, stomp.WithHTTPClient(b.Client()))
	}
	c, err := stomp.Connect(t.Context(), b.URL(), append([]stomp.ConnectOption{stomp.WithoutReconnect()}, opts...)...)
	fine(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func fine(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fails checks that err matches target, and that Unsent tells the truth about it.
func fails(t *testing.T, err, target error, unsent bool) {
	t.Helper()
	if !errors.Is(err, target) || stomp.Unsent(err) != unsent {
		t.Errorf("error %v, Unsent %t; want %q, Unsent %t", err, stomp.Unsent(err), target, unsent)
	}
}

// refused checks that err holds the broker's ERROR of that message.
func refused(t *testing.T, err error, message string) {
	t.Helper()
	var e *stomp.Error
	if !errors.As(err, &e) || e.Message != message {
		t.Errorf("error %v; want the broker's ERROR %q", err, message)
	}
}

// wants checks the body of the next frame of a channel.
func wants(t *testing.T, c <-chan stomp.Frame, body string) stomp.Frame {
	t.Helper()
	f, open := <-c
	if !open || string(f.Body) != body {
		t.Fatalf("got %q, channel open %t; want %q", f.Body, open, body)
	}
	return f
}

// after runs f and checks how long it took, to the nanosecond: it is for bubbles.
func after(t *testing.T, want time.Duration, f func()) {
	t.Helper()
	begin := time.Now()
	f()
	if took := time.Since(begin); took != want {
		t.Errorf("it took %v, want %v", took, want)
	}
}

// on makes the broker do something about the frames of one command and destination ("": of any) that clients send.
func on(b *stomptest.Broker, command, destination string, do func(stomptest.Frame) stomptest.Action) {
	b.Intercept(func(e stomptest.Event) stomptest.Action {
		f := e.Frame
		if e.Direction == stomptest.In && f.Command == command && (destination == "" || f.Get("destination") == destination) {
			return do(f)
		}
		return stomptest.Pass()
	})
}

// Promise 1: whatever a call waits for, the end of its ctx ends the wait in the same instant.
func TestPromise1_ContextBoundsWaiting(t *testing.T) {
	connect := map[string]func(b *stomptest.Broker) stomp.ConnectOption{
		"dialling": func(b *stomptest.Broker) stomp.ConnectOption {
			return stomp.WithDialer(func(ctx context.Context, _ string) (net.Conn, error) { <-ctx.Done(); return nil, ctx.Err() })
		},
		"the_upgrade": func(b *stomptest.Broker) stomp.ConnectOption {
			b.Silence(true)
			return stomp.WithHTTPClient(b.Client())
		},
		"CONNECTED": func(b *stomptest.Broker) stomp.ConnectOption {
			on(b, "CONNECT", "", func(stomptest.Frame) stomptest.Action { return stomptest.Drop() })
			return stomp.WithHTTPClient(b.Client())
		},
	}
	for name, trouble := range connect {
		bubble(t, name, func(t *testing.T, b *stomptest.Broker) {
			opt := trouble(b)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			after(t, 3*time.Second, func() {
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
			c := join(t, b)
			messages, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClient), stomp.WithReceipt())
			fine(t, err)
			b.Publish("/queue/a", nil, []byte("1"))
			f := wants(t, messages, "1")
			b.Intercept(func(stomptest.Event) stomptest.Action { return stomptest.Drop() }) // no answer to anything
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			after(t, 3*time.Second, func() { fails(t, call(ctx, c, f), context.DeadlineExceeded, false) })
		})
	}
}

// Promise 1: a ctx that ends while its frame waits for the socket leaves the session as it was.
func TestPromise1_ContextNeverReachesTheSocket(t *testing.T) {
	bubble(t, "waiting_for_room", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		b.Silence(true)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		after(t, 5*time.Second, func() {
			var err error
			for err == nil {
				err = c.Send(ctx, "/queue/a", make([]byte, 50_000))
			}
			fails(t, err, context.DeadlineExceeded, true)
		})
		b.Silence(false)
		fine(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
		if s := c.Status(); s.State != stomp.StateConnected || b.Sessions() != 1 {
			t.Errorf("%v, %d sessions", s.State, b.Sessions())
		}
	})
}

// Promise 1: the ctx given to Subscribe is the life of the subscription, and of nothing else.
func TestPromise1_SubscribeContextIsTheSubscriptionsLife(t *testing.T) {
	b := start(t)
	c := join(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	messages, err := c.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
	fine(t, err)
	cancel()
	for range messages {
		t.Error("a message came")
	}
	_, err = b.AwaitReceived(t.Context(), func(e stomptest.Event) bool { return e.Frame.Command == "UNSUBSCRIBE" })
	fine(t, err)
	fine(t, c.Send(t.Context(), "/topic/a", nil, stomp.WithReceipt()))
}

// Promise 2: one unread subscription with 60,000 frames waiting delays neither a second subscription, nor a receipt, nor
// a heart-beat.
func TestPromise2_UnreadSubscriptionDelaysNobody(t *testing.T) {
	bubble(t, "60000_frames", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b) // heart-beats every 10 s are agreed, and sent every 5 s
		unread, err := c.NewSubscription(t.Context(), "/queue/unread")
		fine(t, err)
		second, err := c.Subscribe(t.Context(), "/queue/second")
		fine(t, err)
		after(t, 0, func() {
			for range 60_000 {
				b.Publish("/queue/unread", nil, []byte("x"))
			}
			b.Publish("/queue/second", nil, []byte("hello"))
			wants(t, second, "hello")
			fine(t, c.Send(t.Context(), "/queue/other", nil, stomp.WithReceipt()))
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
		fine(t, c.Err())
	})
}

// Promise 2: a consumer that sends with a receipt from its own loop, on a queue of 4 frames under OverflowBlock, with
// 100,000 messages coming, finishes.
func TestPromise2_ConsumerThatSendsFromItsLoopFinishes(t *testing.T) {
	const messages, each = 100_000, 10 // a receipt for each tenth: in between, the full queue stops the reading
	b := start(t)
	for n := range messages {
		b.Publish("/queue/in", nil, fmt.Append(nil, n))
	}
	c := join(t, b)
	in, err := c.Subscribe(t.Context(), "/queue/in", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
	fine(t, err)
	for n := range messages {
		f := wants(t, in, fmt.Sprint(n))
		if n%each == 0 {
			fine(t, c.Send(t.Context(), "/queue/out", f.Body, stomp.WithReceipt()))
		}
	}
	if n := b.QueueLen("/queue/out"); n != messages/each {
		t.Errorf("%d messages were sent on", n)
	}
}

// Promise 2: a full queue does what its policy says; whatever is dropped is counted.
func TestPromise2_FullQueue(t *testing.T) {
	bubble(t, "OverflowBlock_loses_nothing", func(t *testing.T, b *stomptest.Broker) {
		var log bytes.Buffer
		c := join(t, b, stomp.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(4, 0, stomp.OverflowBlock))
		fine(t, err)
		for n := range 100 {
			b.Publish("/queue/a", nil, fmt.Append(nil, n))
		}
		time.Sleep(time.Hour) // our heart-beats go on; theirs, which nobody reads, are not missed
		synctest.Wait()
		if s := c.Stats(); s.Stalls != 1 || s.Dropped != 0 || s.HeartBeatsSent != 720 || strings.Count(log.String(), "reading stops") != 1 {
			t.Errorf("stats %+v\n%s", s, &log)
		}
		fine(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt())) // it lifts for this, and no longer
		for n := range 100 {
			b.Publish("/queue/a", nil, fmt.Append(nil, 100+n))
		}
		synctest.Wait()
		if s := sub.Stats(); s.Received != 101 {
			t.Errorf("stats %+v: what came before the RECEIPT was to be read, and one more", s)
		}
		for n := range 200 {
			wants(t, sub.C, fmt.Sprint(n))
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
			c := join(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(10, 0, tc.policy))
			fine(t, err)
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
			wants(t, sub.C, tc.first)
			fine(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
		})
	}
}

// Promise 4: a channel closes because its user ended it, because the Client ended, or because it failed alone; the two
// Errs, set before, tell which.
func TestPromise4_WhyDidItClose(t *testing.T) {
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
			c := join(t, b)
			sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithBuffer(2, 0, stomp.OverflowFail))
			fine(t, err)
			fine(t, sub.Confirmed(t.Context()))
			fine(t, tc.end(b, c, sub))
			synctest.Wait() // the consumer is slow
			for range sub.C {
			}
			if err := sub.Err(); !errors.Is(err, tc.sub) {
				t.Errorf("the subscription's error is %v, want %v", err, tc.sub)
			}
			if err := c.Err(); !errors.Is(err, tc.client) {
				t.Errorf("the Client's error is %v, want %v", err, tc.client)
			}
		})
	}
}

// Promise 4: a closed Client leaves no goroutine behind, whatever was going on.
func TestPromise4_ClosedClientLeavesNoGoroutine(t *testing.T) {
	bubble(t, "Close", func(t *testing.T, b *stomptest.Broker) {
		before := goroutines()
		c := join(t, b, stomp.WithPing(time.Second))
		c.Watch(t.Context())
		c.Unmatched(t.Context())
		_, err := c.Subscribe(t.Context(), "/queue/a")
		fine(t, err)
		_, err = stomp.SubscribeJSON[int](t.Context(), c, "/queue/b")
		fine(t, err)
		for range 100 { // more than a channel holds
			b.Publish("/queue/a", nil, []byte("1"))
			b.Publish("/queue/b", nil, []byte("1"))
		}
		on(b, "SEND", "", func(stomptest.Frame) stomptest.Action { return stomptest.Drop() })
		r, err := c.SendAsync(t.Context(), "/queue/c", nil)
		fine(t, err)
		synctest.Wait()
		fine(t, c.Close())
		<-r.Done()
		synctest.Wait() // the broker's own
		if now := goroutines(); now > before {
			t.Errorf("%d goroutines before, %d after", before, now)
		}
	})
}

// goroutines counts those that run or wait. runtime.NumGoroutine counts as well
// one that is being cleared away, for which synctest.Wait does not wait.
func goroutines() int {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Count(stacks, []byte("\n\ngoroutine "))
}

// Promise 5: a subscription that the broker refuses ends with the broker's words, and the others go on.
func TestPromise5_RefusedSubscriptionEndsAlone(t *testing.T) {
	b := start(t)
	on(b, "SUBSCRIBE", "/queue/secret", func(f stomptest.Frame) stomptest.Action {
		return stomptest.ReplyError("access refused", [][2]string{{"receipt-id", f.Get("receipt")}}, nil, false)
	})
	c := join(t, b)
	good, err := c.NewSubscription(t.Context(), "/queue/good")
	fine(t, err)
	bad, err := c.NewSubscription(t.Context(), "/queue/secret")
	fine(t, err)
	for range bad.C {
		t.Error("a message came")
	}
	refused(t, bad.Err(), "access refused")
	fine(t, c.Send(t.Context(), "/queue/good", []byte("hello")))
	wants(t, good.C, "hello")
	fine(t, good.Err())
	fine(t, c.Err())
}

// Promise 6: an ack goes out on the session and for the subscription that delivered its frame, or not at all.
func TestPromise6_AckNeverReachesTheWrongSession(t *testing.T) {
	b := start(t)
	b.Publish("/queue/jobs", nil, []byte("job"))
	take := func(ctx context.Context, c *stomp.Client) stomp.Frame {
		jobs, err := c.Subscribe(ctx, "/queue/jobs", stomp.WithAck(stomp.AckClientIndividual))
		fine(t, err)
		return wants(t, jobs, "job")
	}
	first := join(t, b)
	ctx, cancel := context.WithCancel(t.Context())
	unsubscribed := take(ctx, first)
	cancel()
	lost := take(t.Context(), first) // the broker delivers it again
	fails(t, first.Ack(t.Context(), unsubscribed), stomp.ErrStale, true)
	b.Cut()
	<-first.Done()
	fails(t, first.Ack(t.Context(), lost), stomp.ErrStale, true)
	fails(t, first.Nack(t.Context(), lost), stomp.ErrStale, true)

	second := join(t, b)
	again := take(t.Context(), second)
	fails(t, second.Ack(t.Context(), lost), stomp.ErrNotAckable, true)
	fine(t, second.Ack(t.Context(), again, stomp.WithReceipt()))
	if b.StaleAcks() != 0 || b.Unacked("/queue/jobs") != 0 || b.QueueLen("/queue/jobs") != 0 {
		t.Errorf("%d stale acks, %d unacked, %d in the queue", b.StaleAcks(), b.Unacked("/queue/jobs"), b.QueueLen("/queue/jobs"))
	}
}

// Promise 7: what was accepted is written, or somebody is told; Unsent says whether sending it again is safe.
func TestPromise7_NothingIsLostSilently(t *testing.T) {
	t.Run("Disconnect_writes_what_was_accepted", func(t *testing.T) {
		b := start(t)
		c := join(t, b)
		for range 1000 {
			fine(t, c.Send(t.Context(), "/queue/a", []byte("x")))
		}
		fine(t, c.Disconnect(t.Context()))
		if n := b.QueueLen("/queue/a"); n != 1000 {
			t.Errorf("the broker has %d of 1000 messages", n)
		}
	})
	t.Run("in_flight_is_ErrConnectionLost", func(t *testing.T) {
		b := start(t)
		c := join(t, b)
		on(b, "SEND", "", func(stomptest.Frame) stomptest.Action { return stomptest.CutAfter() })
		fails(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()), stomp.ErrConnectionLost, false)
		if n := b.QueueLen("/queue/a"); n != 1 {
			t.Errorf("the broker has %d messages: it took the one whose RECEIPT was lost", n)
		}
		<-c.Done()
		fails(t, c.Send(t.Context(), "/queue/a", nil), stomp.ErrConnectionLost, true)
	})
	bubble(t, "never_written_is_Unsent", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		b.Silence(true)
		begun, err := c.SendAsync(t.Context(), "/queue/a", make([]byte, 1<<20)) // more than a pipe takes
		fine(t, err)
		synctest.Wait()
		waits, err := c.SendAsync(t.Context(), "/queue/a", nil)
		fine(t, err)
		b.Cut()
		fails(t, begun.Wait(t.Context()), stomp.ErrConnectionLost, false)
		fails(t, waits.Wait(t.Context()), stomp.ErrConnectionLost, true)
	})
}

// Promise 8: heart-beats go out early and at a fixed rate whatever else is sent, none before CONNECTED; a server that is
// silent for twice the agreed interval is cut at once.
func TestPromise8_HeartBeats(t *testing.T) {
	bubble(t, "fixed_rate", func(t *testing.T, b *stomptest.Broker) {
		idle, busy := join(t, b), join(t, b)
		for range 60 {
			fine(t, busy.Send(t.Context(), "/queue/a", nil))
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if i, n := idle.Stats().HeartBeatsSent, busy.Stats().HeartBeatsSent; i != 12 || n != 12 {
			t.Errorf("in a minute the idle client sent %d, the busy one %d; want 12 each", i, n)
		}
	})
	bubble(t, "none_before_CONNECTED", func(t *testing.T, b *stomptest.Broker) {
		on(b, "CONNECT", "", func(stomptest.Frame) stomptest.Action { return stomptest.DelayFor(time.Minute) })
		after(t, time.Minute, func() {
			if n := join(t, b).Stats().HeartBeatsSent; n != 0 {
				t.Errorf("%d were sent", n)
			}
		})
	})
	bubble(t, "silence", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		b.Silence(true)
		after(t, 20*time.Second, func() { <-c.Done() })
		fails(t, c.Err(), stomp.ErrHeartBeat, false)
		fails(t, c.Err(), stomp.ErrConnectionLost, false)
	})
}

// Promise 9: bad input is an error of the right type, and costs no more memory than came over the wire.
func TestPromise9_BadInputIsAnError(t *testing.T) {
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
			b := start(t)
			c := join(t, b)
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
		join(t, b)
		var before, now runtime.MemStats
		runtime.ReadMemStats(&before)
		b.SendRaw([]byte("MESSAGE\ncontent-length:60000000\n\nthe rest never comes"))
		synctest.Wait()
		runtime.ReadMemStats(&now)
		if n := now.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%d octets were allocated on the word of a content-length", n)
		}
	})
}

// Promise 10: thousands of receipts may be outstanding at once, and none waits for another.
func TestPromise10_PipelinedReceipts(t *testing.T) {
	bubble(t, "5000_at_once", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		on(b, "SEND", "/queue/unanswered", func(stomptest.Frame) stomptest.Action { return stomptest.Drop() })
		b.Silence(true)
		first, err := c.SendAsync(t.Context(), "/queue/unanswered", nil)
		fine(t, err)
		var rest []*stomp.Receipt
		for range 5000 {
			r, err := c.SendAsync(t.Context(), "/queue/a", nil)
			fine(t, err)
			rest = append(rest, r)
		}
		if n := c.Stats().ReceiptsPending; n != 5001 {
			t.Errorf("%d receipts are pending, want 5001", n)
		}
		b.Silence(false)
		after(t, 0, func() {
			for _, r := range rest {
				fine(t, r.Wait(t.Context()))
			}
		})
		select {
		case <-first.Done():
			t.Errorf("the first one was answered: %v", first.Err())
		default:
		}
	})
}

// Promise 11: a broker that sends no RECEIPT costs nothing but what explicitly asked for one.
func TestPromise11_BrokerWithoutReceipts(t *testing.T) {
	bubble(t, "Spring", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		after(t, 0, func() {
			sub, err := c.NewSubscription(t.Context(), "/topic/a")
			fine(t, err)
			fine(t, c.Send(t.Context(), "/topic/a", []byte("hello")))
			wants(t, sub.C, "hello")
			fine(t, sub.Unsubscribe(t.Context()))
			fine(t, c.Flush(t.Context()))
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		after(t, 3*time.Second, func() {
			fails(t, c.Send(ctx, "/topic/a", nil, stomp.WithReceipt()), context.DeadlineExceeded, false)
		})
		after(t, 0, func() { fine(t, c.Disconnect(t.Context())) })
	}, stomptest.WithProfile(stomptest.Spring))
}

// Promise 12: an ERROR reaches whom it names; one that names nobody ends the session.
func TestPromise12_ErrorIsLaidWhereItBelongs(t *testing.T) {
	rabbit := stomptest.WithProfile(stomptest.RabbitMQ)
	t.Run("at_the_subscription", func(t *testing.T) {
		b := start(t, rabbit)
		c := join(t, b)
		sub, err := c.NewSubscription(t.Context(), "/queue/a", stomp.WithReceipt())
		fine(t, err)
		b.Cancel("/queue/a")
		for range sub.C {
		}
		refused(t, sub.Err(), "Server cancelled subscription")
		fine(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
	})
	t.Run("at_the_receipt", func(t *testing.T) {
		b := start(t)
		on(b, "SEND", "/queue/full", func(f stomptest.Frame) stomptest.Action {
			return stomptest.ReplyError("no room", [][2]string{{"receipt-id", f.Get("receipt")}}, nil, false)
		})
		c := join(t, b)
		refused(t, c.Send(t.Context(), "/queue/full", nil, stomp.WithReceipt()), "no room")
		fine(t, c.Send(t.Context(), "/queue/b", nil, stomp.WithReceipt()))
	})
	bubble(t, "at_the_session", func(t *testing.T, b *stomptest.Broker) {
		c := join(t, b)
		err := c.Send(t.Context(), "/temp-queue/a", nil, stomp.WithReceipt())
		refused(t, err, "Invalid destination") // it names no receipt
		fails(t, err, stomp.ErrConnectionLost, false)
		<-c.Done()
		refused(t, c.Err(), "Invalid destination")
		synctest.Wait()
		if n := b.Connections(); n != 0 {
			t.Errorf("%d connections are open: this broker does not close them", n)
		}
	}, rabbit)
	t.Run("nowhere_any_more", func(t *testing.T) {
		b := start(t)
		c := join(t, b)
		fine(t, b.SendFrame("ERROR", [][2]string{{"receipt-id", "r999"}}, nil))
		fine(t, b.SendFrame("ERROR", [][2]string{{"subscription", "s999"}}, nil))
		fine(t, c.Send(t.Context(), "/queue/a", nil, stomp.WithReceipt()))
		if n := c.Stats().StrayErrors; n != 2 {
			t.Errorf("%d stray ERRORs were counted, want 2", n)
		}
	})
}

// Promise 12: a close that nobody asked for is an error whatever its code; after our DISCONNECT any end is a clean one.
func TestPromise12_CloseBeforeAndAfterDisconnect(t *testing.T) {
	b := start(t, stomptest.WithProfile(stomptest.RabbitMQ)) // which answers DISCONNECT with a bare close, 1000 "STOMP died"
	fine(t, join(t, b).Disconnect(t.Context()))

	c := join(t, b)
	b.CloseConnections(1000, "STOMP died")
	<-c.Done()
	var closed *stomp.CloseError
	if err := c.Err(); !errors.As(err, &closed) || *closed != (stomp.CloseError{Code: 1000, Reason: "STOMP died"}) {
		t.Errorf("the Client ended with %v", err)
	}
	fails(t, c.Err(), stomp.ErrConnectionLost, false)
}

// Promise 13: a frame of any size is one WebSocket message, in fragments that every server takes; a server that refuses
// it for its size is named with its limit.
func TestPromise13_MessagesOfSeveralSizes(t *testing.T) {
	// carries sends bodies from the client to itself.
	carries := func(t *testing.T, c *stomp.Client, sizes ...int) {
		t.Helper()
		messages, err := c.Subscribe(t.Context(), "/topic/a")
		fine(t, err)
		for _, n := range sizes {
			body := strings.Repeat("x", n)
			fine(t, c.Send(t.Context(), "/topic/a", []byte(body)))
			if f := <-messages; string(f.Body) != body {
				t.Errorf("of %d octets %d came back; the Client's error: %v", n, len(f.Body), c.Err())
			}
		}
	}
	t.Run("Artemis_takes_no_fragment_above_64_KiB", func(t *testing.T) {
		carries(t, join(t, start(t, stomptest.WithProfile(stomptest.Artemis))), 0, 1, 65_535, 65_536, 1<<20)
	})
	t.Run("Classic_takes_one_frame_per_message", func(t *testing.T) {
		b := start(t, stomptest.WithProfile(stomptest.Classic))
		c := join(t, b)
		for range 1000 {
			fine(t, c.Send(t.Context(), "/queue/a", []byte("x")))
		}
		fine(t, c.Disconnect(t.Context()))
		if n := b.QueueLen("/queue/a"); n != 1000 {
			t.Errorf("the broker has %d of 1000 messages", n)
		}
	})
	t.Run("Spring_takes_no_message_above_16640_octets", func(t *testing.T) {
		b := start(t, stomptest.WithProfile(stomptest.Spring))
		c := join(t, b)
		fine(t, c.Send(t.Context(), "/topic/a", make([]byte, 20_000)))
		<-c.Done()
		var closed *stomp.CloseError
		if err := c.Err(); !errors.As(err, &closed) || closed.Code != 1009 || !strings.Contains(err.Error(), "see WithMessageSplit") {
			t.Errorf("the Client ended with %v", err)
		}
		carries(t, join(t, b, stomp.WithMessageSplit(16_000)), 1, 16_000, 60_000)
	})
}
