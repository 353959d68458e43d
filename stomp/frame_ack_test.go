package stomp_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// A worker needs no Client: the frame leads to the session that has delivered it.
func TestFrame_Ack_M3_acknowledges_on_its_own_session(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, frames := handedOut(t, stomp.AckClientIndividual, 3)
		rig.OK(t, frames[0].Ack(t.Context(), stomp.WithReceipt()))
		rig.OK(t, frames[1].Nack(t.Context(), stomp.WithHeader("requeue", "false"), stomp.WithReceipt()))
		rig.Equal(t, "frames", rig.Received(b, "id", "requeue")[1:], []string{
			"ACK id:" + frames[0].Header.Get("ack"), "NACK id:" + frames[1].Header.Get("ack") + " requeue:false"})
		for _, again := range []stomp.Frame{frames[0], frames[1]} { // copies share one acknowledgement
			err := again.Ack(t.Context())
			rig.ErrorIs(t, err, stomp.ErrNotAckable)
			rig.Unsent(t, err)
		}
	})
}

// What no subscription has delivered, or what came back from JSON, leads nowhere.
func TestFrame_Ack_M3_of_what_was_not_delivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, frames := handedOut(t, stomp.AckClient, 1)
		text, err := json.Marshal(frames[0])
		rig.OK(t, err)
		var thawed stomp.Frame
		rig.OK(t, json.Unmarshal(text, &thawed))
		for _, f := range []stomp.Frame{thawed, stomp.NewFrame(wire.Message, frames[0].Header, nil), {}} {
			rig.ErrorIs(t, f.Ack(t.Context()), stomp.ErrNotAckable)
			rig.ErrorIs(t, f.Nack(t.Context()), stomp.ErrNotAckable)
		}
		c.Close()
		err = frames[0].Ack(t.Context())
		rig.ErrorIs(t, err, stomp.ErrStale)
		rig.Unsent(t, err)
	})
}

func TestFrame_says_whose_it_is_and_whether_it_came_before(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, c := rig.NewServer(t).Session("version:1.0") // in which a MESSAGE need not name its subscription
		sub, err := c.Subscribe(t.Context(), "/a", stomp.WithID("mine"))
		rig.OK(t, err)
		p.Want(wire.Subscribe)
		for _, redelivered := range []string{"true", "false", "1", ""} {
			p.Send(wire.Message, "", "destination", "/a", "redelivered", redelivered)
			if f := <-sub; f.SubscriptionID() != "mine" || f.Redelivered() != (redelivered == "true") {
				t.Errorf("redelivered:%s of mine: %v of %q", redelivered, f.Redelivered(), f.SubscriptionID())
			}
		}
		if f := stomp.NewFrame(wire.Message, stomp.Header{{"subscription", "s9"}}, nil); f.SubscriptionID() != "s9" || f.Redelivered() {
			t.Errorf("of a frame that nobody delivered: %q, %v", f.SubscriptionID(), f.Redelivered())
		}
	})
}

func TestModes_have_names(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"auto": stomp.AckAuto, "client": stomp.AckClient, "client-individual": stomp.AckClientIndividual, "AckMode(9)": stomp.AckMode(9),
		"block": stomp.OverflowBlock, "drop oldest": stomp.OverflowDropOldest, "drop newest": stomp.OverflowDropNewest, "fail": stomp.OverflowFail, "latest": stomp.OverflowLatest,
		"Overflow(-1)": stomp.Overflow(-1), "text": stomp.MessageText, "binary": stomp.MessageBinary, "MessageType(7)": stomp.MessageType(7),
	} {
		if v.String() != want {
			t.Errorf("%#v is %q, want %q", v, v.String(), want)
		}
	}
	if s := stomp.MessageAuto.String(); s != "auto" {
		t.Errorf("MessageAuto is %q", s)
	}
}
