package stomp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/webstomp/webstomp/internal/rig"
	"github.com/webstomp/webstomp/stomp"
)

func TestWithDialer_gets_the_URL_as_given_and_shows_it_without_its_password(t *testing.T) {
	for url, shown := range map[string]string{
		"memory://u:secret@broker/x?y=1": "memory://u@broker/x",
		"tcp://broker.test":              "tcp://broker.test",
		"ws://broker.test/ws":            "ws://broker.test/ws",
		"just a name":                    "just%20a%20name",
		"memory:secret@broker":           "(URL of WithDialer)",
		"memory://u:sec%ret@broker":      "(URL of WithDialer)",
	} {
		b := rig.PipeBroker(t)
		client := rig.Connect(t, url, stomp.WithDialer(func(ctx context.Context, got string) (net.Conn, error) {
			if got != url {
				t.Errorf("the dialer got %q, want %q", got, url)
			}
			return b.Dial(ctx, got)
		}))
		if got := client.Status().Session; got.URL != shown || got.Subprotocol != "" {
			t.Errorf("the session's URL is %q, its subprotocol %q, want %q and none", got.URL, got.Subprotocol, shown)
		}
	}
}

func TestWithDialer_an_error(t *testing.T) {
	cause := errors.New("no route")
	err := rig.ConnectError(t, t.Context(), "tcp://broker.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, cause }))
	rig.ErrorText(t, err, "stomp: connect tcp://broker.test: WithDialer: no route")
	rig.ErrorIs(t, err, cause)
}

func TestWithDialer_neither_a_connection_nor_an_error(t *testing.T) {
	err := rig.ConnectError(t, t.Context(), "tcp://broker.test", stomp.WithDialer(func(context.Context, string) (net.Conn, error) { return nil, nil }))
	rig.ErrorText(t, err, "stomp: connect tcp://broker.test: WithDialer: the dialer returned neither a connection nor an error")
}

func TestWithDialer_a_connection_that_cannot_be_written(t *testing.T) {
	server := rig.NewServer(t)
	var nc *rig.Conn
	server.Wrap = func(near net.Conn) net.Conn {
		nc = &rig.Conn{Conn: near, OnWrite: func([]byte) (int, error) { return 0, io.ErrShortWrite }}
		return nc
	}
	err := rig.ConnectError(t, t.Context(), server)
	rig.ErrorText(t, err, "stomp: connect tcp://broker.test: sending CONNECT: ws: write: short write")
	if !nc.Closed() {
		t.Error("the connection was not closed")
	}
}

func TestWithDialer_the_Client_closes_it(t *testing.T) {
	server := rig.NewServer(t)
	var nc *rig.Conn
	server.Wrap = func(near net.Conn) net.Conn {
		nc = &rig.Conn{Conn: near}
		return nc
	}
	_, client := server.Session("version:1.2")
	client.Close()
	if !nc.Closed() {
		t.Error("the connection was not closed")
	}
}

func TestWithDialer_W8_a_stream_stays_strict(t *testing.T) {
	p, client := rig.Session(t)
	p.SendRaw("MESSAGE\ndestination:/a\nmessage-id:1\nsubscription:x\ncontent-length:2\n\nabcd\x00")
	<-client.Done()
	rig.ErrorClause(t, client.Err(), "F3")
}

// An option of the WebSocket on a bare socket is refused before anything is dialled, and again trying cannot help.
func TestConnect_bare_socket_refuses_WebSocket_options(t *testing.T) {
	for name, o := range map[string]stomp.ConnectOption{
		"WithHTTPHeader":   stomp.WithHTTPHeader(http.Header{"A": {"b"}}),
		"WithSubprotocols": stomp.WithSubprotocols("v12.stomp"),
		"WithCompression":  stomp.WithCompression(),
		"WithMessageType":  stomp.WithMessageType(stomp.MessageBinary),
		"WithMessageSplit": stomp.WithMessageSplit(1000),
		"WithPing":         stomp.WithPing(time.Second),
	} {
		err := rig.ConnectError(t, t.Context(), "tcp://broker.invalid", o)
		failed := rig.ErrorAs[stomp.ConnectError](t, err)
		if !failed.Permanent() || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
