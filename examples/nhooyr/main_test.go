package main

//lint:file-ignore SA1019 the deprecated library is what this is about

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"nhooyr.io/websocket"

	"github.com/webstomp/webstomp/internal/exampletest"
	"github.com/webstomp/webstomp/stomp"
	"github.com/webstomp/webstomp/stomp/stomptest"
)

func TestMain(m *testing.M) { exampletest.Main(m, main) }

func TestRun_prints_what_it_received(t *testing.T) {
	for _, c := range []struct {
		profile stomptest.Profile
		typ     websocket.MessageType
		server  string
	}{
		{stomptest.Generic, websocket.MessageText, "stomptest/1"},
		{stomptest.RabbitMQ, websocket.MessageText, "RabbitMQ/3.10.8"},
		{stomptest.Classic, websocket.MessageText, "ActiveMQ/5.17.2"},
		{stomptest.Artemis, websocket.MessageBinary, "ActiveMQ-Artemis/2.44.0 ActiveMQ Artemis Messaging Engine"},
	} {
		t.Run(c.profile.String(), func(t *testing.T) {
			broker := stomptest.NewBroker(stomptest.WithProfile(c.profile))
			defer broker.Close()
			var out bytes.Buffer
			if err := run(t.Context(), &out, broker.URL(), c.typ); err != nil {
				t.Fatal(err)
			}
			want := "connected to " + c.server + ", STOMP 1.2\nreceived \"hello 1\" from /topic/greetings\nreceived \"hello 2\" from /topic/greetings\nreceived \"hello 3\" from /topic/greetings\ndisconnected\n"
			if out.String() != want {
				t.Errorf("got\n%swant\n%s", out.String(), want)
			}
		})
	}
}

// Each frame is one message, however many are sent at once and however long they
// are. ActiveMQ Classic drops what follows the first frame of a message and closes
// the connection at part of a frame.
func TestDialer_W2_one_frame_is_one_message(t *testing.T) {
	broker, client := join(t, stomptest.WithProfile(stomptest.Classic))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	messages, err := client.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
	if err != nil {
		t.Fatal(err)
	}
	const n = 500
	body := func(i int) string { return fmt.Sprint(i, strings.Repeat(" long", i%2*10_000)) }
	for i := range n {
		if err := client.Send(ctx, "/topic/a", []byte(body(i))); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		select {
		case m := <-messages:
			if string(m.Body) != body(i) {
				t.Fatalf("body %.20q of %d bytes, want that of %d (%v)", m.Body, len(m.Body), i, client.Err())
			}
		case <-ctx.Done():
			t.Fatalf("%d messages came, and no more: %d frames have reached the broker", i, len(broker.Received()))
		}
	}
}

// The connection outlives the ctx that it was dialed with, and the dialer makes the
// next one. A silent broker is disconnected without a close handshake.
func TestDialer_reconnects(t *testing.T) {
	for name, lose := range map[string]func(*stomptest.Broker){
		"cut":    (*stomptest.Broker).Cut,
		"closed": func(b *stomptest.Broker) { b.CloseConnections(1012, "restart") },
		"silent": func(b *stomptest.Broker) { b.Silence(true) },
	} {
		t.Run(name, func(t *testing.T) {
			broker, client := join(t, stomptest.WithHeartBeat(500*time.Millisecond, 0))
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			messages, err := client.Subscribe(ctx, "/topic/a", stomp.WithReceipt())
			if err != nil {
				t.Fatal(err)
			}
			changes := client.Watch(ctx)
			lose(broker)
			for s := range changes {
				if s.State == stomp.StateReconnecting {
					broker.Silence(false)
				}
				if s.Epoch > 1 {
					break
				}
			}
			if err := client.Send(ctx, "/topic/a", []byte("again"), stomp.WithReceipt()); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-messages:
				if string(m.Body) != "again" || m.Epoch < 2 {
					t.Errorf("%v of session %d (%v)", m, m.Epoch, client.Err())
				}
			case <-ctx.Done():
				t.Error("no message came")
			}
			if err := client.Disconnect(ctx); err != nil {
				t.Error(err)
			}
		})
	}
}

// join connects with the example's dialer. The broker and the client end with the
// test.
func join(t *testing.T, opts ...stomptest.Option) (*stomptest.Broker, *stomp.Client) {
	t.Helper()
	broker := stomptest.NewBroker(opts...)
	t.Cleanup(broker.Close)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	client, err := stomp.Connect(ctx, broker.URL(), stomp.WithDialer(dialer(websocket.MessageText)),
		stomp.WithHeartBeat(0, 500*time.Millisecond), stomp.WithReconnect(stomp.Backoff{Max: time.Second}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return broker, client
}

func TestMain_needs_no_flags(t *testing.T) {
	if r := exampletest.Start(t).Wait(); r.Code != 0 || !strings.HasSuffix(r.Stdout, "disconnected\n") {
		t.Error(r)
	}
}

func TestMain_exits_with_1(t *testing.T) {
	exampletest.Fails(t, (*stomptest.Broker).URL)
}

func TestRun_gives_up_with_its_ctx(t *testing.T) {
	exampletest.GivesUp(t, (*stomptest.Broker).URL, func(ctx context.Context, url string) error {
		return run(ctx, io.Discard, url, websocket.MessageText)
	})
}
