package stomp_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/webstomp/webstomp/internal/wire"
	"github.com/webstomp/webstomp/internal/ws"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// Promises 4 and 12: an ERROR that names nobody ends the session, which we close ourselves; whoever was waiting gets the
// *Error, and Err is set before any channel closes.
func TestSession_Promise12_ERROR_that_names_nobody(t *testing.T) {
	p, client := streamSession(t, connected12)
	messages, err := client.NewSubscription(t.Context(), "/a")
	if err != nil {
		t.Fatal(err)
	}
	receipt, err := client.SendAsync(t.Context(), "/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 1)
	go func() { waiting <- client.Send(t.Context(), "/a", nil, stomp.WithReceipt()) }() // joined below
	for range 3 {
		p.read()
	}
	p.send("ERROR\nmessage:Processing error\ncontent-type:text/plain\n\nwe are full\x00")
	if _, open := <-messages.C; open {
		t.Fatal("a frame came")
	}
	for what, err := range map[string]error{"the Client's": client.Err(), "the subscription's": messages.Err(), "a waiting Send's": <-waiting, "a receipt's": receipt.Wait(t.Context())} {
		var said *stomp.Error
		if !errors.As(err, &said) || said.Message != "Processing error" || string(said.Frame.Body) != "we are full" || said.Frame.Epoch != 1 {
			t.Errorf("%s error is %v, want the broker's *Error", what, err)
		}
		if !errors.Is(err, stomp.ErrConnectionLost) || errors.Is(err, stomp.ErrClosed) {
			t.Errorf("%s error is %v: it has to match ErrConnectionLost, and not ErrClosed", what, err)
		}
	}
	wantText(t, client.Err(), `connection lost: broker says ERROR "Processing error": "we are full"`)
	if _, err := p.nc.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection was not closed: %v", err)
	}
	<-client.Done()
	if st := client.Status(); st.State != stomp.StateClosed || st.Err != client.Err() || st.Epoch != 1 || st.Session.Version != stomp.V12 {
		t.Errorf("the status is %+v", st)
	}
	err = client.Send(t.Context(), "/a", nil)
	wantText(t, err, `stomp: send /a: client closed: connection lost: broker says ERROR "Processing error": "we are full"`)
	if !errors.Is(err, stomp.ErrClosed) || !errors.Is(err, stomp.ErrConnectionLost) || !stomp.Unsent(err) {
		t.Errorf("a call after the end gives %v", err)
	}
	if err := client.Disconnect(t.Context()); err != nil {
		t.Errorf("Disconnect of a Client that has ended: %v", err)
	}
}

// Promise 12: ERROR with the receipt-id of a frame answers that one; of what is over already it is counted and logged.
// The session goes on.
func TestSession_Promise12_ERROR_that_names_a_receipt(t *testing.T) {
	p, client := streamSession(t, connected12)
	receipt, err := client.SendAsync(t.Context(), "/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.read()
	p.send("ERROR\nmessage:no such queue\nreceipt-id:r1\n\n\x00")
	err = receipt.Wait(t.Context())
	var said *stomp.Error
	if !errors.As(err, &said) || said.ReceiptID != "r1" || errors.Is(err, stomp.ErrConnectionLost) || stomp.Unsent(err) {
		t.Errorf("the receipt is %v, want the broker's *Error", err)
	}
	wantText(t, err, `stomp: send /a: waiting for receipt "r1": broker says ERROR "no such queue"`)
	p.send("ERROR\nmessage:again\nreceipt-id:r1\n\n\x00")
	p.send("ERROR\nmessage:unknown\nreceipt-id:nobody\n\n\x00")
	p.send("ERROR\nmessage:unknown\nsubscription:nobody\n\n\x00")
	second, err := client.SendAsync(t.Context(), "/a", nil)
	if err != nil {
		t.Fatal(err)
	}
	p.read()
	p.send("RECEIPT\nreceipt-id:r2\n\n\x00")
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
		"C4_a_second_CONNECTED":       {connected12, "C4", "a second CONNECTED"},
		"F14_an_unknown_command":      {"HELLO\n\n\x00", "F14", "HELLO"},
		"F14_a_client's_command":      {"SEND\ndestination:/a\n\n\x00", "F14", "SEND"},
		"F9_a_body_on_RECEIPT":        {"RECEIPT\nreceipt-id:1\n\nbody\x00", "F9", "RECEIPT"},
		"F6_an_escape_that_is_none":   {"MESSAGE\ndestination:\\t\n\n\x00", "F6", "no escape"},
		"F3_no_NUL_where_it_belongs":  {"MESSAGE\ncontent-length:1\n\nabc\x00", "F3", "NUL"},
		"F3_a_content-length_of_text": {"MESSAGE\ncontent-length:many\n\nabc\x00", "F3", "content-length"},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := streamSession(t, connected12)
			p.send(c.sends)
			<-client.Done()
			err := client.Err()
			var protocol *stomp.ProtocolError
			if !errors.As(err, &protocol) || protocol.Clause != c.clause || !strings.Contains(protocol.Reason, c.says) {
				t.Errorf("the Client ended with %v, want a *ProtocolError of %s that says %s", err, c.clause, c.says)
			}
			if !errors.Is(err, stomp.ErrConnectionLost) {
				t.Errorf("%v does not match ErrConnectionLost", err)
			}
		})
	}
}

// W5, promise 12: a close before our DISCONNECT is an error whatever its code, and reaches the caller. Promise 13: after
// 1009 the error says which limit of which server was met.
func TestSession_W5_close_frames(t *testing.T) {
	for name, c := range map[string]struct {
		server string
		code   int
		reason string
		want   string
	}{
		"STOMP_died":    {"RabbitMQ/3.10.8", 1000, "STOMP died", `the server closed the WebSocket with code 1000, "STOMP died"`},
		"no_reason":     {"", 1011, "", "the server closed the WebSocket with code 1011"},
		"Springs_own":   {"", 4500, "Session timeout", `the server closed the WebSocket with code 4500, "Session timeout"`},
		"1009_RabbitMQ": {"RabbitMQ/4.3.0", 1009, "", "the server closed the WebSocket with code 1009 (RabbitMQ takes WebSocket messages up to web_stomp.ws_opts.max_frame_size, from 4.2.6 on 4 MiB by default)"},
		"1009_Artemis":  {"ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine", 1009, "", "the server closed the WebSocket with code 1009 (Artemis takes WebSocket frames up to webSocketMaxFramePayloadLength, 65,536 octets by default)"},
		"1009_Classic":  {"ActiveMQ/5.17.2", 1009, "too big", `the server closed the WebSocket with code 1009, "too big" (ActiveMQ takes text messages up to websocket.maxTextMessageSize, 65,536 octets by default)`},
		"1009_Spring":   {"", 1009, "", "the server closed the WebSocket with code 1009 (a Spring server on Tomcat takes text messages up to 16,640 octets and binary ones up to 8,192 by default: see WithMessageSplit)"},
		"1009_a_relay":  {"RabbitMQ/3.10.8", 1009, "The decoded text message was too big for the output buffer", `the server closed the WebSocket with code 1009, "The decoded text message was too big for the output buffer" (a Spring server on Tomcat takes text messages up to 16,640 octets and binary ones up to 8,192 by default: see WithMessageSplit)`},
		"1009_unknown":  {"Other/1", 1009, "", "the server closed the WebSocket with code 1009 (a message was above a limit of the server)"},
	} {
		t.Run(name, func(t *testing.T) {
			server := ""
			if c.server != "" {
				server = "server:" + c.server + "\n"
			}
			p, client := webSession(t, "CONNECTED\nversion:1.2\n"+server+"\n\x00")
			if err := p.c.Close(t.Context(), c.code, c.reason); err != nil {
				t.Fatal(err)
			}
			<-client.Done()
			err := client.Err()
			var closed *stomp.CloseError
			if !errors.As(err, &closed) || closed.Code != c.code || closed.Reason != c.reason || !errors.Is(err, stomp.ErrConnectionLost) {
				t.Errorf("the Client ended with %v, want the server's close", err)
			}
			wantText(t, err, "connection lost: "+c.want)
		})
	}
	t.Run("instead_of_CONNECTED", func(t *testing.T) {
		url, peers := webServer(t, ws.AcceptOptions{})
		connect := startConnect(t, t.Context(), url)
		p := <-peers
		p.message()
		if err := p.c.Close(t.Context(), 1008, "who are you?"); err != nil {
			t.Fatal(err)
		}
		err := connect.fails()
		var closed *stomp.CloseError
		if !errors.As(err, &closed) || closed.Code != 1008 {
			t.Errorf("the error is %v, want the server's close", err)
		}
		wantText(t, err, "stomp: connect "+url+`: waiting for CONNECTED: the server closed the WebSocket with code 1008, "who are you?"`)
	})
	t.Run("without_a_close_frame", func(t *testing.T) {
		p, client := webSession(t, connected12)
		p.c.CloseNow()
		<-client.Done()
		var closed *stomp.CloseError
		if err := client.Err(); errors.As(err, &closed) || !errors.Is(err, io.EOF) {
			t.Errorf("the Client ended with %v, want EOF and no close", err)
		}
	})
}

// Artemis deadlocks when the client closes while it is about to: after an ERROR in 1.2 it is given a second.
func TestSession_Promise12_Artemis_closes_first(t *testing.T) {
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
		bubble(t, name, func(t *testing.T) {
			client, p := peerRig(t, [][2]string{{"version", c.version}, {"server", c.server}})
			start := time.Now()
			p.send(wire.Error, "consumer disconnected by server")
			if c.closes > 0 {
				time.Sleep(c.closes)
				p.nc.Close()
			}
			<-client.Done()
			if took := time.Since(start); took != c.want {
				t.Errorf("the session ended after %v, want %v", took, c.want)
			}
			var said *stomp.Error
			if err := client.Err(); !errors.As(err, &said) || !errors.Is(err, stomp.ErrConnectionLost) {
				t.Errorf("the Client ended with %v, want the server's ERROR", err)
			}
		})
	}
}

// Promise 12: what waits when a session breaks learns why, not only that.
func TestSession_Promise12_everybody_who_waits_learns_why(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client := streamSession(t, connected12)
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
		p.send("ERROR\nmessage:quota exceeded\n\n\x00")
		for range 3 {
			err := <-waiting
			var said *stomp.Error
			if !errors.As(err, &said) || !errors.Is(err, stomp.ErrConnectionLost) {
				t.Errorf("a call that waited got %v, want the broker's *Error", err)
			}
		}
	})
}

// Promise 4: a Client ended by a fault closes every kind of channel, and has its error set before.
func TestSession_Promise4_Err_before_channels(t *testing.T) {
	b := stomptest.NewBroker(stomptest.WithPipe())
	defer b.Close()
	client := connectTo(t, b.URL(), stomp.WithHTTPClient(b.Client()))
	sub, err := client.NewSubscription(t.Context(), "/topic/a")
	if err != nil {
		t.Fatal(err)
	}
	unmatched := client.Unmatched(t.Context())
	// A decode that hangs holds up the end of the Client behind the closing of its channels.
	decoding, release := make(chan bool), make(chan bool)
	slow, err := stomp.SubscribeAs(t.Context(), client, "/topic/b", func(stomp.Frame) (int, error) {
		decoding <- true
		<-release
		return 0, nil
	}, stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	b.Publish("/topic/b", nil, nil)
	<-decoding
	b.Cut()
	for what, c := range map[string]<-chan stomp.Frame{"a subscription": sub.C, "Unmatched": unmatched} {
		if _, open := <-c; open {
			t.Errorf("%s: a frame came", what)
		}
		if client.Err() == nil || client.Status().State != stomp.StateClosed {
			t.Errorf("%s was closed before the Client's error was set", what)
		}
	}
	if !errors.Is(sub.Err(), stomp.ErrConnectionLost) {
		t.Errorf("the subscription ended with %v, want the Client's cause", sub.Err())
	}
	select {
	case <-client.Done():
		t.Error("Done was closed while a goroutine of the Client ran")
	default:
	}
	close(release)
	for range slow.C { // what it was at work on may come, or be dropped
	}
	<-client.Done()
}
