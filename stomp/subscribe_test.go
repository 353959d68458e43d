package stomp_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The frame that each option makes.
func TestSubscribe_frame_of_each_option(t *testing.T) {
	for _, tc := range []struct {
		name string
		opts []stomp.SubscribeOption
		want string
	}{
		{"M1_M2_defaults", nil, "id:s1 destination:/topic/a ack:auto"},
		{"M2_client", []stomp.SubscribeOption{stomp.WithAck(stomp.AckClient)}, "id:s1 destination:/topic/a ack:client"},
		{"M2_client_individual", []stomp.SubscribeOption{stomp.WithAck(stomp.AckClientIndividual)}, "id:s1 destination:/topic/a ack:client-individual"},
		{"WithID", []stomp.SubscribeOption{stomp.WithID("mine")}, "id:mine destination:/topic/a ack:auto"},
		{"WithSelector", []stomp.SubscribeOption{stomp.WithSelector("a = 'b:c'")}, "id:s1 destination:/topic/a ack:auto selector:a = 'b:c'"},
		{"WithHeader_adds_up", []stomp.SubscribeOption{stomp.WithHeader("x", "1"), stomp.WithHeader("x", "2")}, "id:s1 destination:/topic/a ack:auto x:1 x:2"},
		{"WithSubscribeHeaderFunc", []stomp.SubscribeOption{stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) { return stomp.Header{{"x-stream-offset", "offset=7"}}, nil })},
			"id:s1 destination:/topic/a ack:auto x-stream-offset:offset=7"},
		{"last_one_counts", []stomp.SubscribeOption{stomp.WithID("a"), stomp.WithID("b"), stomp.WithAck(stomp.AckClient), stomp.WithAck(stomp.AckAuto)},
			"id:b destination:/topic/a ack:auto"},
	} {
		rig.Bubble(t, tc.name, func(t *testing.T) {
			b, c := rig.Pair(t)
			_, err := c.Subscribe(t.Context(), "/topic/a", tc.opts...)
			rig.OK(t, err)
			synctest.Wait()
			var parts []string
			for _, e := range b.Received()[1].Frame.Header {
				if e[0] != "receipt" {
					parts = append(parts, e[0]+":"+e[1])
				}
			}
			if got := strings.Join(parts, " "); got != tc.want {
				t.Errorf("SUBSCRIBE %s\nwant      %s", got, tc.want)
			}
		})
	}
}

// What is refused before anything is written.
func TestSubscribe_refuses(t *testing.T) {
	over := rig.Ended()
	for _, tc := range []struct {
		name        string
		ctx         context.Context
		destination string
		opts        []stomp.SubscribeOption
		want        error
		text        string
	}{
		{"M1_no_destination", nil, "", nil, stomp.ErrNoDestination, "stomp: subscribe: no destination"},
		{"empty_id", nil, "/a", []stomp.SubscribeOption{stomp.WithID("")}, stomp.ErrNoID, "stomp: subscribe /a: no subscription id"},
		{"M1_duplicate_id", nil, "/a", []stomp.SubscribeOption{stomp.WithID("taken")}, stomp.ErrDuplicateID, `stomp: subscribe /a: duplicate subscription id: "taken"`},
		{"ctx_over", over, "/a", nil, context.Canceled, "stomp: subscribe /a: context canceled"},
		{"unknown_ack_mode", nil, "/a", []stomp.SubscribeOption{stomp.WithAck(9)}, nil, "WithAck: unknown mode 9"},
		{"negative_buffer", nil, "/a", []stomp.SubscribeOption{stomp.WithBuffer(-1, 0, stomp.OverflowBlock)}, nil, "WithBuffer: negative bound"},
		{"unknown_policy", nil, "/a", []stomp.SubscribeOption{stomp.WithBuffer(1, 1, 9)}, nil, "WithBuffer: unknown policy 9"},
		{"reserved_header", nil, "/a", []stomp.SubscribeOption{stomp.WithHeader("selector", "x")}, nil, "use WithSelector"},
		{"reserved_header_of_func", nil, "/a", []stomp.SubscribeOption{stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) { return stomp.Header{{"id", "x"}}, nil })}, nil, "use WithID"},
		{"number_as_stream_offset", nil, "/a", []stomp.SubscribeOption{stomp.WithHeader("x-stream-offset", "4")}, nil, "x-stream-offset:4 means next to RabbitMQ, as if nothing was in the stream: write offset=4"},
		{"number_as_stream_offset_of_func", nil, "/a", []stomp.SubscribeOption{stomp.WithSubscribeHeaderFunc(func(context.Context) (stomp.Header, error) { return stomp.Header{{"x-stream-offset", "40"}}, nil })}, nil, "write offset=40"},
		{"nil_header_func", nil, "/a", []stomp.SubscribeOption{stomp.WithSubscribeHeaderFunc(nil)}, nil, "WithSubscribeHeaderFunc: nil function"},
		{"nil_option", nil, "/a", []stomp.SubscribeOption{nil}, nil, "a nil option"},
		{"F13_NUL_in_header", nil, "/a", []stomp.SubscribeOption{stomp.WithHeader("x", "\x00")}, nil, "(F13)"},
	} {
		rig.Bubble(t, tc.name, func(t *testing.T) {
			b, c := rig.Pair(t)
			_, err := c.Subscribe(t.Context(), "/taken", stomp.WithID("taken"))
			rig.OK(t, err)
			ctx := tc.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			ch, err := c.Subscribe(ctx, tc.destination, tc.opts...)
			if ch != nil || err == nil || !strings.Contains(err.Error(), tc.text) || !stomp.Unsent(err) {
				t.Errorf("%v, error %v; want %q, unsent", ch, err, tc.text)
			}
			if tc.want != nil {
				rig.ErrorIs(t, err, tc.want)
			}
			synctest.Wait()
			if got := rig.Received(b); len(got) != 1 || c.Stats().Subscriptions != 1 {
				t.Errorf("the broker got %q; %d subscriptions are open", got, c.Stats().Subscriptions)
			}
		})
	}
}

func TestSubscribe_M8_ids_of_our_own(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		_, err := c.Subscribe(t.Context(), "/a", stomp.WithID("s2")) // as if it were ours
		rig.OK(t, err)
		for range 3 {
			_, err := c.Subscribe(t.Context(), "/a")
			rig.OK(t, err)
		}
		synctest.Wait()
		rig.Equal(t, "ids", rig.Received(b, "id"), []string{"SUBSCRIBE id:s2", "SUBSCRIBE id:s1", "SUBSCRIBE id:s3", "SUBSCRIBE id:s4"})
		for _, e := range b.Received()[1:] {
			if r := e.Frame.Get("receipt"); !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(r) {
				t.Errorf("receipt %q", r)
			}
		}
	})
}

func TestSubscribe_S1_delivers_in_order_with_epoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := rig.Pair(t)
		sub, err := c.NewSubscription(t.Context(), "/queue/a")
		rig.OK(t, err)
		if sub.ID() != "s1" || sub.Destination() != "/queue/a" || sub.Err() != nil {
			t.Errorf("id %q, destination %q, error %v", sub.ID(), sub.Destination(), sub.Err())
		}
		for _, n := range rig.Numbers(1, 100) {
			rig.OK(t, c.Send(t.Context(), "/queue/a", []byte(n), stomp.WithHeader("n", n)))
		}
		for _, n := range rig.Numbers(1, 100) {
			f := <-sub.C
			if string(f.Body) != n || f.Header.Get("n") != n || f.Epoch != 1 || f.Command != "MESSAGE" ||
				f.Destination() != "/queue/a" || f.MessageID() == "" || f.ContentType() != "text/plain" {
				t.Fatalf("frame %s is %v, epoch %d", n, f, f.Epoch)
			}
		}
		synctest.Wait()
		if s := sub.Stats(); s != (stomp.SubscriptionStats{Received: 100, Delivered: 100}) {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestSubscribe_S1_1_0_routes_by_destination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("version:1.0")
		rest := p.Rest()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.Subscribe(ctx, "/a")
		rig.OK(t, err)
		cancel() // what has ended takes nothing of the next one
		synctest.Wait()
		a, err := c.Subscribe(t.Context(), "/a")
		rig.OK(t, err)
		other, err := c.Subscribe(t.Context(), "/b")
		rig.OK(t, err)
		p.Send(wire.Message, "for b", "destination", "/b", "message-id", "1")
		p.Send(wire.Message, "for a", "destination", "/a", "message-id", "2")
		p.Send(wire.Message, "for s3", "destination", "/elsewhere", "message-id", "3", "subscription", "s3")
		got, _ := rig.Bodies(a)
		rig.Equal(t, "/a", got, []string{"for a"})
		got, _ = rig.Bodies(other)
		rig.Equal(t, "/b", got, []string{"for b", "for s3"})
		c.Close()
		<-rest
	})
}

func TestSubscribe_M2_no_client_individual_in_1_0(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithVersions(stomp.V10))
		_, err := c.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.ErrorClause(t, err, "M2")
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), nil)
	})
}

func TestSubscribe_S3_after_UNSUBSCRIBE_dropped_quietly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		for _, opts := range [][]stomp.SubscribeOption{nil, {stomp.WithID("mine")}} {
			ctx, cancel := context.WithCancel(t.Context())
			sub, err := c.NewSubscription(ctx, "/a", opts...)
			rig.OK(t, err)
			cancel()
			synctest.Wait()
			p.Send(wire.Message, "late", "subscription", sub.ID(), "message-id", "1", "destination", "/a")
		}
		synctest.Wait()
		if n := c.Stats().Unmatched; n != 0 {
			t.Errorf("%d unmatched", n)
		}
		p.Send(wire.Message, "stray", "subscription", "nobody", "message-id", "1", "destination", "/a")
		synctest.Wait()
		if n := c.Stats().Unmatched; n != 1 || c.Err() != nil {
			t.Errorf("%d unmatched, client error %v", n, c.Err())
		}
		c.Close()
		<-rest
	})
}

func TestSubscribe_S4_copied_headers_mean_nothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.Session(t)
		rest := p.Rest()
		sub, err := c.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		r, err := c.SendAsync(t.Context(), "/a", nil)
		rig.OK(t, err)
		p.Send(wire.Message, "x", "subscription", sub.ID(), "message-id", "1", "destination", "/a",
			"receipt", "r2", "receipt-id", "r2", "transaction", "t1")
		got, _ := rig.Bodies(sub.C)
		rig.Equal(t, "bodies", got, []string{"x"})
		if rig.IsClosed(r.Done()) {
			t.Error("a MESSAGE answered a receipt")
		}
		c.Close()
		<-rest
	})
}

// Promise 5, with each way that brokers have of saying no.
func TestSubscribe_promise5_refused_ends_alone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		rig.On(b, "SUBSCRIBE", "/no", rig.Refuse("not you"))
		yes, err := c.NewSubscription(t.Context(), "/yes")
		rig.OK(t, err)
		no, err := c.NewSubscription(t.Context(), "/no")
		rig.OK(t, err)
		if f, ok := <-no.C; ok {
			t.Fatal(f)
		}
		rig.Refused(t, no.Err(), "not you")
		rig.Refused(t, no.Confirmed(t.Context()), "not you")
		rig.OK(t, yes.Confirmed(t.Context()))
		rig.OK(t, c.Send(t.Context(), "/yes", []byte("on we go"), stomp.WithReceipt()))
		got, open := rig.Bodies(yes.C)
		rig.Equal(t, "bodies", got, []string{"on we go"})
		if !open || c.Err() != nil || c.Stats().Subscriptions != 1 {
			t.Errorf("open %t, client error %v, %+v", open, c.Err(), c.Stats())
		}
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "SUBSCRIBE", "SEND"}) // no UNSUBSCRIBE for what never was
	})
}

// Who waits for the receipt must not send an UNSUBSCRIBE either. It would cost the session.
func TestSubscribe_promise5_refused_with_receipt(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			b, c := rig.Pair(t)
			rig.On(b, "SUBSCRIBE", "/no", rig.Refuse("not you"))
			_, err := c.Subscribe(t.Context(), "/no", stomp.WithReceipt())
			rig.Refused(t, err, "not you")
			synctest.Wait()
			rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE"})
		})
	}
}

func TestSubscribe_promise12_server_cancels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t, stomptest.WithProfile(stomptest.RabbitMQ))
		gone, err := c.NewSubscription(t.Context(), "/queue/gone", stomp.WithReceipt())
		rig.OK(t, err)
		stays, err := c.NewSubscription(t.Context(), "/queue/stays", stomp.WithReceipt())
		rig.OK(t, err)
		b.Cancel("/queue/gone")
		if f, ok := <-gone.C; ok {
			t.Fatal(f)
		}
		rig.Refused(t, gone.Err(), "Server cancelled subscription")
		rig.OK(t, c.Send(t.Context(), "/queue/stays", []byte("x"), stomp.WithReceipt()))
		got, open := rig.Bodies(stays.C)
		rig.Equal(t, "bodies", got, []string{"x"})
		if !open || stays.Err() != nil {
			t.Errorf("the other one: open %t, error %v", open, stays.Err())
		}
	})
}
