package stomp_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// relayed makes a session with a broker behind a relay: it answers the SUBSCRIBE of one subscription, and not that of
// the other, which is returned with it.
func relayed(t *testing.T, ctx context.Context, server string, opts ...stomp.SubscribeOption) (*rig.Peer, *stomp.Client, *stomp.Subscription[stomp.Frame], wire.Frame) {
	t.Helper()
	p, c := rig.NewServer(t).Session("version:1.2\nserver:"+server, stomp.WithHeartBeat(0, 0))
	if server == "" {
		_, err := c.Subscribe(t.Context(), "/topic/a")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
	}
	sub, err := c.NewSubscription(ctx, "/app/init", opts...)
	rig.OK(t, err)
	return p, c, sub, p.Want(wire.Subscribe)
}

// The broker answers each SUBSCRIBE that it has: where no RECEIPT has come it has none, and would end the session
// over an UNSUBSCRIBE.
func TestUnsubscribe_promise12_what_the_broker_does_not_have(t *testing.T) {
	for _, server := range []string{"RabbitMQ/4.0.5", "ActiveMQ/6.3.1", "ActiveMQ-Artemis/2.55.0", ""} {
		for _, mode := range []stomp.AckMode{stomp.AckAuto, stomp.AckClientIndividual} {
			rig.Bubble(t, fmt.Sprint(server, "/", mode, "/Unsubscribe"), func(t *testing.T) {
				p, c, sub, _ := relayed(t, t.Context(), server, stomp.WithAck(mode))
				p.Send(wire.Message, "the answer", "subscription", sub.ID(), "destination", "/app/init", "message-id", "m")
				rig.Body(t, sub.C, "the answer")
				rig.Takes(t, time.Second, func() { rig.OK(t, sub.Unsubscribe(t.Context())) })
				rig.Closed(t, sub.C)
				rig.OK(t, sub.Err())
				p.Silent(time.Minute)
				rig.Takes(t, 0, func() { rig.OK(t, sub.Unsubscribe(t.Context())) })
				if st := c.Stats(); st.Subscriptions > 1 || c.Status().Epoch != 1 {
					t.Errorf("%+v", st)
				}
			})
			rig.Bubble(t, fmt.Sprint(server, "/", mode, "/ctx"), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				p, _, sub, _ := relayed(t, ctx, server, stomp.WithAck(mode))
				rig.Takes(t, 0, func() { cancel(); rig.Closed(t, sub.C) })
				p.Silent(time.Minute)
			})
		}
	}
}

// Its answer is only late: then UNSUBSCRIBE follows it, as it would have gone out.
func TestUnsubscribe_RECEIPT_of_SUBSCRIBE_is_late(t *testing.T) {
	for name, late := range map[string]time.Duration{"within_the_second": 500 * time.Millisecond, "after_it": 10 * time.Second} {
		rig.Bubble(t, name+"/Unsubscribe", func(t *testing.T) {
			p, _, sub, f := relayed(t, t.Context(), "RabbitMQ/4.0.5")
			done := rig.Go(func() error {
				return sub.Unsubscribe(t.Context(), stomp.WithHeader("durable", "true"))
			})
			time.Sleep(late)
			p.Receipt(f)
			f = p.Want(wire.Unsubscribe)
			if wire.Get(f.Header, "id") != sub.ID() || wire.Get(f.Header, "durable") != "true" {
				t.Errorf("%v", f.Header)
			}
			p.Receipt(f)
			rig.OK(t, <-done)
			p.Silent(time.Minute)
		})
		rig.Bubble(t, name+"/ctx", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p, _, sub, f := relayed(t, ctx, "RabbitMQ/4.0.5")
			cancel()
			rig.Closed(t, sub.C)
			time.Sleep(late)
			p.Receipt(f)
			p.Want(wire.Unsubscribe)
			p.Silent(time.Minute)
		})
		rig.Bubble(t, name+"/refused", func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p, c, sub, f := relayed(t, ctx, "RabbitMQ/4.0.5")
			cancel()
			rig.Closed(t, sub.C)
			time.Sleep(late)
			p.Send(wire.Error, "", "message", "no", "receipt-id", wire.Get(f.Header, "receipt"))
			p.Silent(time.Minute)
			rig.OK(t, c.Err())
		})
	}
}

// What was asked for is waited for, within ctx.
func TestUnsubscribe_WithReceipt_of_what_the_broker_does_not_have(t *testing.T) {
	for _, mode := range []stomp.AckMode{stomp.AckAuto, stomp.AckClientIndividual} {
		rig.Bubble(t, mode.String(), func(t *testing.T) {
			p, _, sub, _ := relayed(t, t.Context(), "RabbitMQ/4.0.5", stomp.WithAck(mode))
			rig.Takes(t, 7*time.Second, func() {
				err := sub.Unsubscribe(rig.Within(t, 7*time.Second), stomp.WithReceipt())
				rig.ErrorText(t, err, "stomp: unsubscribe /app/init: waiting for the broker to confirm SUBSCRIBE: context deadline exceeded")
			})
			rig.Closed(t, sub.C)
			p.Silent(time.Minute)
		})
	}
}

// An id of the user's may be used again at once: UNSUBSCRIBE is there before, unless SUBSCRIBE is unanswered for
// long, and a later frame is answered. A server that was silent since has not left it out: it may not have read it.
func TestUnsubscribe_withheld_WithID(t *testing.T) {
	for name, tc := range map[string]struct {
		after    time.Duration
		passed   bool // a later frame was answered
		withheld bool
	}{
		"at_once":                        {0, true, false},
		"after_a_while":                  {6 * time.Second, true, true},
		"after_a_while_without_a_word":   {6 * time.Second, false, false},
		"after_minutes_without_a_word":   {10 * time.Minute, false, false},
		"at_once_and_nothing_is_decided": {0, false, false},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			p, c, sub, f := relayed(t, ctx, "RabbitMQ/4.0.5", stomp.WithID("mine"))
			if tc.passed {
				_, err := c.Subscribe(t.Context(), "/topic/a")
				rig.OK(t, err)
				p.Receipt(p.Want(wire.Subscribe))
				synctest.Wait()
			}
			time.Sleep(tc.after)
			cancel()
			rig.Closed(t, sub.C)
			if !tc.withheld {
				p.Want(wire.Unsubscribe)
			}
			_, err := c.Subscribe(t.Context(), "/topic/b", stomp.WithID("mine"))
			rig.OK(t, err)
			p.Receipt(p.Want(wire.Subscribe))
			p.Receipt(f) // the id is another's by now
			p.Silent(time.Minute)
		})
	}
}

// Of a server that was never seen to answer SUBSCRIBE nothing is inferred; nor on the next session.
func TestUnsubscribe_server_that_answers_no_SUBSCRIBE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("version:1.2", stomp.WithHeartBeat(0, 0))
		sub, err := c.NewSubscription(t.Context(), "/app/init")
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		p.Want(wire.Unsubscribe)
		rig.OK(t, <-done)
	})
}

// A consumer of another subscription that does not read does not hold it up.
func TestUnsubscribe_waits_for_SUBSCRIBE_behind_a_queue_that_is_full(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("version:1.2\nserver:RabbitMQ/4.0.5", stomp.WithHeartBeat(0, 0), stomp.WithBuffer(1, 0, stomp.OverflowBlock))
		full, err := c.NewSubscription(t.Context(), "/queue/full")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		f := p.Want(wire.Subscribe)
		go func() { // ends with the connection
			for range 20 {
				p.Send(wire.Message, "", "subscription", full.ID(), "destination", "/queue/full", "message-id", "m")
			}
			p.Receipt(f)
		}()
		synctest.Wait()
		done := rig.Go(func() error { return sub.Unsubscribe(t.Context()) })
		f2 := p.Want(wire.Unsubscribe)
		p.Receipt(f2)
		rig.OK(t, <-done)
	})
}
