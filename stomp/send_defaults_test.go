package stomp_test

import (
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

func TestWithSendDefaults(t *testing.T) {
	for name, c := range map[string]struct {
		defaults []stomp.ConnectOption
		opts     []stomp.SendOption
		want     string
	}{
		"none":                     {nil, nil, "SEND content-type:text/plain"},
		"apply_to_every_SEND":      {[]stomp.ConnectOption{stomp.WithSendDefaults(stomp.WithPersistent(), stomp.WithContentType("a/b"))}, nil, "SEND content-type:a/b persistent:true"},
		"add_up":                   {[]stomp.ConnectOption{stomp.WithSendDefaults(stomp.WithPersistent()), stomp.WithSendDefaults(stomp.WithHeader("app", "shop"))}, nil, "SEND content-type:text/plain persistent:true app:shop"},
		"give_way_to_the_call":     {[]stomp.ConnectOption{stomp.WithSendDefaults(stomp.WithPersistent(), stomp.WithHeader("app", "shop"))}, []stomp.SendOption{stomp.WithHeader("persistent", "false"), stomp.WithContentType("")}, "SEND persistent:false app:shop"},
		"beside_the_call's_header": {[]stomp.ConnectOption{stomp.WithSendDefaults(stomp.WithPersistent())}, []stomp.SendOption{stomp.WithHeader("app", "shop")}, "SEND content-type:text/plain persistent:true app:shop"},
		"persistent_for_one_call":  {nil, []stomp.SendOption{stomp.WithPersistent()}, "SEND content-type:text/plain persistent:true"},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			b := rig.PipeBroker(t)
			client := rig.Connect(t, b, c.defaults...)
			rig.OK(t, client.Send(t.Context(), "/queue/a", nil, c.opts...))
			rig.OK(t, client.Flush(t.Context()))
			synctest.Wait()
			rig.Equal(t, "frames", rig.Received(b, "content-type", "persistent", "app"), []string{c.want})
		})
	}
}

// WithReceipt as a default makes every Send wait for its confirmation, but not those in a transaction, whose receipt
// may not come before COMMIT. WithRetry and WithReplyTo do not count there, nor in Request.
func TestWithSendDefaults_that_do_not_count_everywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := rig.PipeBroker(t)
		c := rig.Connect(t, b, stomp.WithSendDefaults(stomp.WithRetry(), stomp.WithReplyTo("/queue/mine")))
		rig.Answer(t, c, "/queue/service")
		rig.OK(t, c.Send(t.Context(), "/queue/a", nil))
		tx, err := c.Begin(t.Context())
		rig.OK(t, err)
		rig.OK(t, tx.Send(t.Context(), "/queue/b", nil))
		rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
		reply, err := c.Request(t.Context(), "/queue/service", []byte("x"))
		rig.OK(t, err)
		if reply.Command != wire.Message {
			t.Errorf("reply %v", reply)
		}
		for _, e := range b.Received() {
			_, receipt := e.Frame.Lookup("receipt")
			replyTo := e.Frame.Get("reply-to")
			switch destination := e.Frame.Get("destination"); {
			case e.Frame.Command != wire.Send:
			case destination == "/queue/a" && (!receipt || replyTo != "/queue/mine"),
				destination == "/queue/b" && (receipt || replyTo != ""),
				destination == "/queue/service" && (receipt || replyTo == "/queue/mine"):
				t.Errorf("SEND to %s has %v", destination, e.Frame)
			}
		}
	})
}

func TestWithSendDefaults_that_make_no_sense_are_Connect_s_error(t *testing.T) {
	err := rig.ConnectError(t, t.Context(), "ws://127.0.0.1:1", stomp.WithSendDefaults(stomp.WithHeader("destination", "x")))
	rig.ErrorSays(t, err, "WithSendDefaults", "destination")
	err = rig.ConnectError(t, t.Context(), "ws://127.0.0.1:1", stomp.WithSendDefaults(nil))
	rig.ErrorSays(t, err, "WithSendDefaults", "nil option")
}

// A nil option is an error of the call, wherever it stands.
func TestOptions_nil_is_an_error(t *testing.T) {
	rig.ErrorSays(t, rig.ConnectError(t, t.Context(), "ws://127.0.0.1:1", nil), "nil option")
	_, c := rig.Pair(t)
	rig.ErrorSays(t, c.Send(t.Context(), "/queue/a", nil, nil), "nil option")
	_, err := c.Subscribe(t.Context(), "/queue/a", nil)
	rig.ErrorSays(t, err, "nil option")
	_, err = c.Begin(t.Context(), nil)
	rig.ErrorSays(t, err, "nil option")
}
