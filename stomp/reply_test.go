package stomp_test

import (
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestReply(t *testing.T) {
	request := func(header ...[2]string) stomp.Frame { return stomp.NewFrame("MESSAGE", header, nil) }
	for name, tc := range map[string]struct {
		request  stomp.Frame
		defaults []stomp.SendOption
		opts     []stomp.SendOption
		want     string
	}{
		"goes_where_the_request_says": {request([2]string{"reply-to", "/reply-queue/x"}, [2]string{"correlation-id", "7"}), nil, nil,
			"SEND destination:/reply-queue/x correlation-id:7"},
		"without_a_correlation-id": {request([2]string{"reply-to", "/queue/x"}), nil, nil, "SEND destination:/queue/x"},
		"the_call's_own_wins": {request([2]string{"reply-to", "/queue/x"}, [2]string{"correlation-id", "7"}), nil,
			[]stomp.SendOption{stomp.WithHeader("correlation-id", "8")}, "SEND destination:/queue/x correlation-id:8"},
		"a_default_does_not": {request([2]string{"reply-to", "/queue/x"}, [2]string{"correlation-id", "7"}),
			[]stomp.SendOption{stomp.WithHeader("correlation-id", "9")}, nil, "SEND destination:/queue/x correlation-id:7"},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			c := rig.Connect(t, b, stomp.WithSendDefaults(tc.defaults...))
			opts := append(make([]stomp.SendOption, 0, 8), tc.opts...) // its room is not Reply's
			rig.OK(t, c.Reply(t.Context(), tc.request, []byte("x"), opts...))
			rig.OK(t, c.Flush(t.Context()))
			synctest.Wait()
			rig.Equal(t, "frames", rig.Received(b, "destination", "correlation-id"), []string{tc.want})
			if more := opts[:cap(opts)][len(opts)]; more != nil {
				t.Error("Reply wrote into the caller's options")
			}
		})
	}
	rig.Bubble(t, "to_nobody", func(t *testing.T) {
		c := rig.Connect(t, rig.PipeBroker(t))
		err := c.Reply(t.Context(), request([2]string{"message-id", "m1"}), nil)
		rig.ErrorIs(t, err, stomp.ErrNoReplyTo)
		rig.ErrorSays(t, err, "reply", "m1")
		rig.Unsent(t, err)
	})
}

func TestRequestJSON_and_ReplyJSON(t *testing.T) {
	type sum struct{ A, B int }
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		service := rig.Connect(t, b)
		requests, err := service.Subscribe(t.Context(), "/queue/sum", stomp.WithReceipt())
		rig.OK(t, err)
		go func() {
			for f := range requests {
				if v, err := stomp.JSON[sum](f); err != nil || f.ContentType() != "application/json" {
					service.Reply(t.Context(), f, []byte("what?"))
				} else {
					service.ReplyJSON(t.Context(), f, v.A+v.B)
				}
			}
		}()
		c := rig.Connect(t, b)
		got, err := stomp.RequestJSON[int](t.Context(), c, "/queue/sum", sum{1, 2})
		if rig.OK(t, err); got != 3 {
			t.Errorf("the sum is %d", got)
		}
		_, err = stomp.RequestJSON[int](t.Context(), c, "/queue/sum", "no sum")
		rig.ErrorSays(t, err, "JSON", "what?")
		_, err = stomp.RequestJSON[int](t.Context(), c, "/queue/sum", func() {})
		rig.ErrorSays(t, err, "request", "/queue/sum", "encoding JSON")
		rig.Unsent(t, err)
		err = c.ReplyJSON(t.Context(), stomp.NewFrame("MESSAGE", stomp.Header{{"reply-to", "/a"}}, nil), func() {})
		rig.ErrorSays(t, err, "reply", "encoding JSON")
		rig.Unsent(t, err)
	})
}
