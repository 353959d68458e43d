package stomp_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Promise 12: a server that puts its text as it is into the header of an ERROR is understood all the same.
func TestSession_promise12_F2_an_ERROR_with_line_feeds_in_its_message(t *testing.T) {
	for _, version := range []wire.Version{wire.V10, wire.V11, wire.V12} {
		t.Run(string(version), func(t *testing.T) {
			p, client := rig.NewServer(t).Session("version:" + string(version))
			receipt, err := client.SendAsync(t.Context(), "/a", nil)
			rig.OK(t, err)
			p.Raw()
			p.SendRaw("ERROR\nmessage:no queue\nask Bob\nCaused by:C:\\temp\nreceipt-id:r1\n\nbody\x00")
			said := rig.Refused(t, receipt.Wait(t.Context()), "no queue\nask Bob\nCaused by:C:\\temp")
			if said.Frame.Header.Get("Caused by") == "" || string(said.Frame.Body) != "body" {
				t.Errorf("the frame is %v", said.Frame)
			}
			if st := client.Status(); st.State != stomp.StateConnected {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// The same in answer to CONNECT, and from a server that was cut off.
func TestConnect_C3_C4_what_the_server_was_saying(t *testing.T) {
	for name, c := range map[string]struct{ sends, want string }{
		"F2_line_feeds": {"ERROR\nmessage:Bad CONNECT\nAccess refused\n\nsee the log\x00",
			`broker says ERROR "Bad CONNECT\nAccess refused": "see the log"`},
		"an_unfinished_header": {"ERROR\nmessage:Bad CONNECT",
			`waiting for CONNECTED: ws: read: the peer ended the connection: EOF (an unfinished ERROR had arrived: broker says ERROR "Bad CONNECT")`},
		"an_unfinished_body": {"ERROR\nmessage:Security Error\\c login\n\nAccess ref",
			`waiting for CONNECTED: ws: read: the peer ended the connection: EOF (an unfinished ERROR had arrived: broker says ERROR "Security Error: login": "Access ref")`},
		"F1_no_blank_line": {"ERROR\nmessage:Bad CONNECT\x00",
			`waiting for CONNECTED: protocol error: a NUL in the header: no blank line ended it (F1) (an unfinished ERROR had arrived: broker says ERROR "Bad CONNECT") (does a STOMP server listen there?)`},
		"an_unfinished_CONNECTED": {"CONNECTED\nversion:1.2\n\n",
			`waiting for CONNECTED: ws: read: the peer ended the connection: EOF (an unfinished CONNECTED had arrived)`},
	} {
		t.Run(name, func(t *testing.T) {
			p, connect := rig.NewServer(t).Start()
			p.Raw()
			p.SendRaw(c.sends)
			p.Close()
			err := connect.Err()
			rig.ErrorText(t, err, "stomp: connect tcp://broker.test: "+c.want)
			var said *stomp.Error
			if failed := rig.ErrorAs[stomp.ConnectError](t, err); failed.Refused() != errors.As(err, &said) || failed.Refused() == (name == "an_unfinished_CONNECTED") {
				t.Errorf("Refused is %t", failed.Refused())
			}
		})
	}
	for name, c := range map[string]struct{ sends, want string }{
		"CONNECTED": {"CONNECTED\nversion:1.2\n\n", "(an unfinished CONNECTED had arrived)"},
		"ERROR":     {"ERROR\nmessage:Bad CONNECT\n\nwe", `(an unfinished ERROR had arrived: broker says ERROR "Bad CONNECT": "we")`},
	} {
		rig.Bubble(t, "until_ctx_ends_"+name, func(t *testing.T) {
			server := rig.NewServer(t)
			go func() { // ends with the connection
				p := server.Accept()
				p.Raw()
				p.SendRaw(c.sends)
			}()
			err := rig.ConnectError(t, rig.Within(t, time.Second), server)
			rig.ErrorIs(t, err, context.DeadlineExceeded)
			rig.ErrorSays(t, err, c.want)
		})
	}
}

// Promise 12: an ERROR that was cut off ends the session with the broker's words, as far as they came.
func TestSession_promise12_an_unfinished_ERROR(t *testing.T) {
	for name, c := range map[string]struct{ sends, want string }{
		"its_end_is_missing": {"ERROR\nmessage:quota exceeded\n\nby 12",
			`connection lost: ws: read: the peer ended the connection: EOF (an unfinished ERROR had arrived: broker says ERROR "quota exceeded": "by 12")`},
		"F3_its_length_is_wrong": {"ERROR\nmessage:quota exceeded\ncontent-length:2\n\nby 12\x00",
			`connection lost: protocol error: no NUL after the 2 bytes of content-length in ERROR (F3) (an unfinished ERROR had arrived: broker says ERROR "quota exceeded": "by 12")`},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.Session(t)
			p.SendRaw(c.sends)
			p.Close()
			<-client.Done()
			err := client.Err()
			rig.ErrorText(t, err, c.want)
			rig.Refused(t, err, "quota exceeded")
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		})
	}
	p, client := rig.Session(t)
	p.SendRaw("MESSAGE\ndestination:/a\n\nhalf a bo")
	p.Close()
	<-client.Done()
	rig.ErrorIs(t, client.Err(), io.EOF)
	rig.ErrorSays(t, client.Err(), "(an unfinished MESSAGE had arrived)")
}

// Vert.x has no receipt-id in its ERROR: it repeats the header of the frame that failed, and closes.
func TestSession_promise12_M5_an_ERROR_that_repeats_the_frame_s_receipt(t *testing.T) {
	rig.Bubble(t, "of_a_SEND", func(t *testing.T) {
		p, client := rig.Session(t)
		receipt, err := client.SendAsync(t.Context(), "/a", nil)
		rig.OK(t, err)
		other, err := client.SendAsync(t.Context(), "/b", nil)
		rig.OK(t, err)
		p.Raw()
		p.Raw()
		p.Send(wire.Error, "", "message", "Access denied", "destination", "/a", "receipt", "r1")
		err = receipt.Wait(t.Context())
		rig.Refused(t, err, "Access denied")
		if errors.Is(err, stomp.ErrConnectionLost) {
			t.Errorf("the receipt is %v", err)
		}
		p.Close()
		err = other.Wait(t.Context())
		rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		rig.ErrorSays(t, err, `EOF (just before: broker says ERROR "Access denied")`)
		var said *stomp.Error
		if errors.As(err, &said) {
			t.Errorf("the ERROR to another frame is in %v", err)
		}
	})
	rig.Bubble(t, "promise5_of_a_SUBSCRIBE", func(t *testing.T) {
		server, p, client := rig.Reconnecting(t, wire.V12)
		kept, err := client.NewSubscription(t.Context(), "/a")
		rig.OK(t, err)
		p.Receipt(p.Want(wire.Subscribe))
		refused, err := client.NewSubscription(t.Context(), "/b")
		rig.OK(t, err)
		f := p.Want(wire.Subscribe)
		p.Send(wire.Error, "", append([]string{"message", "Access denied"}, flat(f.Header)...)...)
		rig.Closed(t, refused.C)
		rig.Refused(t, refused.Err(), "Access denied")
		p.Close()
		server.Resume(wire.V12)
		rig.OK(t, kept.Confirmed(t.Context()))
		rig.Equal(t, "restored", server.Carried(), []string{"SUBSCRIBE /a"})
	})
	rig.Bubble(t, "that_nobody_waits_for", func(t *testing.T) {
		p, client := rig.Session(t)
		p.Send(wire.Error, "", "message", "Access denied", "receipt", "r7")
		<-client.Done()
		rig.Refused(t, client.Err(), "Access denied")
	})
}

// A subscription in an ERROR is the one that was cancelled if the session goes on. If it ends, the ERROR may have
// repeated the header of an ACK, and the next session has the subscription again.
func TestSession_promise12_an_ERROR_that_names_a_subscription(t *testing.T) {
	const rabbit = "version:1.2\nserver:RabbitMQ/4.3.0"
	for name, c := range map[string]struct {
		connected string
		closes    bool
		takes     time.Duration // until the subscription has ended
		survives  bool
	}{
		"RabbitMQ":                {connected: rabbit},
		"RabbitMQ_behind_a_relay": {connected: rabbit, closes: true},
		"another_that_stays_open": {connected: "version:1.2", takes: time.Second},
		"another_that_closes":     {connected: "version:1.2", closes: true, survives: true},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			server := rig.NewServer(t)
			p, client := server.Session(c.connected, stomp.WithReconnect(rig.QuickBackoff))
			sub, err := client.NewSubscription(t.Context(), "/a")
			rig.OK(t, err)
			p.Receipt(p.Want(wire.Subscribe))
			for range 2 {
				p.Send(wire.Error, "", "message", "no such ack", "subscription", sub.ID(), "message-id", "7")
			}
			if c.closes {
				p.Close()
			}
			if c.survives {
				f := server.AcceptSession(wire.V12)
				f.Receipt(f.Want(wire.Subscribe))
				rig.OK(t, sub.Confirmed(t.Context()))
				time.Sleep(time.Minute)
				if st := client.Status(); sub.Err() != nil || st.Epoch != 2 {
					t.Errorf("the subscription: %v; status %+v", sub.Err(), st)
				}
				rig.ErrorSays(t, client.Status().Err, `(just before: broker says ERROR "no such ack")`)
				return
			}
			rig.Takes(t, c.takes, func() { rig.Closed(t, sub.C) })
			rig.Refused(t, sub.Err(), "no such ack")
		})
	}
}

// flat returns a header as name, value, name, value…
func flat(header [][2]string) (list []string) {
	for _, e := range header {
		list = append(list, e[0], e[1])
	}
	return list
}
