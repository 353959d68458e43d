package stomp_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

// The same session over each transport, on real sockets: connect, subscribe, send, receive, leave.
func TestConnect_real_sockets(t *testing.T) {
	b := rig.NewBroker(t, stomptest.WithTCP())
	bare := strings.TrimPrefix(b.TCPURL(), "tcp://")
	for name, url := range map[string]string{"ws": b.URL(), "http": "http" + strings.TrimPrefix(b.URL(), "ws"), "tcp": b.TCPURL(), "stomp": "stomp://" + bare} {
		t.Run(name, func(t *testing.T) {
			client := rig.Connect(t, url)
			messages, err := client.Subscribe(t.Context(), "/topic/"+name, stomp.WithReceipt())
			rig.OK(t, err)
			rig.OK(t, client.Send(t.Context(), "/topic/"+name, []byte("hello\x00")))
			if f := <-messages; string(f.Body) != "hello\x00" || f.Epoch != 1 {
				t.Errorf("the message is %v, of epoch %d", f, f.Epoch)
			}
			if err := client.Disconnect(t.Context()); err != nil {
				t.Error(err)
			}
			if session := client.Status().Session; session.URL != url || session.Server != "stomptest/1" || session.ID == "" {
				t.Errorf("the session is %+v", session)
			}
		})
	}
}

// F7: the servers that unescape CONNECT take a passcode with a backslash by WithEscapedConnect alone.
func TestWithEscapedConnect_on_RabbitMQ(t *testing.T) {
	const passcode = `back\slash:colon`
	b := rig.PipeBroker(t, stomptest.WithProfile(stomptest.RabbitMQ), stomptest.WithLogin("u", passcode))
	login, over := stomp.WithLogin("u", passcode), stomp.WithHTTPClient(b.Client())
	err := rig.ConnectError(t, t.Context(), b.URL(), over, login)
	rig.ErrorHides(t, err, "slash")
	rig.Connect(t, b, over, login, stomp.WithEscapedConnect())
}

// Promise 13: long frames reach a server that takes no large fragments; one that takes no large messages says so, and
// the error names its limit.
func TestSend_promise13_sizes(t *testing.T) {
	for name, c := range map[string]struct {
		profile stomptest.Profile
		size    int
		hint    string // "": it passes
	}{
		"Artemis_in_fragments": {stomptest.Artemis, 200_000, ""},
		"RabbitMQ":             {stomptest.RabbitMQ, 5 << 20, ""},
		"RabbitMQ_4":           {stomptest.RabbitMQ4, 4 << 20, ""},
		"RabbitMQ_4_above":     {stomptest.RabbitMQ4, 5 << 20, "stomp.max_frame_size, 4 MiB by default"},
		"Classic":              {stomptest.Classic, 200_000, "websocket.maxTextMessageSize, 65,536 bytes by default"},
		"Spring":               {stomptest.Spring, 200_000, "16,640 bytes"},
		"Spring_on_Jetty":      {stomptest.Spring7Jetty, 60_000, ""},
		"Spring_on_Jetty_too":  {stomptest.Spring7Jetty, 200_000, "Jetty takes messages up to 65,536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := rig.PipeBroker(t, stomptest.WithProfile(c.profile))
			client := rig.Connect(t, b)
			messages, err := client.Subscribe(t.Context(), "/topic/a")
			rig.OK(t, err)
			body := bytes.Repeat([]byte("0123456789"), c.size/10)
			rig.OK(t, client.Send(t.Context(), "/topic/a", body))
			f, open := <-messages
			if c.hint == "" {
				if !bytes.Equal(f.Body, body) {
					t.Errorf("the body came back with %d bytes (%v)", len(f.Body), client.Err())
				}
				return
			}
			var closed *stomp.CloseError
			if err := client.Err(); open || !errors.As(err, &closed) || closed.Code != 1009 || !strings.Contains(err.Error(), c.hint) {
				t.Errorf("the Client ended with %v, want 1009 and the hint", err)
			}
		})
	}
}
