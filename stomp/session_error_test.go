package stomp_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/stomp"
)

// Promises 4 and 12: an ERROR that names nobody ends the session, which we close ourselves; whoever was waiting gets
// the *Error, and Err is set before any channel closes.
func TestSession_promise12_ERROR_that_names_nobody(t *testing.T) {
	p, client := rig.Session(t)
	messages, err := client.NewSubscription(t.Context(), "/a")
	rig.OK(t, err)
	receipt, err := client.SendAsync(t.Context(), "/a", nil)
	rig.OK(t, err)
	waiting := rig.Go(func() error { return client.Send(t.Context(), "/a", nil, stomp.WithReceipt()) })
	for range 3 {
		p.Raw()
	}
	p.SendRaw("ERROR\nmessage:Processing error\ncontent-type:text/plain\n\nwe are full\x00")
	rig.Closed(t, messages.C)
	for what, err := range map[string]error{"the Client's": client.Err(), "the subscription's": messages.Err(), "a waiting Send's": <-waiting, "a receipt's": receipt.Wait(t.Context())} {
		said := rig.ErrorAs[stomp.Error](t, err)
		if said.Message != "Processing error" || string(said.Frame.Body) != "we are full" || said.Frame.Epoch != 1 {
			t.Errorf("%s error is %v, want the broker's *Error", what, err)
		}
		if !errors.Is(err, stomp.ErrConnectionLost) || errors.Is(err, stomp.ErrClosed) {
			t.Errorf("%s error is %v: it has to match ErrConnectionLost, and not ErrClosed", what, err)
		}
	}
	rig.ErrorText(t, client.Err(), `connection lost: broker says ERROR "Processing error": "we are full"`)
	p.Gone()
	<-client.Done()
	if st := client.Status(); st.State != stomp.StateClosed || st.Err != client.Err() || st.Epoch != 1 || st.Session.Version != stomp.V12 {
		t.Errorf("the status is %+v", st)
	}
	err = client.Send(t.Context(), "/a", nil)
	rig.ErrorText(t, err, `stomp: send /a: client closed: connection lost: broker says ERROR "Processing error": "we are full"`)
	if !errors.Is(err, stomp.ErrClosed) || !errors.Is(err, stomp.ErrConnectionLost) || !stomp.Unsent(err) {
		t.Errorf("a call after the end gives %v", err)
	}
	if err := client.Disconnect(t.Context()); err != nil {
		t.Errorf("Disconnect of a Client that has ended: %v", err)
	}
}

// Promise 12: ERROR with the receipt-id of a frame answers that one; of what is over already it is counted and
// logged. The session goes on.
func TestSession_promise12_ERROR_that_names_a_receipt(t *testing.T) {
	p, client := rig.Session(t)
	receipt, err := client.SendAsync(t.Context(), "/a", nil)
	rig.OK(t, err)
	p.Raw()
	p.SendRaw("ERROR\nmessage:no such queue\nreceipt-id:r1\n\n\x00")
	err = receipt.Wait(t.Context())
	said := rig.ErrorAs[stomp.Error](t, err)
	if said.ReceiptID != "r1" || errors.Is(err, stomp.ErrConnectionLost) || stomp.Unsent(err) {
		t.Errorf("the receipt is %v, want the broker's *Error", err)
	}
	rig.ErrorText(t, err, `stomp: send /a: waiting for receipt "r1": broker says ERROR "no such queue"`)
	p.SendRaw("ERROR\nmessage:again\nreceipt-id:r1\n\n\x00")
	p.SendRaw("ERROR\nmessage:unknown\nreceipt-id:nobody\n\n\x00")
	p.SendRaw("ERROR\nmessage:unknown\nsubscription:nobody\n\n\x00")
	second, err := client.SendAsync(t.Context(), "/a", nil)
	rig.OK(t, err)
	p.Raw()
	p.SendRaw("RECEIPT\nreceipt-id:r2\n\n\x00")
	if err := second.Wait(t.Context()); err != nil {
		t.Errorf("the session did not go on: %v", err)
	}
	if n := client.Stats().StrayErrors; n != 3 {
		t.Errorf("%d stray ERRORs counted, want 3", n)
	}
}

// Frames that a server must not send end the session with an error that says which clause they break.
func TestSession_faults_of_the_server(t *testing.T) {
	for name, c := range map[string]struct{ sends, clause, says string }{
		"C4_a_second_CONNECTED":       {rig.Connected12, "C4", "a second CONNECTED"},
		"F14_an_unknown_command":      {"HELLO\n\n\x00", "F14", "HELLO"},
		"F14_a_client's_command":      {"SEND\ndestination:/a\n\n\x00", "F14", "SEND"},
		"F9_a_body_on_RECEIPT":        {"RECEIPT\nreceipt-id:1\n\nbody\x00", "F9", "RECEIPT"},
		"F6_an_escape_that_is_none":   {"MESSAGE\ndestination:\\t\n\n\x00", "F6", "no escape"},
		"F3_no_NUL_where_it_belongs":  {"MESSAGE\ncontent-length:1\n\nabc\x00", "F3", "NUL"},
		"F3_a_content-length_of_text": {"MESSAGE\ncontent-length:many\n\nabc\x00", "F3", "content-length"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := rig.Session(t)
			p.SendRaw(c.sends)
			<-client.Done()
			err := client.Err()
			protocol := rig.ErrorAs[stomp.ProtocolError](t, err)
			if protocol.Clause != c.clause || !strings.Contains(protocol.Reason, c.says) {
				t.Errorf("the Client ended with %v, want a *ProtocolError of %s that says %s", err, c.clause, c.says)
			}
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		})
	}
}

// W5, promise 12: a close before our DISCONNECT is an error whatever its code, and reaches the caller. Promise 13:
// after 1009 the error says which limit of which server was met.
func TestSession_W5_promise13_close_frames(t *testing.T) {
	const (
		rabbitMessages  = " (RabbitMQ takes WebSocket messages up to web_stomp.ws_opts.max_frame_size, without limit by default)"
		rabbitFrames    = " (RabbitMQ takes frames up to stomp.max_frame_size, 4 MiB by default)"
		rabbitEither    = " (RabbitMQ takes frames up to stomp.max_frame_size, 4 MiB by default, before 4.2.6 WebSocket messages up to web_stomp.ws_opts.max_frame_size)"
		classicMessages = " (ActiveMQ takes text messages up to websocket.maxTextMessageSize, 65,536 bytes by default)"
		onTomcat        = " (a Spring server on Tomcat takes text messages up to 16,640 bytes and binary ones up to 8,192 by default: see WithMessageSplit)"
		onJetty         = " (a Spring server on Jetty takes messages up to 65,536 bytes by default: see WithMessageSplit, and Spring's setMessageSizeLimit for the frame)"
		tomcatText      = "The decoded text message was too big for the output buffer and the endpoint does not support partial messages"
		tomcatBinary    = "No async message support and buffer too small. Buffer size: [8,192], Message size: [9,000]"
	)
	for name, c := range map[string]struct {
		server string
		code   int
		reason string
		hint   string
	}{
		"STOMP_died":  {"RabbitMQ/3.10.8", 1000, "STOMP died", ""},
		"no_reason":   {"", 1011, "", ""},
		"Springs_own": {"", 4500, "Session timeout", ""},

		"1009_RabbitMQ_3":        {"RabbitMQ/3.10.8", 1009, "", rabbitMessages},
		"1009_RabbitMQ_4.0":      {"RabbitMQ/4.0.5", 1009, "", rabbitMessages},
		"1009_RabbitMQ_4.2.5":    {"RabbitMQ/4.2.5", 1009, "", rabbitMessages},
		"1009_RabbitMQ_4.2.6":    {"RabbitMQ/4.2.6", 1009, "", rabbitFrames},
		"1009_RabbitMQ_4.2.10":   {"RabbitMQ/4.2.10", 1009, "", rabbitFrames},
		"1009_RabbitMQ_4.10":     {"RabbitMQ/4.10.0", 1009, "", rabbitFrames},
		"1009_RabbitMQ_10":       {"RabbitMQ/10.0.0", 1009, "", rabbitFrames},
		"1009_a_pre-release":     {"RabbitMQ/4.3.0-rc.1", 1009, "", rabbitFrames},
		"1009_a_vendor_s_build":  {"RabbitMQ/4.3.6+vendor.7", 1009, "", rabbitFrames},
		"1009_a_vendor_s_text":   {"RabbitMQ/Vendor 4.3.6", 1009, "", rabbitEither},
		"1009_two_numbers":       {"RabbitMQ/4.2", 1009, "", rabbitEither},
		"1009_a_number_too_many": {"RabbitMQ/99999999999999999999.0.0", 1009, "", rabbitEither},
		"1009_no_version":        {"RabbitMQ", 1009, "", rabbitEither},
		"1007_the_sum_of_parts":  {"RabbitMQ/4.3.6", 1007, "{frame_too_big,{4224000,4198400}}", rabbitFrames},
		"1007_another":           {"RabbitMQ/4.3.6", 1007, `{bad_escape,"\\t"}`, ""},

		"1009_Artemis":       {"ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine", 1009, "", " (Artemis takes WebSocket frames up to webSocketMaxFramePayloadLength, 65,536 bytes by default)"},
		"1009_Classic":       {"ActiveMQ/5.17.2", 1009, "Text message size [65580] exceeds maximum size [65536]", classicMessages},
		"1009_Classic_6":     {"ActiveMQ/6.1.8", 1009, "Text message too large: 69,618 > 65,536", classicMessages},
		"1009_Tomcat_text":   {"", 1009, tomcatText, onTomcat},
		"1009_Tomcat_binary": {"", 1009, tomcatBinary, onTomcat},
		"1009_Jetty_12":      {"", 1009, "Text message too large: 69,618 > 65,536", onJetty},
		"1009_Jetty_binary":  {"", 1009, "Binary message too large: 69,618 > 65,536", onJetty},
		"1009_Jetty_9":       {"", 1009, "Text message size [65580] exceeds maximum size [65536]", onJetty},
		"1009_unnamed":       {"", 1009, "", " (a message was above a limit of the server; if it is Spring, see WithMessageSplit)"},
		"1009_unknown":       {"Other/1", 1009, "", " (a message was above a limit of the server)"},

		// What closes a relay's WebSocket is Spring, or what stands before it; the name is that of the broker behind.
		"1009_a_relay_on_Tomcat":        {"RabbitMQ/3.10.8", 1009, tomcatText, onTomcat},
		"1009_a_relay_on_Tomcat_binary": {"ActiveMQ/6.1.8", 1009, tomcatBinary, onTomcat},
		"1009_a_relay_on_Jetty":         {"RabbitMQ/4.3.6", 1009, "Binary message too large: 69,618 > 65,536", onJetty},
		"1009_a_gateway":                {"RabbitMQ/4.3.6", 1009, "Max frame length of 65536 has been exceeded.", " (a message was above a limit of the server)"},
	} {
		t.Run(name, func(t *testing.T) {
			connected := "version:1.2"
			if c.server != "" {
				connected += "\nserver:" + c.server
			}
			p, client := rig.NewWebServer(t).Session(connected)
			rig.OK(t, p.Web.Close(t.Context(), c.code, c.reason))
			<-client.Done()
			err := client.Err()
			closed := rig.ErrorAs[stomp.CloseError](t, err)
			if closed.Code != c.code || closed.Reason != c.reason {
				t.Errorf("the Client ended with %v, want the server's close", err)
			}
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
			rig.ErrorText(t, err, "connection lost: "+closed.Error()+c.hint)
		})
	}
}

func TestSession_W5_instead_of_CONNECTED(t *testing.T) {
	server := rig.NewWebServer(t)
	p, connect := server.Start()
	p.Message()
	rig.OK(t, p.Web.Close(t.Context(), 1008, "who are you?"))
	err := connect.Err()
	closed := rig.ErrorAs[stomp.CloseError](t, err)
	if closed.Code != 1008 {
		t.Errorf("the error is %v, want the server's close", err)
	}
	rig.ErrorText(t, err, "stomp: connect "+server.URL+`: waiting for CONNECTED: the server closed the WebSocket with code 1008, "who are you?"`)
}

func TestSession_W5_without_a_close_frame(t *testing.T) {
	p, client := rig.NewWebServer(t).Session("version:1.2")
	p.Close()
	<-client.Done()
	var closed *stomp.CloseError
	if err := client.Err(); errors.As(err, &closed) || !errors.Is(err, io.EOF) {
		t.Errorf("the Client ended with %v, want EOF and no close", err)
	}
}

// Artemis deadlocks when the client closes while it is about to: after an ERROR in 1.2 it is given a second.
func TestSession_promise12_Artemis_closes_first(t *testing.T) {
	const artemis = "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine"
	for name, c := range map[string]struct {
		version, server string
		closes, want    time.Duration // after the ERROR; 0: the server does not close
	}{
		"it_closes":      {"1.2", artemis, 30 * time.Millisecond, 30 * time.Millisecond},
		"it_does_not":    {"1.2", artemis, 0, time.Second},
		"nor_in_1.1":     {"1.1", artemis, 0, 0},
		"others_are_cut": {"1.2", "RabbitMQ/3.10.8", 0, 0},
	} {
		rig.Bubble(t, name, func(t *testing.T) {
			p, client := rig.NewServer(t).Session("version:" + c.version + "\nserver:" + c.server)
			rig.Takes(t, c.want, func() {
				p.Send(wire.Error, "consumer disconnected by server")
				if c.closes > 0 {
					time.Sleep(c.closes)
					p.Close()
				}
				<-client.Done()
			})
			rig.ErrorAs[stomp.Error](t, client.Err())
			rig.ErrorIs(t, client.Err(), stomp.ErrConnectionLost)
		})
	}
}

// Promise 12: what waits when a session breaks learns why, not only that.
func TestSession_promise12_everybody_who_waits_learns_why(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := rig.Session(t)
		body := make([]byte, 1<<20)
		waiting := make(chan error, 3)
		fill := func() error { // nobody reads: the outbox fills
			for {
				if err := client.Send(context.Background(), "/a", body); err != nil {
					return err
				}
			}
		}
		go func() { waiting <- fill() }() // all are joined below
		synctest.Wait()
		go func() { waiting <- client.Flush(context.Background()) }()
		go func() { _, err := client.Request(context.Background(), "/a", nil); waiting <- err }()
		synctest.Wait()
		p.SendRaw("ERROR\nmessage:quota exceeded\n\n\x00")
		for range 3 {
			err := <-waiting
			rig.ErrorAs[stomp.Error](t, err)
			rig.ErrorIs(t, err, stomp.ErrConnectionLost)
		}
	})
}

// Promise 4: a Client ended by a fault closes every kind of channel, and has its error set before.
func TestSession_promise4_Err_before_channels(t *testing.T) {
	b := rig.PipeBroker(t)
	client := rig.Connect(t, b)
	sub, err := client.NewSubscription(t.Context(), "/topic/a")
	rig.OK(t, err)
	unmatched := client.Unmatched(t.Context())
	// A decode that hangs holds up the end of the Client behind the closing of its channels.
	decoding, release := make(chan bool), make(chan bool)
	slow, err := stomp.SubscribeAs(t.Context(), client, "/topic/b", func(stomp.Frame) (int, error) {
		decoding <- true
		<-release
		return 0, nil
	}, stomp.WithReceipt())
	rig.OK(t, err)
	b.Publish("/topic/b", nil, nil)
	<-decoding
	b.Cut()
	for what, c := range map[string]<-chan stomp.Frame{"a subscription": sub.C, "Unmatched": unmatched} {
		rig.Closed(t, c)
		if client.Err() == nil || client.Status().State != stomp.StateClosed {
			t.Errorf("%s was closed before the Client's error was set", what)
		}
	}
	rig.ErrorIs(t, sub.Err(), stomp.ErrConnectionLost)
	if rig.IsClosed(client.Done()) {
		t.Error("Done was closed while a goroutine of the Client ran")
	}
	close(release)
	for range slow.C { // what it was at work on may come, or be dropped
	}
	<-client.Done()
}
