package stomp_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// handedOut starts a broker and a Client, in whose hands are n messages of /queue/a that await their ACK.
func handedOut(t *testing.T, mode stomp.AckMode, n int) (*stomptest.Broker, *stomp.Client, []stomp.Frame) {
	t.Helper()
	b, c := rig.Pair(t)
	sub, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(mode))
	rig.OK(t, err)
	return b, c, rig.Deliver(t, b, "/queue/a", sub, n)
}

// The entries by which each version names the message.
func TestAck_M3_entries_of_each_version(t *testing.T) {
	for _, tc := range []struct {
		version stomp.Version
		want    string
	}{
		{stomp.V10, "message-id:m:1 x:y"},
		{stomp.V11, "message-id:m:1 subscription:s1 x:y"},
		{stomp.V12, "id:a:1 x:y"},
	} {
		rig.Bubble(t, "M3_"+string(tc.version), func(t *testing.T) {
			p, c := rig.NewServer(t).Session("version:" + string(tc.version))
			sub, err := c.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient))
			rig.OK(t, err)
			p.Want(wire.Subscribe)
			for _, ack := range []func(context.Context, stomp.Frame, ...stomp.FrameOption) error{c.Ack, c.Nack} {
				p.Send(wire.Message, "", "subscription", "s1", "destination", "/a", "message-id", "m:1", "ack", "a:1")
				f := <-sub
				err := ack(t.Context(), f, stomp.WithHeader("x", "y"))
				if err != nil { // NACK in 1.0
					rig.ErrorClause(t, err, "M3")
					if tc.version != stomp.V10 || !stomp.Unsent(err) {
						t.Error(err)
					}
					rig.OK(t, c.Ack(t.Context(), f)) // what could not be refused can be acked still
					p.Want(wire.Ack)
					continue
				}
				var parts []string
				for _, e := range p.Next().Header {
					parts = append(parts, e[0]+":"+e[1])
				}
				if s := strings.Join(parts, " "); s != tc.want {
					t.Errorf("%s, want %s", s, tc.want)
				}
			}
		})
	}
}

// The server's id goes back as it came, whether its colons were escaped or not, and whatever else was.
func TestAck_M3_the_id_goes_back_byte_by_byte(t *testing.T) {
	for name, tc := range map[string]struct {
		version stomp.Version
		header  string // of MESSAGE
		want    string // of ACK
		decoded string // what the Frame shows
	}{
		"escaped":                    {stomp.V12, `ack:ID\cvm-1\c2\\`, `id:ID\cvm-1\c2\\`, `ID:vm-1:2\`},
		"raw":                        {stomp.V12, "ack:s2ID:20-1:2", "id:s2ID:20-1:2", "s2ID:20-1:2"},
		"raw_beside_another_escape":  {stomp.V12, "ack:s2ID:20-1:2\nx:\\n", "id:s2ID:20-1:2", "s2ID:20-1:2"},
		"escaped_and_raw":            {stomp.V12, `ack:a\cb:c\cd:e`, `id:a\cb:c\cd:e`, "a:b:c:d:e"},
		"CR_LF":                      {stomp.V12, "ack:a\\cb:c\r", "id:a\\cb:c", "a:b:c"},
		"the_first_counts":           {stomp.V12, "x\\cack:1\nack:a\\cb:c\nack:d:e\\cf", "id:a\\cb:c", "a:b:c"},
		"nothing_special":            {stomp.V12, "ack:17", "id:17", "17"},
		"message-id_escaped_and_raw": {stomp.V11, `message-id:a\cb:c`, "message-id:a\\cb:c\nsubscription:s1", "a:b:c"},
		"message-id_raw":             {stomp.V11, "message-id:a:b", "message-id:a:b\nsubscription:s1", "a:b"},
		"1.0_has_no_escapes":         {stomp.V10, `message-id: a\cb:c `, `message-id:a\cb:c`, `a\cb:c`},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, c := rig.NewServer(t).Session("version:" + string(tc.version))
			sub, err := c.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient))
			rig.OK(t, err)
			p.Want(wire.Subscribe)
			for _, command := range []string{wire.Ack, wire.Nack} {
				p.SendRaw("MESSAGE\nsubscription:s1\ndestination:/a\n" + tc.header + "\n\n\x00")
				f, ack := <-sub, c.Ack
				if command == wire.Nack && tc.version != stomp.V10 {
					ack = c.Nack
				} else {
					command = wire.Ack
				}
				source := "message-id"
				if tc.version == stomp.V12 {
					source = "ack"
				}
				if got := f.Header.Get(source); got != tc.decoded {
					t.Errorf("the frame shows %q, want %q", got, tc.decoded)
				}
				rig.OK(t, ack(t.Context(), f))
				if got, want := p.Raw(), command+"\n"+tc.want+"\n\n"; got != want {
					t.Errorf("%q, want %q", got, want)
				}
			}
		})
	}
}

// OpenMQ has raw colons in its ids and undoes no escapes in those that come back.
func TestAck_M3_OpenMQ(t *testing.T) {
	for _, version := range []stomp.Version{stomp.V10, stomp.V11, stomp.V12} {
		rig.Bubble(t, "M3_"+string(version), func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.OpenMQ))
			c := rig.Connect(t, b, stomp.WithVersions(version))
			sub, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClient))
			rig.OK(t, err)
			b.Publish("/queue/a", [][2]string{{"a", `b\\c`}}, []byte("1")) // an escape beside the id
			frames := []stomp.Frame{rig.Body(t, sub, "1")}
			frames = append(frames, rig.Deliver(t, b, "/queue/a", sub, 3)...)
			rig.OK(t, c.Ack(t.Context(), frames[0], stomp.WithReceipt()))
			if version != stomp.V10 {
				rig.OK(t, c.Nack(t.Context(), frames[1], stomp.WithReceipt()))
			}
			tx, err := c.Begin(t.Context())
			rig.OK(t, err)
			rig.OK(t, tx.Ack(t.Context(), frames[3]))
			rig.OK(t, tx.Commit(t.Context(), stomp.WithReceipt()))
			if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
				t.Errorf("%d are unacked, the Client's error is %v", n, c.Err())
			}
		})
	}
}

func TestAck_M2_cumulative(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, frames := handedOut(t, stomp.AckClient, 5)
		rig.OK(t, c.Ack(t.Context(), frames[2], stomp.WithReceipt()))
		if n := b.Unacked("/queue/a"); n != 2 {
			t.Errorf("%d are unacked", n)
		}
		for _, f := range frames[:3] {
			rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
		}
		rig.OK(t, c.Ack(t.Context(), frames[4], stomp.WithReceipt()))
		if n := b.Unacked("/queue/a"); n != 0 || c.Err() != nil {
			t.Errorf("%d are unacked, client's error %v", n, c.Err())
		}
	})
}

func TestAck_M2_individual_in_any_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, frames := handedOut(t, stomp.AckClientIndividual, 9)
		for i, n := range []int{4, 0, 8, 1, 7, 3, 2, 6, 5} {
			rig.OK(t, c.Ack(t.Context(), frames[n], stomp.WithReceipt()))
			if left := b.Unacked("/queue/a"); left != 8-i {
				t.Errorf("%d are unacked after %d acks", left, i+1)
			}
			err := c.Ack(t.Context(), frames[n])
			rig.ErrorIs(t, err, stomp.ErrNotAckable)
			want := fmt.Sprintf("stomp: ack %s: frame cannot be acknowledged: acknowledged already", frames[n].MessageID())
			if err.Error() != want || !stomp.Unsent(err) {
				t.Errorf("error %v, want %s", err, want)
			}
		}
	})
}

func TestAck_M3_NACK_is_delivered_again(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		sub, err := c.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClientIndividual))
		rig.OK(t, err)
		f := rig.Deliver(t, b, "/queue/a", sub, 1)[0]
		rig.OK(t, c.Nack(t.Context(), f))
		again := <-sub
		if again.Header.Get("redelivered") != "true" || string(again.Body) != string(f.Body) {
			t.Errorf("got %v", again)
		}
		rig.OK(t, c.Nack(t.Context(), again, stomp.WithHeader("requeue", "false"), stomp.WithReceipt()))
		if n := b.Unacked("/queue/a") + b.QueueLen("/queue/a"); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestAck_refused_by_broker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, frames := handedOut(t, stomp.AckClientIndividual, 1)
		f := frames[0]
		rig.On(b, "ACK", "", rig.Refuse("no"))
		rig.Refused(t, c.Ack(t.Context(), f, stomp.WithReceipt()), "no")
	})
}

func TestAck_of_a_copy_whose_header_was_changed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, frames := handedOut(t, stomp.AckClientIndividual, 1)
		f := frames[0]
		f.Header.Del("ack")
		rig.ErrorIs(t, c.Ack(t.Context(), f), stomp.ErrNotAckable)
	})
}

func TestAck_ErrNotAckable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c := rig.Pair(t)
		other := rig.Connect(t, b)
		auto, err := c.Subscribe(t.Context(), "/queue/auto")
		rig.OK(t, err)
		elsewhere, err := other.Subscribe(t.Context(), "/queue/a", stomp.WithAck(stomp.AckClient))
		rig.OK(t, err)
		b.Publish("/queue/auto", nil, nil)
		b.Publish("/queue/a", nil, nil)
		own := stomp.NewFrame("MESSAGE", stomp.Header{{"message-id", "m1"}, {"ack", "a1"}}, nil)
		parsed, err := stomp.ParseFrame([]byte("MESSAGE\nmessage-id:m1\nack:a1\n\n\x00"))
		rig.OK(t, err)
		for _, tc := range []struct {
			f    stomp.Frame
			text string
		}{
			{stomp.Frame{}, "no subscription delivered it"},
			{own, "no subscription delivered it"},
			{parsed, "no subscription delivered it"},
			{<-auto, "delivered in auto mode (see WithAck)"},
			{<-elsewhere, "another Client delivered it"},
		} {
			for _, ack := range []func(context.Context, stomp.Frame, ...stomp.FrameOption) error{c.Ack, c.Nack} {
				err := ack(t.Context(), tc.f)
				rig.ErrorIs(t, err, stomp.ErrNotAckable)
				if err == nil || !strings.HasSuffix(err.Error(), tc.text) || !stomp.Unsent(err) {
					t.Errorf("error %v, want %q", err, tc.text)
				}
			}
		}
		synctest.Wait()
		rig.Equal(t, "the broker", rig.Received(b), []string{"SUBSCRIBE", "SUBSCRIBE"})
	})
}

func TestAck_promise6_ErrStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]func(b *stomptest.Broker, c *stomp.Client){
			"cut":        func(b *stomptest.Broker, c *stomp.Client) { b.Cut(); <-c.Done() },
			"Close":      func(_ *stomptest.Broker, c *stomp.Client) { c.Close() },
			"Disconnect": func(_ *stomptest.Broker, c *stomp.Client) { c.Disconnect(t.Context()) },
		} {
			b, c, frames := handedOut(t, stomp.AckClientIndividual, 1)
			f := frames[0]
			end(b, c)
			for _, ack := range []func(context.Context, stomp.Frame, ...stomp.FrameOption) error{c.Ack, c.Nack} {
				err := ack(t.Context(), f)
				rig.ErrorIs(t, err, stomp.ErrStale)
				rig.Unsent(t, err)
			}
			if b.StaleAcks() != 0 {
				t.Errorf("%s: %d stale acks came", name, b.StaleAcks())
			}
		}
	})
}

func TestAck_options_and_ctx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c, frames := handedOut(t, stomp.AckClientIndividual, 1)
		f := frames[0]
		over := rig.Ended()
		rig.ErrorIs(t, c.Ack(over, f), context.Canceled)
		if err := c.Ack(t.Context(), f, stomp.WithHeader("message-id", "x")); err == nil || !strings.Contains(err.Error(), "Ack and Nack write it") {
			t.Error(err)
		}
		rig.ErrorClause(t, c.Ack(t.Context(), f, stomp.WithHeader("x", "\x00")), "F13")
		rig.OK(t, c.Ack(t.Context(), f, stomp.WithReceipt())) // none of these has cost the frame its ack
	})
}

// M3: an ACK in the cumulative mode covers the earlier frames. Of two that wait for room at the same time, the one of
// the earlier frame must not go out behind the other: the broker would refuse it and end the session.
func TestAck_M3_cumulative_acks_keep_their_order(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := bytes.Repeat([]byte("x"), 1<<20)
		for range 20 { // who comes first is the scheduler's choice
			p, client := rig.Session(t)
			messages, err := client.Subscribe(t.Context(), "/a", stomp.WithAck(stomp.AckClient), stomp.WithID("x"))
			rig.OK(t, err)
			p.Raw()
			for _, n := range []string{"1", "2"} {
				p.SendRaw("MESSAGE\nsubscription:x\ndestination:/a\nmessage-id:" + n + "\nack:" + n + "\n\n\x00")
			}
			first, second := <-messages, <-messages
			rig.OK(t, client.Send(t.Context(), "/fill", body)) // the writer hangs in this one: nobody reads
			synctest.Wait()
			rig.OK(t, client.Send(t.Context(), "/fill", body)) // and this one fills the outbox

			var acks sync.WaitGroup
			var firstErr, secondErr error
			acks.Go(func() { firstErr = client.Ack(t.Context(), first) })
			synctest.Wait()
			acks.Go(func() { secondErr = client.Ack(t.Context(), second) })
			synctest.Wait()
			p.Raw()
			p.Raw()
			acks.Wait()
			rig.OK(t, secondErr)
			rig.OK(t, client.Send(t.Context(), "/end", nil))
			var sent []string
			for f := p.Raw(); !strings.HasPrefix(f, "SEND"); f = p.Raw() {
				id, _, _ := strings.Cut(strings.TrimPrefix(f, "ACK\nid:"), "\n")
				sent = append(sent, id)
			}
			if firstErr == nil {
				rig.Equal(t, "the acks", sent, []string{"1", "2"})
			} else {
				rig.ErrorIs(t, firstErr, stomp.ErrNotAckable)
				rig.Equal(t, "the acks", sent, []string{"2"})
			}
			client.Close()
		}
	})
}
